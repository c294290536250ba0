#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "domain/training_commands.h"
#include "storage/envelope.h"
#include "tests/simulation/agenda.h"
#include "tests/simulation/happenings.h"

namespace fedlog::simulation {

// The content that the mean of updates, or of moments, has here: it depends on all of them and their order.
[[nodiscard]] domain::BlobId mean_of(domain::BlobId base, const std::vector<domain::Update>& updates);
[[nodiscard]] domain::AveragedMoments mean_of(const std::vector<domain::Moments>& moments);

// What a training's events mean, and which of them may follow which: docs/training-process.md read a second
// time, without a look into domain/. Complains about what is not allowed, and goes on.
class Book {
 public:
  using Complain = std::function<void(std::string)>;

  Book(Complain complain, Happenings& happenings) : complain_(std::move(complain)), happenings_(happenings) {}

  // The training's events in order, with the virtual time at which they were seen in the log.
  void note(const storage::Envelope& envelope, const domain::TrainingEvent& event, Instant now);

  // After the last event of each commit: how a training may not be left.
  void end_of_commit();

  // The clock jumped, or the server was away: no deadline's length says anything for the time being.
  void disturb() { disturbed_ = true; }

  // Once the world is over: what became of each accepted update is in the log.
  void expect_each_update_accounted_for() const;

  [[nodiscard]] bool exists() const { return created_.has_value() && !deleted_; }
  [[nodiscard]] bool running() const { return exists() && domain::is_running(state_); }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] domain::TrainingState state() const { return state_; }
  [[nodiscard]] domain::Phase phase() const { return phase_; }
  [[nodiscard]] std::optional<domain::Timestamp> deadline() const { return deadline_; }
  // Who has not done its part in the open phase.
  [[nodiscard]] std::vector<domain::UserId> missing() const;
  // Of those, who has not taken the request for it, and is not about to get it.
  [[nodiscard]] std::vector<domain::UserId> unaware() const;
  // Whether the log has this update, as the open round's or as one of before.
  [[nodiscard]] bool accepted(domain::UserId participant, domain::BlobId weights) const {
    return accepted_.contains({participant, weights});
  }

  struct Requested {
    domain::EventId id;
    domain::Notification notification;
  };
  // Notifications that are not settled, by position in the log.
  [[nodiscard]] const std::map<std::uint64_t, Requested>& outstanding() const { return outstanding_; }

 private:
  struct Part {  // what a participant sent in the open phase
    domain::ModelId model;
    domain::BlobId blob;
    domain::BlobId second;  // of moments
    std::int64_t sample_size = 0;
  };
  using Parts = std::map<domain::UserId, Part>;
  using Asked = std::pair<domain::NotificationKind, std::int64_t>;  // for which work, of which round
  enum class Consequence { none, closing, ending_of_test, extension, failure };
  struct Noting;

  void expect(bool holds, const std::string& what) const;
  void expect_in(domain::Phase phase, const std::string& what) const;
  void expect_enough(std::size_t parts, const std::string& what);
  void expect_test_over(const std::string& what) const;
  void expect_consequence() const;
  void expect_loss() const;
  void expect_everyone_asked() const;
  void expect_everyone_told_of_the_end() const;
  void open(domain::Phase phase);
  void end(domain::TrainingState state, const std::string& reason);
  void remove(domain::UserId user);
  [[nodiscard]] bool takes_part(domain::UserId user) const;
  [[nodiscard]] std::size_t quorum() const;
  [[nodiscard]] std::int64_t deadline_s() const;
  [[nodiscard]] domain::ModelId model_for(domain::UserId user) const;
  [[nodiscard]] std::vector<domain::UserId> senders() const;  // in canonical order
  void put_back(std::vector<domain::UserId>& senders, Parts parts);

  Complain complain_;
  Happenings& happenings_;
  std::optional<domain::TrainingCreated> created_;
  domain::TrainingState state_ = domain::TrainingState::initial;
  domain::Phase phase_ = domain::Phase::idle;
  domain::Phase failed_phase_ = domain::Phase::idle;
  std::string reason_;
  std::int64_t round_ = 0;
  domain::BlobId weights_;
  std::vector<domain::UserId> participants_;
  Parts parts_;
  std::vector<domain::UserId> closed_over_;  // whose parts the server works on, in canonical order
  std::set<domain::UserId> testers_;
  std::map<domain::UserId, domain::ModelId> goes_on_with_;
  std::map<domain::UserId, Asked> asked_;
  std::map<domain::UserId, Asked> taken_;         // requests for work that arrived
  std::map<domain::ModelId, std::string> fates_;  // of accepted updates; empty: open
  std::set<std::pair<domain::UserId, domain::BlobId>> accepted_;
  std::set<std::int64_t> aggregated_;
  std::set<std::int64_t> averaged_;
  std::map<std::uint64_t, Requested> outstanding_;
  std::set<domain::EventId> settled_;
  std::optional<domain::Timestamp> deadline_;
  Instant deadline_set_{};
  bool disturbed_ = false;
  Consequence consequence_ = Consequence::none;  // of a deadline that passed in this commit
  std::optional<domain::UserId> lost_;           // who refused, or could not be reached, in this commit
  std::int64_t without_quorum_ = 0;
  std::set<std::string, std::less<>> types_;  // of events in this commit
  std::set<domain::UserId> told_of_the_end_;  // in this commit
  Instant now_{};
  bool paused_ = false;
  bool cancelled_ = false;
  bool deleted_ = false;
};

}  // namespace fedlog::simulation
