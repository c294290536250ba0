#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "actors/gateway.h"
#include "storage/journal.h"

namespace caf {
class actor_system;
}

namespace fedlog::actors {

// An actor that carries out commands one at a time: each is prepared only when the append of the one before
// it is durable, so what `prepare` reads from the views cannot change before its own append. Any thread may
// call it.
class CommandQueue {
 public:
  // Reads and decides; runs on the actor. An empty list of appends: nothing to do but to keep the reply, if
  // there is an idempotency key.
  using Prepare = std::function<Result<storage::Commit>()>;

  CommandQueue(caf::actor_system& system, storage::Journal& journal);
  ~CommandQueue();

  // Blocks until the commit is durable. When another writer was faster (a version mismatch), it is prepared
  // again. A duplicate of an idempotent command returns what was kept with it as `reply`.
  struct Outcome {
    std::vector<storage::Envelope> envelopes;
    std::string reply;
  };
  [[nodiscard]] Result<Outcome> run(Prepare prepare);

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace fedlog::actors
