#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/pickle_reader.h"
#include "ml/tensor_record.h"
#include "ml/zip_archive.h"

namespace fedlog::ml {

// What torch.save and torch.jit.save write: a zip with one top folder that holds data.pkl, the storages
// data/KEY, a version and (TorchScript) code. Open has checked all of it: every tensor that the pickle
// mentions lies inside its storage, every storage has a record of its exact size, no record data/KEY is
// unused. The layout is that of PyTorch's serialization.py (docs/source/notes/serialization.rst) and
// torch/csrc/jit/serialization/docs.
class TorchArchive {
 public:
  // `file` must outlive the archive.
  [[nodiscard]] static std::expected<TorchArchive, FileError> open(Bytes file, const FileLimits& limits = {});

  [[nodiscard]] const ZipArchive& zip() const { return zip_; }
  [[nodiscard]] const PickleTree& pickle() const { return pickle_; }
  [[nodiscard]] const std::vector<StorageRecord>& storages() const { return storages_; }
  // The tensor or parameter that a value of the pickle describes (without a name); null for any other value.
  [[nodiscard]] const TensorRecord* tensor(PickleRef value) const;
  // A record by its path below the top folder: "code/__torch__/net.py".
  [[nodiscard]] const ZipEntry* record(std::string_view path) const;
  // Paths below the top folder of all records, in the order of the file.
  [[nodiscard]] std::string_view path_of(const ZipEntry& entry) const;

 private:
  friend class TorchArchiveReader;
  TorchArchive(ZipArchive zip, PickleTree pickle, std::string root)
      : zip_(std::move(zip)), pickle_(std::move(pickle)), root_(std::move(root)) {}

  ZipArchive zip_;
  PickleTree pickle_;
  std::string root_;  // with its slash
  std::vector<StorageRecord> storages_;
  std::unordered_map<PickleRef, TensorRecord> tensors_;
};

}  // namespace fedlog::ml
