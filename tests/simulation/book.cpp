#include "tests/simulation/book.h"

#include <algorithm>
#include <cmath>

#include "tests/simulation/digest.h"

namespace fedlog::simulation {

using domain::NotificationKind;
using domain::Phase;
using domain::TrainingState;

domain::BlobId mean_of(domain::BlobId base, const std::vector<domain::Update>& updates) {
  std::string inputs = "mean of weights " + base.text();
  for (const auto& update : updates) {
    inputs += " " + update.weights.text() + " x " + std::to_string(update.sample_size);
  }
  return blob_of(inputs);
}

domain::AveragedMoments mean_of(const std::vector<domain::Moments>& moments) {
  std::string inputs;
  for (const auto& each : moments) {
    inputs += " " + each.first_moment.text() + " " + each.second_moment.text() + " x " +
              std::to_string(each.sample_size);
  }
  return {.first_moment = blob_of("mean of first moments" + inputs),
          .second_moment = blob_of("mean of second moments" + inputs)};
}

void Book::expect(bool holds, const std::string& what) const {
  if (!holds) complain_(what);
}

void Book::expect_in(Phase phase, const std::string& what) const {
  expect(exists() && phase_ == phase, what + " in phase " + std::string(domain::name_of(phase_)) + ", not " +
                                          std::string(domain::name_of(phase)));
  expect(!paused_, what + " although the training is paused");
}

bool Book::takes_part(domain::UserId user) const {
  return std::ranges::find(participants_, user) != participants_.end();
}

std::vector<domain::UserId> Book::senders() const {
  std::vector<domain::UserId> users;
  std::ranges::copy_if(participants_, std::back_inserter(users),
                       [&](const auto& user) { return parts_.contains(user); });
  return users;
}

std::vector<domain::UserId> Book::missing() const {
  std::vector<domain::UserId> users;
  if (!running() || !domain::is_participants_work(phase_)) return users;
  std::ranges::copy_if(participants_, std::back_inserter(users), [&](const auto& user) {
    return phase_ == Phase::testing ? !testers_.contains(user) : !parts_.contains(user);
  });
  return users;
}

std::vector<domain::UserId> Book::unaware() const {
  auto users = missing();
  std::erase_if(users, [&](const auto& user) {
    const auto asked = asked_.find(user);
    if (asked == asked_.end()) return false;
    const auto taken = taken_.find(user);
    if (taken != taken_.end() && taken->second == asked->second) return true;
    return std::ranges::any_of(outstanding_, [&](const auto& entry) {
      const auto& told = entry.second.notification;
      return told.receiver == user && Asked{told.kind, told.round.value_or(-1)} == asked->second;
    });
  });
  return users;
}

std::size_t Book::quorum() const {
  const auto& options = created_->options;
  if (options.min_updates > 0) return static_cast<std::size_t>(options.min_updates);
  const double least = options.min_updates_fraction * static_cast<double>(participants_.size());
  return std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(least - 1e-9)));
}

std::int64_t Book::deadline_s() const {
  return phase_ == Phase::testing ? created_->options.test_deadline_s : created_->options.round_deadline_s;
}

domain::ModelId Book::model_for(domain::UserId user) const {
  const auto found = goes_on_with_.find(user);
  return found == goes_on_with_.end() ? created_->model : found->second;
}

void Book::expect_enough(std::size_t parts, const std::string& what) {
  expect(parts > 0, what + " over nothing");
  if (parts == participants_.size()) return;
  expect(consequence_ == Consequence::closing, what + " over " + std::to_string(parts) + " parts of " +
                                                   std::to_string(participants_.size()) +
                                                   " participants, and no deadline passed with a quorum");
  happenings_.count("rounds that went on without stragglers");
}

void Book::expect_test_over(const std::string& what) const {
  expect(testers_.size() == participants_.size() || consequence_ == Consequence::ending_of_test,
         what + " although tests are missing and no deadline passed");
}

void Book::open(Phase phase) {
  state_ = phase == Phase::collecting ? TrainingState::swag_round : TrainingState::ongoing;
  phase_ = phase;
  deadline_.reset();
  asked_.clear();
  without_quorum_ = 0;
}

