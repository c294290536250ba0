#pragma once

#include <filesystem>
#include <string>

// TorchScript models made on the spot, behind a header without torch.
namespace fedlog::ml::testing {

// Saves a module with the methods that `code` defines. It has `weight`, four floats 1, 2, 3, 4, and
// `training`.
void save_script_model(const std::filesystem::path& path, const std::string& code);

// Saves one with a layer called Dropout (p = 0.5), which its forward applies.
void save_dropout_model(const std::filesystem::path& path);

}  // namespace fedlog::ml::testing
