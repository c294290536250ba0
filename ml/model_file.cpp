#include "ml/model_file.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>
#include <utility>

#include "ml/safetensors.h"
#include "ml/torch_archive.h"

namespace fedlog::ml {
namespace {

// torch.save before 1.6: a pickle of the number 0x1950a86a20f9469cfc6c comes first.
constexpr std::string_view legacy_head("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

std::expected<void, FileError> check_format(Bytes bytes) {
  const std::string_view head = as_text(bytes.first(std::min<std::size_t>(bytes.size(), 512)));
  if (head.empty()) {
    return file_error(FileErrorCode::unknown_format, "The file is empty.");
  }
  if (head.starts_with("PK")) {
    return {};
  }
  if (head.starts_with(legacy_head)) {
    return file_error(
        FileErrorCode::unknown_format,
        "The file is in PyTorch's legacy format. Save it again with PyTorch 1.6 or newer and without "
        "_use_new_zipfile_serialization=False.");
  }
  if (head.starts_with('\x80')) {
    return file_error(FileErrorCode::unknown_format,
                      "The file is a plain pickle, which could run code when it is loaded. Use torch.save or "
                      "torch.jit.save.");
  }
  if (head.starts_with(std::string_view("storages\0", 9)) ||
      (head.size() >= 262 && head.substr(257, 5) == "ustar")) {
    return file_error(
        FileErrorCode::unknown_format,
        "The file is a tar archive, the format of PyTorch 0.1. Save it again with PyTorch 1.6 or "
        "newer.");
  }
  return file_error(
      FileErrorCode::unknown_format,
      "The file is neither a zip archive as written by torch.save or torch.jit.save nor safetensors.");
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

}  // namespace

std::expected<ModelFile, FileError> ModelFile::open(const std::filesystem::path& path,
                                                    const FileLimits& limits) {
  auto mapping = MappedFile::open(path);
  if (!mapping) {
    return std::unexpected(std::move(mapping.error()));
  }
  const Bytes bytes = mapping->bytes();
  return parse(std::move(*mapping), bytes, limits);
}

std::expected<ModelFile, FileError> ModelFile::from_bytes(Bytes bytes, const FileLimits& limits) {
  return parse(MappedFile{}, bytes, limits);
}

std::expected<ModelFile, FileError> ModelFile::parse(MappedFile mapping, Bytes bytes,
                                                     const FileLimits& limits) {
  if (bytes.size() > limits.file_size_bytes) {
    return file_error(FileErrorCode::over_limit,
                      "The file has " + std::to_string(bytes.size()) + " bytes; at most " +
                          std::to_string(limits.file_size_bytes) + " are allowed.");
  }
  ModelFile file(std::move(mapping), bytes);
  if (looks_like_safetensors(bytes)) {
    auto content = read_safetensors(bytes, limits);
    if (!content) {
      return std::unexpected(std::move(content.error()));
    }
    file.content_ = {.kind = FileKind::safetensors, .root_class = {}, .tensors = std::move(content->tensors)};
    file.storages_ = std::move(content->storages);
  } else {
    if (auto checked = check_format(bytes); !checked) {
      return std::unexpected(std::move(checked.error()));
    }
    auto archive = TorchArchive::open(bytes, limits);
    if (!archive) {
      return std::unexpected(std::move(archive.error()));
    }
    auto named = read_named_tensors(*archive, limits);
    if (!named) {
      return std::unexpected(std::move(named.error()));
    }
    file.content_ = std::move(*named);
    file.storages_ = archive->storages();
  }
  if (auto checked = file.check_tensors(limits); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  file.index_names();
  file.mapping_.release_pages();
  return file;
}

std::expected<void, FileError> ModelFile::check_tensors(const FileLimits& limits) const {
  // Views may repeat elements, so what they cost written out is not bounded by the file's size alone.
  constexpr std::uint64_t always_allowed = std::uint64_t{64} << 20;
  const std::uint64_t allowed = always_allowed + limits.tensor_bytes_ratio * bytes_.size();
  std::uint64_t total = 0;
  std::unordered_set<std::string_view> names;
  for (const TensorRecord& tensor : content_.tensors) {
    if (has_control_characters(tensor.name)) {
      return file_error(FileErrorCode::malformed,
                        "The tensor name \"" + printable(tensor.name) + "\" has control characters.");
    }
    if (!names.insert(tensor.name).second) {
      return file_error(FileErrorCode::malformed,
                        "The tensor name \"" + printable(tensor.name) + "\" occurs twice.");
    }
    const std::uint64_t count = element_count(tensor.shape).value();
    if (count > (allowed - total) / size_bytes(tensor.dtype)) {
      return file_error(FileErrorCode::over_limit,
                        "The tensor \"" + printable(tensor.name) + "\" " +
                            describe(tensor.dtype, tensor.shape) +
                            " is a view that is far larger than the file that it comes in.");
    }
    total += count * size_bytes(tensor.dtype);
  }
  return {};
}

void ModelFile::index_names() {
  by_name_.resize(content_.tensors.size());
  std::iota(by_name_.begin(), by_name_.end(), 0U);
  std::ranges::sort(by_name_, {},
                    [this](std::size_t i) -> std::string_view { return content_.tensors[i].name; });
}

const TensorRecord* ModelFile::find(std::string_view name) const {
  const auto name_of = [this](std::size_t index) -> std::string_view { return content_.tensors[index].name; };
  const auto found = std::ranges::lower_bound(by_name_, name, {}, name_of);
  return found == by_name_.end() || name_of(*found) != name ? nullptr : &content_.tensors[*found];
}

Bytes ModelFile::storage_bytes(std::size_t storage) const {
  return bytes_.subspan(storages_[storage].file_offset, storages_[storage].size_bytes);
}

Tensor ModelFile::read(const TensorRecord& tensor) const {
  return {.dtype = tensor.dtype,
          .shape = tensor.shape,
          .bytes = contiguous_bytes(tensor, storage_bytes(tensor.storage))};
}

namespace {

std::expected<Tensor, FileError> only_tensor(const std::expected<ModelFile, FileError>& file) {
  if (!file) {
    return std::unexpected(file.error());
  }
  if (file->kind() != FileKind::tensor) {
    return file_error(FileErrorCode::incompatible,
                      "The file holds no single tensor. Save it with torch.save(tensor).");
  }
  return file->read(file->tensors().front());
}

}  // namespace

std::expected<Tensor, FileError> read_tensor(const std::filesystem::path& path, const FileLimits& limits) {
  return only_tensor(ModelFile::open(path, limits));
}

std::expected<Tensor, FileError> read_tensor(Bytes bytes, const FileLimits& limits) {
  return only_tensor(ModelFile::from_bytes(bytes, limits));
}

}  // namespace fedlog::ml
