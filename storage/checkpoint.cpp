#include "storage/checkpoint.h"

#include <charconv>

#include "storage/files.h"
#include "storage/table_journal.h"

namespace fedlog::storage {
namespace {

constexpr std::size_t file_bytes_max = 256;

// "<position> <hash as hex>\n"
std::optional<Checkpoint> parse(std::string_view text) {
  const auto space = text.find(' ');
  if (space == std::string_view::npos || !text.ends_with('\n')) return std::nullopt;
  Checkpoint checkpoint;
  const auto [end, error] = std::from_chars(text.data(), text.data() + space, checkpoint.position);
  const auto hash = domain::BlobId::parse(text.substr(space + 1, text.size() - space - 2));
  if (error != std::errc{} || end != text.data() + space || !hash) return std::nullopt;
  checkpoint.hash = hash->digest;
  return checkpoint;
}

std::string hex(const Hash& hash) {
  return domain::BlobId{hash}.text();
}

}  // namespace

std::expected<std::optional<Checkpoint>, std::string> read_checkpoint(const std::filesystem::path& file) {
  const auto text = read_file(file, file_bytes_max);
  if (!text) return std::unexpected(text.error().message);
  if (!*text) return std::nullopt;
  auto checkpoint = parse(**text);
  if (!checkpoint) {
    return std::unexpected(file.string() +
                           " is damaged; if `fedlog verify` finds nothing else, remove this file");
  }
  return checkpoint;
}

bool write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  return replace_file(file, std::to_string(checkpoint.position) + " " + hex(checkpoint.hash) + "\n")
      .has_value();
}

std::expected<void, std::string> compare_with_checkpoint(const TableReader& reader,
                                                         const Checkpoint& checkpoint) {
  if (checkpoint.position == 0) return {};
  const auto found = read_log(reader, checkpoint.position, 1);
  const auto position = std::to_string(checkpoint.position);
  if (found.empty() || found.front().position != checkpoint.position) {
    return std::unexpected("events are missing: the journal ends at position " +
                           std::to_string(read_log_head(reader).position) +
                           ", but it was on disk up to position " + position + " before");
  }
  if (found.front().hash != checkpoint.hash) {
    return std::unexpected("the event at position " + position +
                           " is not the one that was on disk before: its hash is " + hex(found.front().hash) +
                           ", the checkpoint says " + hex(checkpoint.hash));
  }
  return {};
}

}  // namespace fedlog::storage
