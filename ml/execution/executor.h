#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ml/owned_descriptor.h"
#include "ml/worker_protocol.h"

namespace fedlog::ml {

// Executes requests with torch, in this process and this thread. Whoever cares for the process sandboxes it
// first. Not thread-safe.
class Executor {
 public:
  explicit Executor(std::uint64_t model_cache_bytes);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Sets torch up and makes it do, once, all that needs a file or a system call which a sandbox denies.
  static void warm_up();

  // `models` are the files of request.task.model_ids, one for one (none for unload and compile).
  [[nodiscard]] WorkerReply execute(const WorkerRequest& request, const std::vector<OwnedDescriptor>& models);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fedlog::ml
