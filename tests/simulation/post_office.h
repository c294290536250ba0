#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "actors/delivery_schedule.h"
#include "actors/training_process.h"
#include "tests/simulation/surroundings.h"

namespace fedlog::simulation {

// The notifier of one life of the server, without its threads and its network.
class PostOffice {
 public:
  // What a receiver answers, and how long that takes. No status: no answer.
  struct Answer {
    int status = 0;
    Duration took{};
    std::string problem;
  };
  using Post = std::function<Answer(const storage::OutboxRow&)>;
  using Tell = std::function<void(domain::TrainingId, actors::TrainingMessage)>;

  PostOffice(Surroundings& around, Agenda::Life life, const storage::Views& views, Post post, Tell tell,
             std::function<void(const std::string&)> odd);

  void outbox_grew();
  void fetched(domain::UserId receiver, std::uint64_t up_to_position);
  void endpoint_changed(domain::UserId receiver);

  // Whether it has something for the receiver from the training, and will come back to it.
  [[nodiscard]] bool has(domain::UserId receiver, domain::TrainingId training) const;

 private:
  void plan(Duration wait, Agenda::Action action) { around_.agenda.after(wait, life_, std::move(action)); }
  void work();
  void attempt(const storage::OutboxRow& row);
  [[nodiscard]] actors::Obstacle obstacle_to(const storage::OutboxRow& row) const;
  [[nodiscard]] storage::OutboxRow to_post(const storage::OutboxRow& row) const;
  void conclude(const storage::OutboxRow& row, const actors::Attempt& made);
  void settle(actors::Settlement settlement);

  Surroundings& around_;
  const Agenda::Life life_;
  const storage::Views& views_;
  Post post_;
  Tell tell_;
  std::function<void(const std::string&)> odd_;
  actors::DeliverySchedule schedule_;
  std::uint64_t read_up_to_ = 0;
  std::optional<Instant> planned_;  // the next time that work() is called
};

}  // namespace fedlog::simulation
