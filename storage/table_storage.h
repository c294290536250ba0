#pragma once

#include <memory>
#include <utility>

#include "storage/file_blob_store.h"
#include "storage/storage.h"
#include "storage/stored_key_ring.h"
#include "storage/vault.h"

namespace fedlog::storage {

// A storage over tables; how its journal writes and what else it holds is the subclass's. The tables must
// outlive it.
class TableStorage : public Storage {
 public:
  TableStorage(Tables& tables, const MasterKey& master_key, const std::filesystem::path& blobs,
               const std::filesystem::path& temporary)
      : tables_(tables),
        vault_(master_key),
        blobs_(blobs, temporary),
        keys_(tables, vault_),
        codec_(keys_),
        view_table_(tables, Table::views),
        views_(view_table_, keys_) {}

  [[nodiscard]] BlobStore& blobs() override { return blobs_; }
  [[nodiscard]] const BlobStore& blobs() const override { return blobs_; }
  [[nodiscard]] const Views& views() const override { return views_; }
  [[nodiscard]] const EventCodec& codec() const override { return codec_; }
  [[nodiscard]] std::unique_ptr<TableReader> snapshot() const override { return tables_.snapshot(); }
  [[nodiscard]] NewUserKey new_user_key(domain::UserId user) override;
  [[nodiscard]] std::string seal(std::string_view plain) const override;
  [[nodiscard]] std::optional<std::string> unseal(std::string_view sealed) const override;

 protected:
  [[nodiscard]] const Vault& vault() const { return vault_; }

 private:
  Tables& tables_;
  Vault vault_;
  FileBlobStore blobs_;
  StoredKeyRing keys_;
  EventCodec codec_;
  TableView view_table_;
  Views views_;
};

}  // namespace fedlog::storage
