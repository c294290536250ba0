#include "ml/safetensors.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <utility>

namespace fedlog::ml {
namespace {

constexpr std::uint64_t length_size = 8;

struct SafetensorsType {
  std::string_view name;
  DType dtype;
};

constexpr auto types = std::to_array<SafetensorsType>({{"F32", DType::float32},
                                                       {"F64", DType::float64},
                                                       {"F16", DType::float16},
                                                       {"BF16", DType::bfloat16},
                                                       {"I64", DType::int64},
                                                       {"I32", DType::int32},
                                                       {"I16", DType::int16},
                                                       {"I8", DType::int8},
                                                       {"U8", DType::uint8},
                                                       {"BOOL", DType::boolean}});

struct Header {
  std::string name = {};
  std::string dtype = {};
  std::vector<std::int64_t> shape = {};
  std::vector<std::int64_t> offsets = {};
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
};

std::unexpected<FileError> wrong(const Header& header, const std::string& what) {
  return file_error(FileErrorCode::malformed,
                    "The safetensors entry \"" + printable(header.name) + "\" " + what + ".");
}

std::expected<void, FileError> add(const Header& header, std::uint64_t data_start, std::uint64_t data_size,
                                   SafetensorsContent& content) {
  if (!header.has_dtype || !header.has_shape) {
    return wrong(header, "needs a dtype and a shape");
  }
  const auto* type = std::ranges::find(types, header.dtype, &SafetensorsType::name);
  if (type == types.end()) {
    return file_error(FileErrorCode::unsupported, "The safetensors entry \"" + printable(header.name) +
                                                      "\" has the unsupported dtype \"" +
                                                      printable(header.dtype) + "\".");
  }
  if (header.offsets.size() != 2 || header.offsets[0] > header.offsets[1]) {
    return wrong(header, "needs two ascending data_offsets");
  }
  const auto begin = static_cast<std::uint64_t>(header.offsets[0]);
  const auto end = static_cast<std::uint64_t>(header.offsets[1]);
  if (end > data_size) {
    return wrong(header, "has data_offsets past the end of the file");
  }
  const auto count = element_count(header.shape);
  const std::uint64_t width = size_bytes(type->dtype);
  if (!count || (end - begin) % width != 0 || (end - begin) / width != *count) {
    return wrong(header,
                 "has data_offsets that do not match its shape " + describe(type->dtype, header.shape));
  }
  content.tensors.push_back({.name = header.name,
                             .dtype = type->dtype,
                             .shape = header.shape,
                             .strides = contiguous_strides(header.shape),
                             .storage = content.storages.size()});
  content.storages.push_back({.key = header.name,
                              .dtype = type->dtype,
                              .element_count = *count,
                              .size_bytes = end - begin,
                              .file_offset = data_start + begin,
                              .crc_offsets = {}});
  return {};
}

// Accepts {"name": {"dtype": string, "shape": [int], "data_offsets": [int, int]}, "__metadata__": {string:
// string}} and stops at anything else, so that depth and memory are bounded. Fills the content entry by
// entry.
class HeaderHandler : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderHandler(std::uint64_t data_start, std::uint64_t data_size, const FileLimits& limits)
      : data_start_(data_start), data_size_(data_size), limits_(limits) {}

  SafetensorsContent content;
  FileError fault{FileErrorCode::malformed, "The safetensors header is not JSON."};

  bool null() override { return misplaced(); }
  bool boolean(bool) override { return misplaced(); }
  bool number_float(number_float_t, const string_t&) override { return misplaced(); }
  bool binary(binary_t&) override { return misplaced(); }
  bool number_integer(number_integer_t) override {
    return fail("A size or offset in the safetensors header is negative.");
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (list_ == nullptr) {
      return misplaced();
    }
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()) ||
        list_->size() >= 64) {
      return fail("A size or offset in the safetensors header is out of range.");
    }
    list_->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  bool string(string_t& value) override {
    if (in_metadata_) {
      return true;
    }
    if (depth_ != 2 || key_ != "dtype" || list_ != nullptr) {
      return misplaced();
    }
    entry_.dtype = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (in_metadata_ || depth_ >= 2 || list_ != nullptr) {
      return misplaced();
    }
    ++depth_;
    if (depth_ == 2) {
      in_metadata_ = key_ == "__metadata__";
      entry_ = {.name = key_};
    }
    return true;
  }

