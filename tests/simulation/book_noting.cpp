#include <algorithm>

#include "tests/simulation/book.h"
#include "tests/simulation/surroundings.h"

namespace fedlog::simulation {

using domain::NotificationKind;
using domain::Phase;
using domain::TrainingState;

// What each event means for the book.
struct Book::Noting {
  Book& book;
  const storage::Envelope& envelope;

  void operator()(const domain::TrainingCreated& e) const {
    book.expect(!book.created_, "it is created twice");
    book.created_ = e;
    book.round_ = e.round;
    book.weights_ = e.weights.value_or(domain::BlobId{});
    book.participants_ = e.participants;
  }

  void operator()(const domain::ParticipantJoined& e) const {
    book.expect(!book.takes_part(e.participant), "somebody joins twice");
    book.expect(!book.cancelled_ && book.state_ != TrainingState::completed, "somebody joins after the end");
    book.participants_.push_back(e.participant);
    book.happenings_.count(book.running() ? "participants that joined a running training"
                                          : "participants that joined before or after");
  }

  void operator()(const domain::ParticipantRemoved& e) const {
    book.expect(book.takes_part(e.participant), "somebody is removed who does not take part");
    book.expect(!e.reason.empty(), "somebody is removed, and nobody knows why");
    book.expect(book.lost_ == e.participant || acts(book.created_->actor) || acts(e.participant),
                "somebody is removed who took its work, and nobody asked for it");
    book.remove(e.participant);
    if (e.reason.contains("refused")) book.happenings_.count("participants removed since they refused");
    if (e.reason.contains("reached")) book.happenings_.count("participants removed as unreachable");
    if (e.reason == "left") book.happenings_.count("participants that left");
  }

  void operator()(const domain::TrainingStarted&) const {
    book.expect(book.state_ == TrainingState::initial, "it is started twice");
    book.open(Phase::updating);
  }

  void operator()(const domain::RoundOpened& e) const {
    book.expect(book.phase_ == Phase::updating || book.phase_ == Phase::testing,
                "a round opens out of its turn");
    book.expect(!book.paused_, "a round opens although the training is paused");
    book.expect(e.round == book.round_, "another round opens than the next one");
    if (book.phase_ == Phase::testing) {
      book.expect_test_over("a round opens");
      book.expect(book.round_ < book.created_->target_num_updates, "a round opens after the last one");
      book.happenings_.count("tests ended");
    }
    book.open(Phase::updating);
    book.parts_.clear();
    book.testers_.clear();
  }

  void operator()(const domain::UpdateAccepted& e) const {
    book.expect(book.phase_ == Phase::updating && e.round == book.round_,
                "an update is accepted for a round that is not open");
    book.expect(book.takes_part(e.participant), "an update of a stranger is accepted");
    book.expect(e.sample_size > 0, "an update without samples is accepted");
    book.expect(!book.fates_.contains(e.model), "two updates have one id");
    const auto before = book.parts_.find(e.participant);
    if (before != book.parts_.end()) {
      book.fates_[before->second.model] = "replaced";
      book.happenings_.count("updates replaced by later ones");
    }
    book.parts_[e.participant] = {e.model, e.weights, {}, e.sample_size};
    book.fates_[e.model];
    book.accepted_.emplace(e.participant, e.weights);
    book.happenings_.count(book.paused_ ? "updates accepted in a pause" : "updates accepted");
  }

  void operator()(const domain::RoundClosed& e) const {
    book.expect_in(Phase::updating, "a round is closed");
    book.expect(e.round == book.round_, "another round is closed than the open one");
    const auto period = book.created_->options.daisy_chain_period;
    book.expect(period <= 0 || (e.round + 1) % period == 0, "a round is aggregated inside of a period");
    book.closed_over_ = book.senders();
    book.expect(e.updates == models(), "a round is closed over other updates than the accepted ones");
    book.expect_enough(book.closed_over_.size(), "a round is closed");
    for (const auto& model : e.updates) book.fates_[model] = "used";
    book.phase_ = Phase::aggregating;
    book.deadline_.reset();
  }

  void operator()(const domain::RoundAggregated& e) const {
    book.expect_in(Phase::aggregating, "a round is aggregated");
    book.expect(e.round == book.round_, "another round is aggregated than the closed one");
    book.expect(book.aggregated_.insert(e.round).second, "a round is aggregated twice");
    std::vector<domain::Update> updates;
    for (const auto& user : book.closed_over_) {
      const auto part = book.parts_[user];
      updates.push_back({user, part.model, part.blob, part.sample_size});
    }
    book.expect(e.weights == mean_of(book.weights_, updates),
                "the weights are not the mean of the accepted updates");
    book.weights_ = e.weights;
    book.round_ = e.round + 1;
    book.parts_.clear();
    book.goes_on_with_.clear();
    book.happenings_.count("rounds aggregated");
  }

