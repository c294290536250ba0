#pragma once

#include <optional>
#include <string>
#include <utility>

#include "domain/training_commands.h"

namespace fedlog::domain {

// What happens in a training once something was allowed. Collects events and applies each at once, so that
// every rule sees the state that the ones before it made.
class TrainingCourse {
 public:
  TrainingCourse(const Training& training, const Circumstances& circumstances)
      : training_(training), circumstances_(circumstances) {}

  [[nodiscard]] const Training& training() const { return training_; }
  [[nodiscard]] TrainingEvents take() { return std::move(events_); }

  void emit(TrainingEvent event);

  void start();
  void join(UserId user);
  void remove(UserId user, std::string reason);
  void leave(UserId user);
  void record_weights(BlobId weights);
  void record_moments(const AveragedMoments& moments);
  void resume();
  void fail(std::string reason);
  void cancel(std::string reason);

  // The deadline of the open phase has come.
  void expire();

  // Goes on as far as the state allows. Called after everything that may have ended a wait.
  void advance();

 private:
  void open_round();
  void end_round();
  void close_round();
  void pass_models_on();
  void open_swag_round();
  void close_swag_round();
  void open_test();
  void end_test();
  void end_phase();
  void set_deadline();
  void emit_removal(UserId user, std::string reason);
  void ask_again();  // those who have not done their part
  void ask_for_part(UserId receiver);
  void notify_of_end(std::optional<std::string> reason);
  void notify_all(NotificationKind kind, std::optional<std::int64_t> round);
  void notify(UserId receiver, NotificationKind kind, std::optional<std::int64_t> round);
  void notify(Notification notification);

  Training training_;
  Circumstances circumstances_;
  TrainingEvents events_;
};

}  // namespace fedlog::domain
