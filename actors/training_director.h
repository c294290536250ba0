#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "actors/aggregation_worker.h"
#include "actors/training_process.h"
#include "storage/event_codec.h"
#include "storage/journal.h"

namespace caf {
class actor_system;
}

namespace fedlog::actors {

// Every training's actor, by id: spawned from the log when the first command comes, sent to rest when idle,
// and spawned again when it crashes (later and later when it does so at once). One that has a deadline stays
// awake until it comes. Any thread may call it.
class TrainingDirector {
 public:
  struct Parts {
    storage::Journal& journal;
    const storage::EventCodec& codec;
    AggregationWorker& aggregation_worker;
    std::function<void()> outbox_grew;
    std::chrono::milliseconds idle_limit;
    std::function<domain::Timestamp()> now = {};  // the time of day; empty: the system's
  };

  TrainingDirector(caf::actor_system& system, Parts parts);
  ~TrainingDirector();

  // The message's reply is called when what it changed is durable, or nothing was changed.
  void send(domain::TrainingId training, TrainingMessage message);

  // Takes up what the training has pending, after a restart.
  void wake(domain::TrainingId training);

  // Ends all trainings' actors where they stand; what they had not made durable, and whatever is sent
  // afterwards, is answered as interrupted. Waits for every actor of the system, so end the others first.
  void stop();

  // How many trainings have a living actor now.
  [[nodiscard]] std::size_t awake() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace fedlog::actors
