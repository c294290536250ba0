#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/mapped_file.h"
#include "ml/named_tensors.h"
#include "ml/tensor.h"
#include "ml/tensor_record.h"

namespace fedlog::ml {

// A file of weights, read without running any of it: what torch.jit.save, torch.save (module, state_dict,
// tensor; the zip format, the default since PyTorch 1.6) and safetensors write. Once open succeeds, every
// structure and checksum has been verified, each tensor lies inside its storage, and names are unique,
// printable UTF-8. Values are not judged: NaN is legal here (see compatibility.h). Immutable and safe to read
// from several threads; move-only.
class ModelFile {
 public:
  // Maps the file for the object's lifetime; the file must not change meanwhile.
  [[nodiscard]] static std::expected<ModelFile, FileError> open(const std::filesystem::path& path,
                                                                const FileLimits& limits = {});
  // The same over bytes that stay the caller's and must outlive the object.
  [[nodiscard]] static std::expected<ModelFile, FileError> from_bytes(Bytes bytes,
                                                                      const FileLimits& limits = {});

  [[nodiscard]] FileKind kind() const { return content_.kind; }
  // The module's class without TorchScript's mangling ("torch.nn.modules.linear.Linear"); empty if it is no
  // module.
  [[nodiscard]] std::string_view root_class() const { return content_.root_class; }
  // In the order of PyTorch's state_dict; in safetensors that of the header.
  [[nodiscard]] const std::vector<TensorRecord>& tensors() const { return content_.tensors; }
  [[nodiscard]] const std::vector<StorageRecord>& storages() const { return storages_; }
  [[nodiscard]] const TensorRecord* find(std::string_view name) const;

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] Bytes storage_bytes(std::size_t storage) const;
  // The tensor's elements, row-major.
  [[nodiscard]] Tensor read(const TensorRecord& tensor) const;

 private:
  ModelFile(MappedFile mapping, Bytes bytes) : mapping_(std::move(mapping)), bytes_(bytes) {}
  [[nodiscard]] static std::expected<ModelFile, FileError> parse(MappedFile mapping, Bytes bytes,
                                                                 const FileLimits& limits);
  [[nodiscard]] std::expected<void, FileError> check_tensors(const FileLimits& limits) const;
  void index_names();

  MappedFile mapping_;
  Bytes bytes_;
  NamedTensors content_{};
  std::vector<StorageRecord> storages_;
  // Indexes of the tensors in the order of their names.
  std::vector<std::uint32_t> by_name_;
};

// The tensor in a file that holds one (torch.save(tensor)), contiguous: inference input, moments.
[[nodiscard]] std::expected<Tensor, FileError> read_tensor(const std::filesystem::path& path,
                                                           const FileLimits& limits = {});
[[nodiscard]] std::expected<Tensor, FileError> read_tensor(Bytes bytes, const FileLimits& limits = {});

}  // namespace fedlog::ml
