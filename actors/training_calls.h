#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "actors/delivery.h"
#include "actors/gateway.h"
#include "storage/storage.h"

namespace fedlog::actors {

// What people ask of a training that exists: to see it, to know what it waits for, to steer it, and who takes
// part. What participants send in a round is in submissions.h. Any thread.
class TrainingCalls {
 public:
  // Sends a command to a training and waits for its answer.
  using Tell =
      std::function<Result<void>(const RequestContext&, domain::TrainingId, domain::TrainingCommand)>;
  // Refuses users that do not exist or are listed twice.
  using CheckUsers = std::function<Result<void>(const std::vector<domain::UserId>&)>;

  // How the first notification stands that a training has on its way to a user.
  using Pending = std::function<std::optional<PendingDelivery>(domain::UserId, domain::TrainingId)>;

  // `storage` must outlive it.
  TrainingCalls(storage::Storage& storage, CheckUsers check_users, Tell tell, Pending pending);

  [[nodiscard]] Result<domain::Training> readable(const RequestContext& context,
                                                  domain::TrainingId training) const;
  [[nodiscard]] Result<domain::TrainingStatus> status(const RequestContext& context,
                                                      domain::TrainingId training) const;
  [[nodiscard]] Result<void> control(const RequestContext& context, domain::TrainingId training,
                                     TrainingControl control) const;
  [[nodiscard]] Result<void> add_participants(const RequestContext& context, domain::TrainingId training,
                                              const std::vector<domain::UserId>& users) const;
  [[nodiscard]] Result<void> remove_participants(const RequestContext& context, domain::TrainingId training,
                                                 const std::vector<domain::UserId>& users) const;

 private:
  [[nodiscard]] Result<void> change_participants(const RequestContext& context, domain::TrainingId training,
                                                 const std::vector<domain::UserId>& users,
                                                 domain::TrainingCommand command) const;

  storage::Storage& storage_;
  CheckUsers check_users_;
  Tell tell_;
  Pending pending_;
};

}  // namespace fedlog::actors