  void operator()(const domain::ModelsPassedOn& e) const {
    book.expect_in(Phase::updating, "models are passed on");
    book.expect(e.round == book.round_ + 1, "models are passed on for another round than the next one");
    const auto period = book.created_->options.daisy_chain_period;
    book.expect(period > 0 && e.round % period != 0, "models are passed on at the end of a period");
    book.closed_over_ = book.senders();
    auto sent = models();
    auto passed = e.models;
    std::ranges::sort(sent);
    std::ranges::sort(passed);
    book.expect(sent == passed, "other models are passed on than the accepted updates");
    book.expect_enough(book.closed_over_.size(), "models are passed on");
    book.goes_on_with_.clear();
    for (std::size_t index = 0; index < std::min(e.models.size(), book.closed_over_.size()); ++index) {
      book.goes_on_with_[book.closed_over_[index]] = e.models[index];
      book.fates_[e.models[index]] = "used";
    }
    book.round_ = e.round;
    book.open(Phase::updating);
    book.parts_.clear();
    book.happenings_.count("rounds whose models were passed on");
  }

  void operator()(const domain::SwagRoundOpened& e) const {
    book.expect_in(Phase::aggregating, "a SWAG round opens");
    book.expect(
        book.created_->uncertainty_method == domain::UncertaintyMethod::swag && e.round == book.round_,
        "a SWAG round opens out of its turn");
    book.expect(book.aggregated_.contains(e.round - 1), "a SWAG round opens before its round is aggregated");
    book.open(Phase::collecting);
    book.parts_.clear();
  }

  void operator()(const domain::MomentsAccepted& e) const {
    book.expect(book.phase_ == Phase::collecting && e.round == book.round_,
                "moments are accepted for a round that is not open");
    book.expect(book.takes_part(e.participant), "moments of a stranger are accepted");
    book.parts_[e.participant] = {{}, e.first_moment, e.second_moment, e.sample_size};
    book.happenings_.count("moments accepted");
  }

  void operator()(const domain::SwagRoundClosed& e) const {
    book.expect_in(Phase::collecting, "a SWAG round is closed");
    book.closed_over_ = book.senders();
    book.expect(e.round == book.round_ && e.participants == book.closed_over_,
                "a SWAG round is closed over other moments than the accepted ones");
    book.expect_enough(book.closed_over_.size(), "a SWAG round is closed");
    book.phase_ = Phase::averaging;
    book.deadline_.reset();
  }

  void operator()(const domain::MomentsAveraged& e) const {
    book.expect_in(Phase::averaging, "moments are averaged");
    book.expect(e.round == book.round_, "moments of another round are averaged");
    book.expect(book.averaged_.insert(e.round).second, "moments are averaged twice");
    std::vector<domain::Moments> moments;
    for (const auto& user : book.closed_over_) {
      const auto part = book.parts_[user];
      moments.push_back({.participant = user,
                         .first_moment = part.blob,
                         .second_moment = part.second,
                         .form = {},
                         .sample_size = part.sample_size});
    }
    const auto mean = mean_of(moments);
    book.expect(e.first_moment == mean.first_moment && e.second_moment == mean.second_moment,
                "the moments are not the mean of the accepted ones");
    book.parts_.clear();
    book.happenings_.count("SWAG rounds averaged");
  }

  void operator()(const domain::TestOpened& e) const {
    const bool swag = book.created_->uncertainty_method == domain::UncertaintyMethod::swag;
    book.expect_in(swag ? Phase::averaging : Phase::aggregating, "a test opens");
    book.expect(e.round == book.round_ && book.aggregated_.contains(e.round - 1) &&
                    (!swag || book.averaged_.contains(e.round)),
                "a test opens out of its turn");
    book.open(Phase::testing);
    book.testers_.clear();
  }

  void operator()(const domain::MetricsReported& e) const {
    const bool counts = book.running() && book.phase_ == Phase::testing && e.model == book.created_->model &&
                        book.takes_part(e.reporter);
    if (!counts) return book.happenings_.count("metrics that are no test");
    book.testers_.insert(e.reporter);
    book.happenings_.count("tests reported");
  }

  void operator()(const domain::PreprocessingReplaced&) const {}

