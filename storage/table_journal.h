#pragma once

#include "storage/journal.h"
#include "storage/tables.h"

namespace fedlog::storage {

// The reading half of a journal over tables.
class TableJournal : public Journal {
 public:
  explicit TableJournal(Tables& tables) : tables_(tables) {}

  [[nodiscard]] std::vector<Envelope> read_stream(const StreamName& stream,
                                                  std::uint64_t from_version) override;
  [[nodiscard]] std::vector<Envelope> read_all(std::uint64_t from_position, std::size_t limit) override;
  [[nodiscard]] std::uint64_t version_of(const StreamName& stream) override;
  [[nodiscard]] std::uint64_t last_position() override;
  [[nodiscard]] std::optional<std::string> secret(const std::string& key) override;
  void put_snapshot(const StreamName& stream, std::string bytes) override;
  [[nodiscard]] std::optional<std::string> snapshot(const StreamName& stream) override;

 protected:
  Tables& tables_;
};

// At most `limit` envelopes from `from_position` on, as stored.
[[nodiscard]] std::vector<Envelope> read_log(const TableReader& reader, std::uint64_t from_position,
                                             std::size_t limit);

}  // namespace fedlog::storage
