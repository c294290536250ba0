#pragma once

#include <filesystem>

namespace fedlog::storage {

// Where things are in a data folder. FORMAT.md, "Data folder". Stored; never change.
struct FolderLayout {
  std::filesystem::path root;

  [[nodiscard]] std::filesystem::path version() const { return root / "VERSION"; }
  [[nodiscard]] std::filesystem::path lock() const { return root / "LOCK"; }
  [[nodiscard]] std::filesystem::path journal() const { return root / "journal"; }
  [[nodiscard]] std::filesystem::path blobs() const { return root / "blobs"; }
  [[nodiscard]] std::filesystem::path temporary() const { return root / "tmp"; }
  [[nodiscard]] std::filesystem::path keys() const { return root / "keys"; }
  [[nodiscard]] std::filesystem::path master_key() const { return keys() / "master"; }
  [[nodiscard]] std::filesystem::path checkpoints() const { return root / "checkpoints"; }
  [[nodiscard]] std::filesystem::path head_checkpoint() const { return checkpoints() / "head"; }
};

}  // namespace fedlog::storage