  void operator()(const domain::TrainingCompleted&) const {
    book.expect_in(Phase::testing, "it is completed");
    book.expect_test_over("it is completed");
    book.expect(book.round_ >= book.created_->target_num_updates, "it is completed before its last round");
    book.end(TrainingState::completed, {});
    book.happenings_.count("trainings completed");
  }

  void operator()(const domain::TrainingFailed& e) const {
    book.expect(book.running(), "it fails without running");
    book.expect(!e.reason.empty(), "it fails, and nobody knows why");
    book.expect(book.participants_.empty() || domain::is_servers_work(book.phase_) ||
                    book.consequence_ == Consequence::failure,
                "it fails, and need not");
    book.end(TrainingState::error, e.reason);
    book.happenings_.count("trainings failed");
    if (book.participants_.empty()) book.happenings_.count("trainings failed since nobody was left");
    if (domain::is_servers_work(book.failed_phase_)) {
      book.happenings_.count("trainings failed in the server's work");
    }
  }

  void operator()(const domain::TrainingCancelled& e) const {
    book.expect(!e.reason.empty(), "it is cancelled, and nobody knows why");
    expect_controlled("it is cancelled");
    book.end(TrainingState::error, e.reason);
    book.cancelled_ = true;
    book.happenings_.count("trainings cancelled");
  }

  void operator()(const domain::TrainingPaused&) const {
    book.expect(book.running() && !book.paused_, "it is paused out of its turn");
    expect_controlled("it is paused");
    book.paused_ = true;
    book.deadline_.reset();
    book.happenings_.count("pauses");
  }

  void operator()(const domain::TrainingResumed&) const {
    expect_controlled("it is resumed");
    if (book.state_ == TrainingState::error) return resume_from_error();
    book.expect(book.running() && book.paused_, "it is resumed without a pause");
    book.paused_ = false;
    book.asked_.clear();
    book.happenings_.count("pauses ended");
  }

  void operator()(const domain::DeadlineSet& e) const {
    book.expect(domain::is_participants_work(book.phase_) && !book.paused_, "a deadline for nobody");
    book.deadline_ = e.until;
    book.deadline_set_ = book.now_;
    book.disturbed_ = false;
  }

  void operator()(const domain::DeadlinePassed& e) const {
    using std::chrono::seconds;
    book.expect(book.deadline_.has_value(), "a deadline passes that was not set");
    book.expect(e.phase == book.phase_ && e.round == book.round_ && e.missing == book.missing(),
                "a deadline passes for others than those who are missing");
    if (!book.disturbed_) {
      const auto waited = book.now_ - book.deadline_set_;
      book.expect(waited >= seconds{book.deadline_s()} - seconds{5}, "a deadline passes before its time");
    }
    book.deadline_.reset();
    const bool tests = book.phase_ == Phase::testing;
    const bool quorum = tests || book.senders().size() >= book.quorum();
    book.expect(e.quorum == quorum, "a deadline passes, and the quorum is not what it should be");
    book.consequence_ = consequence(tests, quorum);
    book.happenings_.count(tests ? "test deadlines passed" : "round deadlines passed");
    if (!quorum) book.happenings_.count("deadlines without a quorum");
    if (book.consequence_ == Consequence::extension) {
      ++book.without_quorum_;
      book.asked_.clear();
      book.happenings_.count("deadlines set anew");
    }
  }

  void operator()(const domain::TrainingDeleted&) const {
    book.deleted_ = true;
    book.outstanding_.clear();
    book.happenings_.count("trainings deleted");
  }

  void operator()(const domain::NotificationRequested& e) const {
    const auto& told = e.notification;
    book.outstanding_[envelope.position] = {envelope.id, told};
    if (told.kind == NotificationKind::training_finished) {
      book.told_of_the_end_.insert(told.receiver);
      const bool error = book.state_ == TrainingState::error;
      book.expect(told.reason == (error ? std::optional(book.reason_) : std::nullopt),
                  "who is told of the end is told another reason");
    }
    if (!domain::asks_for_work(told.kind)) return;
    book.expect(told.round.has_value(), "work is asked for, and not said for which round");
    book.asked_[told.receiver] = {told.kind, told.round.value_or(-1)};
    if (told.kind != NotificationKind::update_round_start) return;
    book.expect(told.model == book.model_for(told.receiver), "somebody is to go on with a wrong model");
    const bool prox = book.created_->aggregation_method == domain::AggregationMethod::fed_prox;
    book.expect(told.mu == (prox ? book.created_->options.mu : std::nullopt),
                "mu is not told as it should be");
  }

