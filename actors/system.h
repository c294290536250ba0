#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "actors/gateway.h"
#include "actors/notifier.h"
#include "actors/passwords.h"
#include "actors/sign_in.h"
#include "actors/worker_pool.h"
#include "domain/training_commands.h"
#include "storage/storage.h"

namespace fedlog::actors {

struct SystemOptions {
  Passwords::Options passwords;
  SignIn::Options sign_in;
  Notifier::Options notifications;
  std::size_t notification_waits_max = 1'000;  // requests that wait for notifications
  domain::TrainingOptions training_defaults;
  domain::ModelAccess model_access = domain::ModelAccess::members;
  bool require_finite_updates = true;
  WorkerPoolOptions worker;
  std::string worker_missing;  // why there is no worker's program; empty: there is one
  std::size_t aggregation_threads = 2;
  std::filesystem::path scratch_folder;  // on the disk of the blobs; emptied by whoever opens the storage
  std::chrono::milliseconds idle_passivate{300'000};
  std::function<domain::Timestamp()> now;  // the time of day, for deadlines; empty: the system's
};

// All actors of a server and what they need, started together: it takes up what the log says is pending.
// Destroying it ends them in the right order; what was acknowledged is durable already. `storage` must
// outlive it.
class System {
 public:
  virtual ~System() = default;
  [[nodiscard]] virtual Gateway& gateway() = 0;

  // Fails the predictions that wait or run, soon, and all that come later: their callers hold threads that a
  // server which stops has to wait for. Any thread.
  virtual void end_predictions() = 0;

  // Trainings whose actor is in memory now.
  [[nodiscard]] virtual std::size_t awake_trainings() const = 0;
};

[[nodiscard]] std::unique_ptr<System> start_system(storage::Storage& storage, SystemOptions options);

// Accounts alone, for a tool that has the storage to itself: nothing that is pending is taken up. `storage`
// must outlive it.
[[nodiscard]] std::unique_ptr<UserAdministration> administer_users(storage::Storage& storage,
                                                                   const Passwords::Options& passwords);

}  // namespace fedlog::actors
