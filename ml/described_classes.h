#pragma once

#include <expected>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace fedlog::ml {

// The classes of PyTorch's and torchvision's whose objects a model worker executes from their description, in
// the order of their names. The worker has a rule for each of them.
[[nodiscard]] std::span<const std::string_view> described_classes();

// Whether every layer and transform of an eager module (a file that ModelFile accepts) is of one of them. The
// error names the first class that is not, and the way out. An attribute that no rule executes is only found
// when it is run.
[[nodiscard]] std::expected<void, std::string> check_described_classes(const std::filesystem::path& file);

// Why an object of this class is not executed: "an object of class my.Net, whose code is not in the file".
[[nodiscard]] std::string not_described(std::string_view class_name);

inline constexpr std::string_view described_way_out =
    "save torch.jit.script(model) with torch.jit.save and upload that file";

}  // namespace fedlog::ml