  void operator()(const domain::NotificationSettled& e) const {
    const auto found = std::ranges::find_if(
        book.outstanding_, [&](const auto& entry) { return entry.second.id == e.notification; });
    if (found == book.outstanding_.end()) {
      return book.expect(false, book.settled_.contains(e.notification)
                                    ? "a notification is settled twice"
                                    : "a notification is settled that nobody requested");
    }
    book.expect(found->second.notification.receiver == e.receiver, "a notification is settled for another");
    const auto& told = found->second.notification;
    if (e.outcome == domain::DeliveryOutcome::delivered && domain::asks_for_work(told.kind)) {
      book.taken_[told.receiver] = {told.kind, told.round.value_or(-1)};
    }
    if (is_awaited(told)) note_loss(told, e.outcome);
    book.outstanding_.erase(found);
    book.settled_.insert(e.notification);
    book.happenings_.count("notifications settled: " + std::string(domain::name_of(e.outcome)));
  }

 private:
  [[nodiscard]] bool acts(domain::UserId user) const { return envelope.acting_user == user; }

  void expect_controlled(const std::string& what) const {
    book.expect(acts(book.created_->actor) || acts(superuser), what + " by somebody who may not");
  }

  [[nodiscard]] std::vector<domain::ModelId> models() const {
    std::vector<domain::ModelId> sent;
    for (const auto& user : book.closed_over_) sent.push_back(book.parts_.at(user).model);
    return sent;
  }

  // Whether the open phase waits for the work that this asked for. A paused training waits for nobody.
  [[nodiscard]] bool is_awaited(const domain::Notification& told) const {
    static const std::map<NotificationKind, Phase> phases{
        {NotificationKind::update_round_start, Phase::updating},
        {NotificationKind::swag_round_start, Phase::collecting},
        {NotificationKind::model_test_round, Phase::testing}};
    const auto phase = phases.find(told.kind);
    return phase != phases.end() && book.running() && !book.paused_ && phase->second == book.phase_ &&
           told.round == book.round_ && book.takes_part(told.receiver);
  }

  void note_loss(const domain::Notification& told, domain::DeliveryOutcome outcome) const {
    if (outcome == domain::DeliveryOutcome::refused) book.lost_ = told.receiver;
    if (outcome != domain::DeliveryOutcome::unreachable) return;
    const auto missing = book.missing();
    if (std::ranges::find(missing, told.receiver) == missing.end()) return;
    book.lost_ = told.receiver;
    const auto& options = book.created_->options;
    const bool too_few_are_left = options.min_updates >= std::ssize(book.participants_);
    if (options.on_unreachable == domain::OnUnreachable::error || too_few_are_left) {
      book.consequence_ = Consequence::failure;
      book.happenings_.count("trainings failed since somebody was unreachable");
    }
  }

  [[nodiscard]] Consequence consequence(bool tests, bool quorum) const {
    const auto& options = book.created_->options;
    if (tests) return Consequence::ending_of_test;
    if (options.on_deadline == domain::OnDeadline::error) return Consequence::failure;
    if (quorum) return Consequence::closing;
    return book.without_quorum_ < options.max_rounds_without_quorum ? Consequence::extension
                                                                    : Consequence::failure;
  }

  // Back to the phase that failed, or to the one that led to the server's work. What was accepted stays so,
  // but for those who do not take part any more.
  void resume_from_error() const {
    book.expect(!book.cancelled_, "it is resumed after it was cancelled");
    auto phase = book.failed_phase_;
    if (phase == Phase::aggregating) phase = Phase::updating;
    if (phase == Phase::averaging) phase = Phase::collecting;
    book.open(phase);
    std::erase_if(book.parts_, [&](const auto& entry) {
      const bool gone = !book.takes_part(entry.first);
      if (phase == Phase::updating)
        book.fates_[entry.second.model] = gone ? "its participant was removed" : "";
      return gone;
    });
    std::erase_if(book.testers_, [&](const auto& user) { return !book.takes_part(user); });
    book.happenings_.count("trainings resumed after an error");
  }
};

void Book::note(const storage::Envelope& envelope, const domain::TrainingEvent& event, Instant now) {
  now_ = now;
  expect(created_.has_value() || std::holds_alternative<domain::TrainingCreated>(event),
         "something happens before it is created");
  expect(!deleted_, envelope.type + " happens after it was deleted");
  types_.insert(envelope.type);
  std::visit(Noting{*this, envelope}, event);
}

}  // namespace fedlog::simulation
