#include "actors/dummy_course.h"

#include <cmath>
#include <random>
#include <stdexcept>

namespace fedlog::actors {
namespace {

constexpr std::int64_t sample_size = 100;

class Course {
 public:
  [[nodiscard]] const domain::Training& training() const { return training_; }
  [[nodiscard]] domain::TrainingEvents take() { return std::move(events_); }

  void tell(const domain::TrainingCommand& command) {
    auto events = domain::decide(training_, command, {});
    if (!events) throw std::logic_error("the dummy training was refused: " + events.error().message);
    for (auto& event : *events) {
      if (std::holds_alternative<domain::NotificationRequested>(event)) continue;
      domain::evolve(training_, event, {});
      events_.push_back(std::move(event));
    }
  }

 private:
  domain::Training training_;
  domain::TrainingEvents events_;
};

// Numbers as a training that goes well has them: the loss falls towards 0.05, the accuracy rises towards
// 0.98.
class Results {
 public:
  std::vector<domain::Metric> of(double progress) {
    const double untrained = std::exp(-4 * progress);
    return {{.name = "NLLoss", .number = 0.05 + 2.25 * untrained + 0.1 * noise(), .blob = {}},
            {.name = "Accuracy", .number = 0.98 - 0.88 * untrained - 0.05 * noise(), .blob = {}}};
  }

 private:
  // In [0, 1).
  double noise() { return static_cast<double>(generator_() >> 11U) * 0x1p-53; }

  std::mt19937_64 generator_{28};
};

}  // namespace

domain::TrainingEvents dummy_course(const domain::TrainingCreated& facts,
                                    const std::function<domain::Uuid()>& new_id) {
  const domain::Caller actor{.id = facts.actor, .superuser = false};
  Course course;
  course.tell(domain::CreateTraining{facts});
  course.tell(domain::StartTraining{actor});
  Results results;
  while (course.training().state == domain::TrainingState::ongoing) {
    const auto round = course.training().round;
    for (const auto& participant : facts.participants) {
      course.tell(domain::SubmitUpdate{.by = {.id = participant, .superuser = false},
                                       .local_model = {new_id()},
                                       .round = round,
                                       .sample_size = sample_size,
                                       .weights = *facts.weights,
                                       .metrics = {}});
    }
    course.tell(domain::RecordAggregation{.aggregation = *domain::pending_aggregation(course.training()),
                                          .weights = *facts.weights});
    const double progress = static_cast<double>(round + 1) / static_cast<double>(facts.target_num_updates);
    for (const auto& participant : facts.participants) {
      course.tell(
          domain::ReportMetrics{{.id = participant, .superuser = false}, facts.model, results.of(progress)});
    }
  }
  return course.take();
}

}  // namespace fedlog::actors
