#pragma once

#include "storage/journal.h"
#include "storage/log_head.h"
#include "storage/tables.h"
#include "storage/vault.h"

namespace fedlog::storage {

// The reading half of a journal over tables. All that it is made of must outlive it.
class TableJournal : public Journal {
 public:
  TableJournal(Tables& tables, const Vault& vault, Clock clock)
      : tables_(tables), vault_(vault), clock_(std::move(clock)) {}

  [[nodiscard]] std::vector<Envelope> read_stream(const StreamName& stream,
                                                  std::uint64_t from_version) override;
  [[nodiscard]] std::vector<Envelope> read_all(std::uint64_t from_position, std::size_t limit) override;
  [[nodiscard]] std::uint64_t version_of(const StreamName& stream) override;
  [[nodiscard]] std::uint64_t last_position() override;
  [[nodiscard]] std::optional<std::string> reply_to(const std::string& idempotency_key) override;
  [[nodiscard]] std::optional<std::string> secret(const std::string& key) override;
  void put_snapshot(const StreamName& stream, std::string bytes) override;
  [[nodiscard]] std::optional<std::string> snapshot(const StreamName& stream) override;

 protected:
  Tables& tables_;

 private:
  const Vault& vault_;
  const Clock clock_;
};

// At most `limit` envelopes from `from_position` on, as stored.
[[nodiscard]] std::vector<Envelope> read_log(const TableReader& reader, std::uint64_t from_position,
                                             std::size_t limit);

}  // namespace fedlog::storage
