#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "domain/training_commands.h"
#include "tests/domain/ids.h"

// What tests of a training's course have in common.
namespace fedlog::domain::test {

inline const Caller owner{user(1), false};
inline const Caller one{user(2), false};
inline const Caller two{user(3), false};
inline const Caller stranger{user(9), false};
inline const ModelId global = model(100);

// A training and what its log would hold.
class Course {
 public:
  explicit Course(std::vector<UserId> participants = {one.id, two.id}, std::int64_t target = 1) {
    TrainingCreated created;
    created.training = id<TrainingId>(50);
    created.model = global;
    created.model_version = 2;
    created.actor = owner.id;
    created.target_num_updates = target;
    created.participants = std::move(participants);
    created.weights = blob(100);
    run(CreateTraining{std::move(created)});
  }

  // The same with daisy chaining, or with SWAG rounds.
  static Course daisy_chain(std::vector<UserId> participants, std::int64_t period, std::int64_t target) {
    Course course(std::move(participants), target);
    course.training.options.daisy_chain_period = period;
    return course;
  }
  static Course swag(std::vector<UserId> participants = {one.id, two.id}, std::int64_t target = 1) {
    Course course(std::move(participants), target);
    course.training.uncertainty_method = UncertaintyMethod::swag;
    return course;
  }

  // Runs a command that must be accepted; returns its events.
  TrainingEvents run(const TrainingCommand& command) {
    auto events = decide(training, command, {chance, {now}});
    EXPECT_TRUE(events) << (events ? "" : events.error().message);
    if (!events) return {};
    for (const auto& event : *events) evolve(training, event, Timestamp{++now});
    return *events;
  }

  [[nodiscard]] Rejection reject(const TrainingCommand& command) const {
    const auto events = decide(training, command, {chance, {now}});
    EXPECT_FALSE(events);
    return events ? Rejection{} : events.error();
  }

  [[nodiscard]] bool accepts(const TrainingCommand& command) const {
    return decide(training, command, {chance, {now}}).has_value();
  }

  TrainingEvents start() { return run(StartTraining{owner}); }
  TrainingEvents update(const Caller& by, std::uint8_t weights, std::int64_t size = 1) {
    return run(SubmitUpdate{by, model(weights), training.round, size, blob(weights), {}});
  }
  // What the server was asked for last comes back, perhaps not for the first time.
  TrainingEvents aggregated(std::uint8_t weights) {
    note_pending();
    return run(RecordAggregation{aggregation_, blob(weights)});
  }
  TrainingEvents not_aggregated(std::string why) {
    note_pending();
    return run(RecordAggregation{aggregation_, std::unexpected(std::move(why))});
  }
  TrainingEvents moments(const Caller& by, std::uint8_t number, std::int64_t size = 1,
                         std::string form = "float32 [8]") {
    return run(SubmitMoments{.by = by,
                             .round = training.round,
                             .sample_size = size,
                             .first_moment = blob(number),
                             .second_moment = blob(static_cast<std::uint8_t>(number + 100)),
                             .form = std::move(form)});
  }
  TrainingEvents averaged(std::uint8_t number) {
    note_pending();
    return run(RecordAveraging{averaging_,
                               AveragedMoments{blob(number), blob(static_cast<std::uint8_t>(number + 100))}});
  }
  TrainingEvents not_averaged(std::string why) {
    note_pending();
    return run(RecordAveraging{averaging_, std::unexpected(std::move(why))});
  }
  TrainingEvents test(const Caller& by) {
    return run(ReportMetrics{by, global, {{.name = "loss", .number = 0.5, .blob = {}}}});
  }
  TrainingEvents settle(const Caller& receiver, NotificationKind kind, DeliveryOutcome outcome,
                        std::int64_t status) {
    return run(RecordDelivery{.id = id<EventId>(1),
                              .notification = {.receiver = receiver.id,
                                               .kind = kind,
                                               .training = training.id,
                                               .model = global,
                                               .round = training.round},
                              .outcome = outcome,
                              .status = status,
                              .attempts = 1,
                              .detail = "connection refused"});
  }
  TrainingEvents expire() {
    const auto deadline = training.deadline;
    EXPECT_TRUE(deadline) << "nothing can expire";
    return deadline ? run(ExpireDeadline{*deadline}) : TrainingEvents{};
  }
  TrainingEvents pause() { return run(PauseTraining{owner}); }
  TrainingEvents resume() { return run(ResumeTraining{owner}); }

  Training training;
  Chance chance{1};
  std::int64_t now = 0;  // in microseconds

 private:
  void note_pending() {
    if (auto pending = pending_aggregation(training)) aggregation_ = std::move(*pending);
    if (auto pending = pending_averaging(training)) averaging_ = std::move(*pending);
  }

  Aggregation aggregation_;  // what the server was asked for last
  Averaging averaging_;
};

// "KIND round -> user" of each notification in the events.
inline std::vector<std::string> told(const TrainingEvents& events) {
  std::vector<std::string> lines;
  for (const auto& event : events) {
    if (const auto* requested = std::get_if<NotificationRequested>(&event)) {
      const auto& notification = requested->notification;
      lines.push_back(std::string(name_of(notification.kind)) +
                      (notification.round ? " " + std::to_string(*notification.round) : "") + " -> " +
                      std::to_string(notification.receiver.uuid.bytes[15]));
    }
  }
  return lines;
}

template <class Event>
const Event* find(const TrainingEvents& events) {
  for (const auto& event : events) {
    if (const auto* found = std::get_if<Event>(&event)) return found;
  }
  return nullptr;
}

template <class Event>
bool holds(const TrainingEvents& events) {
  return std::ranges::any_of(events, [](const auto& event) { return std::holds_alternative<Event>(event); });
}

// Courses with participants one and two that have come so far.
inline const Caller superuser{user(8), true};

inline Course updating() {
  Course course;
  course.start();
  return course;
}

inline Course aggregating() {
  auto course = updating();
  course.update(one, 11);
  course.update(two, 12);
  return course;
}

inline Course collecting() {
  auto course = Course::swag();
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  return course;
}

inline Course averaging() {
  auto course = collecting();
  course.moments(one, 21);
  course.moments(two, 22);
  return course;
}

inline Course tested() {
  auto course = aggregating();
  course.aggregated(101);
  return course;
}

}  // namespace fedlog::domain::test