void Book::end(TrainingState state, const std::string& reason) {
  expect(!domain::has_ended(state_), "it ends a second time");
  failed_phase_ = phase_;
  reason_ = reason;
  state_ = state;
  phase_ = Phase::idle;
  deadline_.reset();
  paused_ = false;
}

void Book::remove(domain::UserId user) {
  std::erase(participants_, user);
  testers_.erase(user);
  goes_on_with_.erase(user);
  asked_.erase(user);
  if (domain::is_servers_work(phase_)) return;  // from here on they count
  const auto part = parts_.find(user);
  if (part == parts_.end()) return;
  if (const auto fate = fates_.find(part->second.model); fate != fates_.end()) {
    fate->second = "its participant was removed";
  }
  parts_.erase(part);
}

void Book::expect_consequence() const {
  switch (consequence_) {
    case Consequence::none:
      break;
    case Consequence::closing:
      expect(types_.contains("RoundClosed") || types_.contains("ModelsPassedOn") ||
                 types_.contains("SwagRoundClosed"),
             "a deadline passed with a quorum, and the round was not closed");
      break;
    case Consequence::ending_of_test:
      expect(types_.contains("RoundOpened") || types_.contains("TrainingCompleted"),
             "a test's deadline passed, and the test did not end");
      break;
    case Consequence::extension:
      expect(types_.contains("DeadlineSet") && !types_.contains("TrainingFailed"),
             "a deadline passed without a quorum, as it may, and was not set anew");
      break;
    case Consequence::failure:
      expect(types_.contains("TrainingFailed"), "what should have ended the training did not end it");
      break;
  }
}

// Who does not take its work is removed, or ends the training, if that is the policy for who is unreachable.
void Book::expect_loss() const {
  if (!lost_) return;
  expect(!takes_part(*lost_) || consequence_ == Consequence::failure,
         "somebody does not take its work, and nothing comes of it");
}

void Book::expect_everyone_asked() const {
  static const std::map<Phase, NotificationKind> kinds{
      {Phase::updating, NotificationKind::update_round_start},
      {Phase::collecting, NotificationKind::swag_round_start},
      {Phase::testing, NotificationKind::model_test_round}};
  for (const auto& user : missing()) {
    const auto asked = asked_.find(user);
    expect(asked != asked_.end() && asked->second == Asked{kinds.at(phase_), round_},
           "it waits for " + user.text() + ", who was not asked for anything");
  }
}

void Book::expect_everyone_told_of_the_end() const {
  for (const auto& user : participants_) {
    expect(told_of_the_end_.contains(user), "a participant is not told that it ended: " + user.text());
  }
  expect(told_of_the_end_.contains(created_->actor), "the owner is not told that it ended");
}

void Book::end_of_commit() {
  if (exists()) {
    expect_consequence();
    expect_loss();
    if (types_.contains("TrainingCompleted") || types_.contains("TrainingFailed") ||
        types_.contains("TrainingCancelled")) {
      expect_everyone_told_of_the_end();
    }
    if (state_ == TrainingState::error) expect(!reason_.empty(), "an error without a reason");
    if (running() && !paused_ && domain::is_participants_work(phase_)) {
      expect(!participants_.empty(), "it runs, and has no participants");
      expect(!missing().empty(), "all have done their part, and it does not go on");
      expect(deadline_.has_value() == (deadline_s() > 0),
             deadline_ ? "a deadline that nobody asked for" : "a phase without its deadline");
      expect_everyone_asked();
    } else {
      expect(!deadline_, "a deadline, and nobody is waited for");
    }
  }
  types_.clear();
  told_of_the_end_.clear();
  consequence_ = Consequence::none;
  lost_.reset();
}

void Book::expect_each_update_accounted_for() const {
  if (state_ != TrainingState::completed || deleted_) return;
  for (const auto& [model, fate] : fates_) {
    expect(!fate.empty(), "an accepted update was neither used nor said to be dropped: " + model.text());
  }
}

}  // namespace fedlog::simulation
