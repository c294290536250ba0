#pragma once

#include <memory>
#include <vector>

#include "tests/simulation/auditor.h"
#include "tests/simulation/owner.h"
#include "tests/simulation/person.h"

namespace fedlog::simulation {

struct Report {
  std::vector<std::string> complaints;  // none: all was as it should be
  Happenings happenings;
};

// Some people, a few trainings and a server for some virtual hours of trouble, and then for as long as it
// takes with no trouble at all. The seed decides everything.
class World {
 public:
  explicit World(std::uint64_t seed, Fault fault = Fault::none);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void trace_to(std::function<void(const std::string&)> trace) { around_.trace = std::move(trace); }

  [[nodiscard]] Report live();

 private:
  void plan(Duration wait, Agenda::Action action) {
    around_.agenda.after(wait, Agenda::world, std::move(action));
  }
  void populate();
  void found_training(std::uint8_t number);
  [[nodiscard]] domain::TrainingCreated some_training();
  [[nodiscard]] Habits some_habits();
  void restart(Duration away);
  void restart_now_and_then();
  void jump_now_and_then();
  void fill_disk_now_and_then();
  void end_trouble();
  void step();
  [[nodiscard]] PostOffice::Answer post(const storage::OutboxRow& row);

  Surroundings around_;
  Auditor auditor_;
  Server server_;
  std::vector<std::unique_ptr<Person>> people_;
  std::vector<std::unique_ptr<Owner>> owners_;
  bool trouble_ = true;
};

}  // namespace fedlog::simulation