  bool key(string_t& value) override {
    key_ = value;
    if (depth_ == 2 && !in_metadata_) {
      return part(value);
    }
    auto& names = in_metadata_ ? metadata_names_ : names_;
    if (names.size() > limits_.tensors || (!in_metadata_ && value.size() > limits_.tensor_name_bytes)) {
      fault.code = FileErrorCode::over_limit;
      return fail("The safetensors file has too many or overlong names.");
    }
    return names.insert(value).second || twice(value);
  }

  bool end_object() override {
    --depth_;
    if (depth_ == 1 && !std::exchange(in_metadata_, false)) {
      if (content.tensors.size() >= limits_.tensors) {
        fault.code = FileErrorCode::over_limit;
        return fail("The safetensors file has more than " + std::to_string(limits_.tensors) + " tensors.");
      }
      if (auto added = add(entry_, data_start_, data_size_, content); !added) {
        fault = std::move(added.error());
        return false;
      }
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (in_metadata_ || depth_ != 2 || list_ != nullptr || (key_ != "shape" && key_ != "data_offsets")) {
      return misplaced();
    }
    list_ = key_ == "shape" ? &entry_.shape : &entry_.offsets;
    return true;
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool fail(std::string message) {
    fault.message = std::move(message);
    return false;
  }
  bool misplaced() { return fail("The safetensors header has a value that does not belong there."); }
  bool twice(std::string_view name) {
    return fail("The safetensors header has the name \"" + printable(name) + "\" twice.");
  }

  // Other keys are refused by their values.
  bool part(std::string_view name) {
    for (const auto& [known, has] : {std::pair<std::string_view, bool*>{"dtype", &entry_.has_dtype},
                                     {"shape", &entry_.has_shape},
                                     {"data_offsets", &entry_.has_offsets}}) {
      if (name == known && std::exchange(*has, true)) {
        return twice(name);
      }
    }
    return true;
  }

  std::uint64_t data_start_;
  std::uint64_t data_size_;
  const FileLimits& limits_;
  int depth_ = 0;
  bool in_metadata_ = false;
  std::string key_;
  Header entry_;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> metadata_names_;
  std::vector<std::int64_t>* list_ = nullptr;
};

std::expected<void, FileError> check_tiling(const std::vector<StorageRecord>& storages, std::uint64_t start,
                                            std::uint64_t size) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  ranges.reserve(storages.size());
  for (const StorageRecord& storage : storages) {
    ranges.emplace_back(storage.file_offset, storage.file_offset + storage.size_bytes);
  }
  std::ranges::sort(ranges);
  std::uint64_t at = start;
  for (const auto& [begin, end] : ranges) {
    if (begin != at) {
      return file_error(FileErrorCode::malformed, begin < at ? "The safetensors data_offsets overlap."
                                                             : "The safetensors data_offsets leave a hole.");
    }
    at = end;
  }
  if (at != size) {
    return file_error(FileErrorCode::malformed, "There are bytes after the safetensors file's last tensor.");
  }
  return {};
}

}  // namespace

bool looks_like_safetensors(Bytes file) {
  return file.size() > length_size && file[length_size] == std::byte{'{'};
}

std::expected<SafetensorsContent, FileError> read_safetensors(Bytes file, const FileLimits& limits) {
  const auto header_size = load_little_endian<std::uint64_t>(file, 0);
  if (!fits(length_size, header_size, file.size())) {
    return file_error(FileErrorCode::malformed, "The safetensors header reaches past the end of the file.");
  }
  if (header_size > limits.safetensors_header_bytes) {
    return file_error(FileErrorCode::over_limit, "The safetensors header is too large.");
  }
  const std::string_view text = as_text(file.subspan(length_size, header_size));
  const std::uint64_t data_start = length_size + header_size;
  HeaderHandler handler(data_start, file.size() - data_start, limits);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &handler)) {
    return std::unexpected(std::move(handler.fault));
  }
  if (handler.content.tensors.empty()) {
    return file_error(FileErrorCode::malformed, "The safetensors file holds no tensors.");
  }
  if (auto checked = check_tiling(handler.content.storages, data_start, file.size()); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  return std::move(handler.content);
}

}  // namespace fedlog::ml
