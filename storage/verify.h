#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/storage.h"

namespace fedlog::storage {

struct VerifyOptions {
  bool views = true;           // compare them with a rebuild, in memory
  bool blob_contents = false;  // read every blob and compare its SHA-256
};

struct Problem {
  std::uint64_t position = 0;  // of the event it is about; 0: of none
  std::string text;
};

// What was found in a log and around it.
struct Report {
  std::uint64_t events = 0;
  std::uint64_t streams = 0;
  std::uint64_t blobs = 0;         // that are needed
  std::uint64_t unused_blobs = 0;  // that are there though nothing needs them; a server removes them
  std::uint64_t last_position = 0;
  Hash last_hash{};               // to compare with what was noted elsewhere
  std::uint64_t sound_until = 0;  // up to this position the log itself has no problem
  std::vector<Problem> problems;  // the first hundred
  std::uint64_t problems_in_all = 0;

  [[nodiscard]] bool sound() const { return problems_in_all == 0; }
};

// Checks a storage as it is now, also while it is being written to: positions, versions and hash chains
// without gaps, every payload decodes, every blob that is needed is there (what only deleted things need need
// not be), no notification is settled that was not requested, or twice, the indexes and views are what the
// log adds up to.
[[nodiscard]] Report verify(const Storage& storage, const VerifyOptions& options);

// The same of tables that do not change meanwhile.
[[nodiscard]] Report verify(const TableReader& reader, const EventCodec& codec, const BlobStore& blobs,
                            const VerifyOptions& options);

// The same for a data folder that no server uses, even one that a server refuses to open: its last checkpoint
// is compared too, and damage of the database is a problem among others. Changes nothing. The error says why
// nothing could be checked.
[[nodiscard]] std::expected<Report, std::string> verify_data_folder(const std::filesystem::path& folder,
                                                                    const VerifyOptions& options);

}  // namespace fedlog::storage
