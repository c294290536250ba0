#include "storage/folder_access.h"

#include <algorithm>
#include <charconv>

namespace fedlog::storage {
namespace {

constexpr int format_version =
    1;  // stored in VERSION; counted up when an older server could not read the folder
constexpr std::string_view key_mark_name = "master-key-mark";     // stored; never change
constexpr std::string_view key_mark_purpose = "master-key-mark";  // likewise
constexpr std::string_view key_mark = "fedlog";                   // likewise

std::expected<void, std::string> check_version(const FolderLayout& layout) {
  const auto text = read_file(layout.version(), 32);
  if (!text) return std::unexpected(text.error().message);
  if (!*text) return std::unexpected(layout.root.string() + " is no data folder: it has no file VERSION");
  int version = 0;
  const auto* begin = (*text)->data();
  const auto [end, error] = std::from_chars(begin, begin + (*text)->size(), version);
  if (error != std::errc{} || version < 1) {
    return std::unexpected(layout.version().string() + " holds no version number");
  }
  if (version > format_version) {
    return std::unexpected("the data folder " + layout.root.string() + " has format " +
                           std::to_string(version) +
                           ", written by a newer fedlog; this one reads formats up to " +
                           std::to_string(format_version) + ": use the newer fedlog");
  }
  return {};
}

std::expected<void, std::string> as_text(const FileResult& result) {
  if (!result) return std::unexpected(result.error().message);
  return {};
}

// VERSION is written last: without it, whatever is there is an interrupted creation or something else.
std::expected<void, std::string> create_content(const FolderLayout& layout) {
  if (std::filesystem::exists(layout.journal()) || std::filesystem::exists(layout.blobs())) {
    return std::unexpected(
        layout.root.string() +
        " holds a journal or blobs but no file VERSION: restore it, or choose another folder");
  }
  if (auto made = as_text(create_private_folder(layout.keys())); !made) return made;
  if (!std::filesystem::exists(layout.master_key())) {
    MasterKey key{};
    fill_random(key);
    const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
    if (auto made = as_text(replace_file(layout.master_key(), bytes)); !made) return made;
  }
  return as_text(replace_file(layout.version(), std::to_string(format_version) + "\n"));
}

std::expected<void, std::string> create_folders(const FolderLayout& layout) {
  for (const auto& folder : {layout.journal(), layout.blobs(), layout.temporary(), layout.checkpoints()}) {
    if (auto made = as_text(create_private_folder(folder)); !made) return made;
  }
  return {};
}

}  // namespace

std::expected<FolderLock, std::string> prepare_folder(const FolderLayout& layout) {
  std::error_code error;
  std::filesystem::create_directories(layout.root.parent_path(), error);
  if (auto made = as_text(create_private_folder(layout.root)); !made) return std::unexpected(made.error());
  auto lock = FolderLock::take(layout.lock());
  if (!lock) return lock;
  if (!std::filesystem::exists(layout.version())) {
    if (auto created = create_content(layout); !created) return std::unexpected(created.error());
  }
  if (auto checked = check_version(layout); !checked) return std::unexpected(checked.error());
  if (auto created = create_folders(layout); !created) return std::unexpected(created.error());
  return lock;
}

std::expected<FolderLock, std::string> enter_folder(const FolderLayout& layout) {
  if (!std::filesystem::exists(layout.version())) {
    return std::unexpected(layout.root.string() + " is no data folder: it has no file VERSION");
  }
  auto lock = FolderLock::take(layout.lock());
  if (!lock) return lock;
  if (auto checked = check_version(layout); !checked) return std::unexpected(checked.error());
  return lock;
}

std::expected<MasterKey, std::string> read_master_key(const FolderLayout& layout) {
  const auto bytes = read_file(layout.master_key(), 64);
  if (!bytes) return std::unexpected(bytes.error().message);
  MasterKey key{};
  if (!*bytes || (*bytes)->size() != key.size()) {
    return std::unexpected(layout.master_key().string() + (*bytes ? " has not 32 bytes" : " is missing") +
                           "; without it names and secrets cannot be read: restore it from a backup");
  }
  std::ranges::copy(**bytes, key.begin());
  return key;
}

std::expected<void, std::string> check_master_key(Tables& tables, const Vault& vault,
                                                  const FolderLayout& layout) {
  if (const auto mark = tables.get(Table::meta, key_mark_name)) {
    if (vault.unseal(key_mark_purpose, *mark)) return {};
    return std::unexpected(layout.master_key().string() +
                           " is not the key that this journal was written with: restore it from a backup");
  }
  Changes changes;
  changes[static_cast<std::size_t>(Table::meta)].emplace(key_mark_name,
                                                         vault.seal(key_mark_purpose, key_mark));
  const auto written = tables.write(changes, Durability::synced);
  if (!written) return std::unexpected(written.error().message);
  return {};
}

std::string damage_advice(const FolderLayout& layout) {
  const auto folder = layout.root.string();
  return "Nothing was changed. `fedlog verify --data " + folder +
         "` says up to which position the journal is sound; `fedlog repair --data " + folder +
         " --truncate-after POSITION` drops what is after it (keep a copy of the folder first).";
}

}  // namespace fedlog::storage
