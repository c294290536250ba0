#include "storage/file_blob_store.h"

#include <unistd.h>

#include <cerrno>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "storage/blob_holds.h"
#include "storage/files.h"
#include "storage/sha256.h"
#include "storage/vault.h"

namespace fedlog::storage {
namespace {

BlobError error_of(const FileFailure& failure) {
  return failure.disk_full ? BlobError::disk_full : BlobError::failed;
}

std::filesystem::path place_of(const std::filesystem::path& blobs, domain::BlobId id) {
  const auto name = id.text();
  return blobs / name.substr(0, 2) / name;
}

class FileBlobWriter final : public BlobWriter {
 public:
  FileBlobWriter(FileHandle file, std::filesystem::path temporary, std::filesystem::path blobs,
                 std::shared_ptr<BlobHolds> holds)
      : file_(std::move(file)),
        temporary_(std::move(temporary)),
        blobs_(std::move(blobs)),
        holds_(std::move(holds)) {}

  ~FileBlobWriter() override {
    if (!committed_) ::unlink(temporary_.c_str());
  }

  std::expected<void, BlobError> write(std::span<const std::byte> bytes) override {
    if (committed_) throw std::logic_error("a blob cannot be written to after its commit");
    if (error_) return std::unexpected(*error_);
    if (auto result = write_all(file_, bytes, temporary_); !result)
      return std::unexpected(fail(result.error()));
    hash_.add(bytes);
    size_bytes_ += bytes.size();
    return {};
  }

  std::uint64_t size_bytes() const override { return size_bytes_; }

  // Nothing is held back in this process, so other openers of the file see all of it.
  std::expected<std::filesystem::path, BlobError> path() override {
    if (error_) return std::unexpected(*error_);
    return temporary_;
  }

  // A blob that is there already is replaced by the same content: should it be damaged, this mends it.
  std::expected<domain::BlobId, BlobError> commit() override {
    if (committed_) throw std::logic_error("a blob is committed once");
    if (error_) return std::unexpected(*error_);
    const domain::BlobId id{hash_.finish()};
    const auto place = place_of(blobs_, id);
    hold_ = holds_->take(id);  // first, so that the file is not removed as soon as it is there
    auto result = sync_file(file_, temporary_);
    if (result) result = create_private_folder(place.parent_path());
    if (result) result = move_durably(temporary_, place);
    if (!result) return std::unexpected(fail(result.error()));
    committed_ = true;
    return id;
  }

  BlobHold hold() const override {
    if (!committed_) throw std::logic_error("only a committed blob can be held");
    return hold_;
  }

 private:
  BlobError fail(const FileFailure& failure) {
    error_ = error_of(failure);
    return *error_;
  }

  FileHandle file_;
  std::filesystem::path temporary_;
  std::filesystem::path blobs_;
  std::shared_ptr<BlobHolds> holds_;
  BlobHold hold_;
  Sha256 hash_;
  std::uint64_t size_bytes_ = 0;
  std::optional<BlobError> error_;
  bool committed_ = false;
};

std::string random_name() {
  domain::Uuid uuid;
  fill_random(uuid.bytes);
  return "blob-" + uuid.text();
}

}  // namespace

std::expected<domain::BlobId, BlobError> BlobStore::put(std::span<const std::byte> bytes) {
  auto writer = create();
  if (!writer) return std::unexpected(writer.error());
  if (auto written = (*writer)->write(bytes); !written) return std::unexpected(written.error());
  return (*writer)->commit();
}

FileBlobStore::FileBlobStore(std::filesystem::path blobs, std::filesystem::path temporary)
    : blobs_(std::move(blobs)), temporary_(std::move(temporary)), holds_(std::make_shared<BlobHolds>()) {}

std::expected<std::unique_ptr<BlobWriter>, BlobError> FileBlobStore::create() {
  auto temporary = temporary_ / random_name();
  auto file = create_private_file(temporary);
  if (!file) return std::unexpected(error_of(file.error()));
  return std::make_unique<FileBlobWriter>(std::move(*file), std::move(temporary), blobs_, holds_);
}

std::expected<std::filesystem::path, BlobError> FileBlobStore::path(domain::BlobId id) const {
  auto place = place_of(blobs_, id);
  std::error_code error;
  if (!std::filesystem::exists(place, error)) {
    return std::unexpected(error ? BlobError::failed : BlobError::missing);
  }
  return place;
}

std::expected<std::uint64_t, BlobError> FileBlobStore::size_bytes(domain::BlobId id) const {
  const auto place = path(id);
  if (!place) return std::unexpected(place.error());
  std::error_code error;
  const auto size = std::filesystem::file_size(*place, error);
  if (error) return std::unexpected(BlobError::failed);
  return size;
}

std::expected<std::string, BlobError> FileBlobStore::read(domain::BlobId id) const {
  auto content = read_file(place_of(blobs_, id), std::numeric_limits<std::size_t>::max());
  if (!content) return std::unexpected(BlobError::failed);
  if (!*content) return std::unexpected(BlobError::missing);
  return std::move(**content);
}

std::expected<BlobHold, BlobError> FileBlobStore::hold(domain::BlobId id) {
  auto hold = holds_->take(id);
  if (const auto place = path(id); !place) return std::unexpected(place.error());
  return hold;
}

std::expected<bool, BlobError> FileBlobStore::remove_unless(domain::BlobId id,
                                                            const std::function<bool()>& is_needed) {
  std::optional<BlobError> error;
  const bool removed = holds_->unless_held(id, [&] {
    if (is_needed()) return false;
    if (::unlink(place_of(blobs_, id).c_str()) == 0) return true;
    if (errno != ENOENT) error = BlobError::failed;
    return false;
  });
  if (error) return std::unexpected(*error);
  return removed;
}

void FileBlobStore::visit(const std::function<bool(domain::BlobId)>& visit) const {
  std::error_code error;
  for (std::filesystem::directory_iterator folder(blobs_, error), end; !error && folder != end;
       folder.increment(error)) {
    std::error_code gone;
    for (std::filesystem::directory_iterator file(folder->path(), gone); !gone && file != end;
         file.increment(gone)) {
      const auto id = domain::BlobId::parse(file->path().filename().string());
      if (id && file->path() == place_of(blobs_, *id) && !visit(*id)) return;
    }
  }
}

void FileBlobStore::when_let_go(std::function<void(domain::BlobId)> let_go) {
  holds_->when_let_go(std::move(let_go));
}

}  // namespace fedlog::storage
