#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedlog::ml {

// A record of a hand-made zip archive. The optional members are lies: they replace what the headers would
// say.
struct HandMadeRecord {
  std::string name = {};
  std::string content = {};
  bool deflated = false;
  std::optional<std::string> local_name = {};
  std::optional<std::uint32_t> size = {};
  std::optional<std::uint32_t> local_size = {};
  std::optional<std::uint32_t> crc = {};
  std::optional<std::uint32_t> central_crc = {};
  std::optional<std::uint32_t> offset = {};
  std::uint16_t flags = 0x800;
  std::optional<std::uint16_t> method = {};
};

struct HandMadeEnd {
  std::optional<std::uint16_t> entries = {};
  std::string comment = {};
};

[[nodiscard]] std::string zip_of(const std::vector<HandMadeRecord>& records, const HandMadeEnd& end = {});

// Pieces of pickles, protocol 2.
[[nodiscard]] std::string pickled(std::string_view text);
[[nodiscard]] std::string pickled(std::int64_t number);
[[nodiscard]] std::string pickled_tuple(const std::vector<std::int64_t>& numbers);
[[nodiscard]] std::string pickled_global(std::string_view module, std::string_view name);
// "(...u": the items of a dict that lies on the stack.
[[nodiscard]] std::string pickled_items(const std::vector<std::pair<std::string, std::string>>& items);
[[nodiscard]] std::string complete_pickle(const std::string& operations);

struct HandMadeTensor {
  std::string name = {};
  std::vector<std::int64_t> shape = {};
  std::vector<std::int64_t> strides = {};
  std::string storage_type = "FloatStorage";
  std::string key = "0";
  std::int64_t storage_elements = 0;
  std::int64_t offset = 0;
};

// The tuple of arguments of the function that makes the tensor, and the call.
[[nodiscard]] std::string pickled_tensor_arguments(const HandMadeTensor& tensor);
[[nodiscard]] std::string pickled_tensor(const HandMadeTensor& tensor);
// A tensor that torch._tensor._rebuild_from_type_v2 makes: of a function, a class, and attributes.
[[nodiscard]] std::string pickled_typed_tensor(const HandMadeTensor& tensor, const std::string& function,
                                               const std::string& type, const std::string& attributes);

struct HandMadeStorage {
  std::string key = {};
  std::string content = {};
};

// A torch.save archive around a pickle.
[[nodiscard]] std::string torch_file(const std::string& pickle, const std::vector<HandMadeStorage>& storages,
                                     const std::vector<HandMadeRecord>& more = {});

// A state_dict of float32 vectors, one storage each.
struct NamedFloats {
  std::string name = {};
  std::vector<float> values = {};
};
[[nodiscard]] std::string state_dict_file(const std::vector<NamedFloats>& tensors);

template <typename Element>
[[nodiscard]] std::string raw(const std::vector<Element>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Element)};
}

}  // namespace fedlog::ml
