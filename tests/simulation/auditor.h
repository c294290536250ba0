#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/book.h"
#include "tests/simulation/server.h"

namespace fedlog::simulation {

// Looks at the log, the views, the processes and the post after everything that happens, and writes down
// what should not be.
class Auditor {
 public:
  explicit Auditor(Surroundings& around) : around_(around) {}

  void look(const Server& server);
  void complain(const std::string& what);

  // A notification came to its receiver's endpoint, which answered with this status, or not at all.
  void posted(const storage::OutboxRow& row, int status);
  // Its receiver asked for it.
  void fetched(const storage::OutboxRow& row);
  // A participant was told that its update was taken.
  void acknowledged(domain::TrainingId training, domain::UserId participant, domain::BlobId weights);

  void server_started(const Server& server);
  void clock_jumped();

  // Whether everything that can come to an end by itself has done so.
  [[nodiscard]] bool all_at_rest() const;
  // When there is nothing more to come: what is not over, and whether the log adds up to what is there.
  void close(const Server& server);

  [[nodiscard]] const Book* book(domain::TrainingId training) const;
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Watched {
    Book book;
    domain::Training fold;  // of its events
    std::uint64_t version = 0;
    bool damaged = false;  // what its events add up to is known no more
  };

  void read_log(const Server& server);
  void note(const storage::Envelope& envelope, const storage::EventCodec& codec);
  void check_settlement(const domain::NotificationSettled& settled, const domain::TrainingId& training);
  void check_views(domain::TrainingId id, const Watched& watched, const storage::Views& views);
  void check_process(domain::TrainingId id, const Watched& watched, const Server& server);
  void check_that_it_goes_on(domain::TrainingId id, const Watched& watched, const Server& server);
  void check_waiting_for_people(domain::TrainingId id, const Watched& watched, const Server& server);
  void check_outbox(domain::TrainingId id, const Watched& watched, const Server& server);
  [[nodiscard]] Watched& watched(domain::TrainingId id);
  void complain_about(domain::TrainingId id, const std::string& what);

  Surroundings& around_;
  std::map<domain::TrainingId, Watched> trainings_;
  std::uint64_t position_ = 0;
  std::set<domain::TrainingId> touched_;
  // When the latest thing happened on the way of a training's notifications to a receiver.
  std::map<std::pair<domain::TrainingId, domain::UserId>, Instant> signs_;
  std::map<domain::EventId, std::set<int>> answers_;  // of receivers, by delivery
  std::set<domain::EventId> fetched_;
  std::vector<std::string> complaints_;
};

}  // namespace fedlog::simulation
