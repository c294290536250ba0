#pragma once

#include <set>
#include <string>

#include "tests/simulation/auditor.h"

namespace fedlog::simulation {

// How often a person's client does what it should not, in percent.
struct Habits {
  unsigned refuses = 0;        // answers a notification with an error
  unsigned says_later = 0;     // with a status that means "later"
  unsigned hangs = 0;          // takes it in and does not answer
  unsigned forgets = 0;        // accepts work and does not do it
  unsigned dawdles = 0;        // does it when it may be too late
  unsigned repeats = 0;        // does it twice
  unsigned sends_garbage = 0;  // sends what must be refused, before or instead of the right thing
  unsigned gives_up = 0;       // when a request fails
  unsigned leaves = 0;         // now and then
};

// A user with a client that takes part in trainings: hears of work by webhook or asks for it, does it, and is
// well-behaved, or not.
class Person {
 public:
  Person(Surroundings& around, Server& server, Auditor& auditor, domain::UserId id, Habits habits);

  [[nodiscard]] domain::UserId id() const { return id_; }
  [[nodiscard]] std::string endpoint() const { return polls_ ? "poll:" : "http://client.example.org"; }

  // A notification arrives.
  [[nodiscard]] PostOffice::Answer receive(const storage::OutboxRow& row);

  void begin();   // to live
  void behave();  // from now on
  void vanish();  // with all the work that it has in hand
  void come_back();

 private:
  struct Work {
    domain::NotificationKind kind = domain::NotificationKind::update_round_start;
    domain::TrainingId training;
    domain::ModelId model;
    std::int64_t round = 0;
    std::int64_t sample_size = 1;
    std::string content;          // of what is sent
    std::string idempotency_key;  // empty: none
    int attempts = 0;
  };

  void plan(Duration wait, Agenda::Action action) {
    around_.agenda.after(wait, Agenda::world, std::move(action));
  }
  [[nodiscard]] Duration some_time(std::chrono::milliseconds least, std::chrono::milliseconds most) {
    return around_.some_time(least, most);
  }
  void take(const domain::Notification& notification);
  void plan_work(const Work& work);
  Work send(Work work);  // what was sent
  void send_garbage(const Work& work);
  void request(const Work& work, bool is_garbage);
  void answered(Work work, bool is_garbage, const actors::Result<std::string>& answer);
  void catch_up();
  void poll_now_and_then();
  void wander_now_and_then();
  [[nodiscard]] bool likely(unsigned percent) { return !behaves_ && around_.random.in_percent(percent); }

  Surroundings& around_;
  Server& server_;
  Auditor& auditor_;
  const domain::UserId id_;
  const Habits habits_;
  bool polls_;
  bool careful_;  // drops notifications that it has had before
  bool uses_keys_;
  bool behaves_ = false;
  bool away_ = false;
  std::uint64_t absences_ = 0;  // work of before is forgotten
  std::set<domain::EventId> had_;
  std::uint64_t cursor_ = 0;
  std::uint64_t contents_ = 0;
};

}  // namespace fedlog::simulation
