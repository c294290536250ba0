#include "actors/training_calls.h"

#include "actors/once.h"
#include "actors/rejected.h"
#include "storage/log_head.h"

namespace fedlog::actors {
namespace {

std::unexpected<domain::Rejection> not_found(domain::TrainingId id) {
  return rejected(domain::Reason::training_not_found, "Training " + id.text() + " not found.");
}

domain::TrainingCommand command_for(TrainingControl control, const domain::Caller& by) {
  switch (control) {
    case TrainingControl::cancel:
      return domain::CancelTraining{by};
    case TrainingControl::pause:
      return domain::PauseTraining{by};
    case TrainingControl::resume:
      return domain::ResumeTraining{by};
    case TrainingControl::leave:
      return domain::LeaveTraining{by};
    case TrainingControl::join:
      break;
  }
  return domain::JoinTraining{by};
}

}  // namespace

TrainingCalls::TrainingCalls(storage::Storage& storage, CheckUsers check_users, Tell tell, Pending pending)
    : storage_(storage),
      check_users_(std::move(check_users)),
      tell_(std::move(tell)),
      pending_(std::move(pending)) {}

Result<domain::Training> TrainingCalls::readable(const RequestContext& context, domain::TrainingId id) const {
  auto training = storage_.views().training(id);
  if (!training) return not_found(id);
  if (!domain::may_read(context.caller, *training)) return not_permitted();
  return std::move(*training);
}

Result<domain::TrainingStatus> TrainingCalls::status(const RequestContext& context,
                                                     domain::TrainingId id) const {
  const auto training = readable(context, id);
  if (!training) return std::unexpected(training.error());
  auto on_their_way = storage_.views().pending_in(id);
  for (auto& each : on_their_way) {
    if (const auto first = pending_(each.notification.receiver, id)) {
      each.progress = progress_of(each.notification, *first);
    }
  }
  return domain::status_of(*training, storage::system_time(), on_their_way,
                           [&](domain::UserId user) { return storage_.views().is_active(user); });
}

Result<void> TrainingCalls::control(const RequestContext& context, domain::TrainingId id,
                                    TrainingControl control) const {
  return tell_(context, id, command_for(control, context.caller));
}

Result<void> TrainingCalls::add_participants(const RequestContext& context, domain::TrainingId id,
                                             const std::vector<domain::UserId>& users) const {
  return change_participants(context, id, users, domain::AddParticipants{context.caller, users});
}

Result<void> TrainingCalls::remove_participants(const RequestContext& context, domain::TrainingId id,
                                                const std::vector<domain::UserId>& users) const {
  return change_participants(context, id, users, domain::RemoveParticipants{context.caller, users});
}

// Rights come before the check of the users, so that a stranger learns nothing about them.
Result<void> TrainingCalls::change_participants(const RequestContext& context, domain::TrainingId id,
                                                const std::vector<domain::UserId>& users,
                                                domain::TrainingCommand command) const {
  return once(storage_.journal(), context, [&]() -> Result<void> {
    const auto training = storage_.views().training(id);
    if (!training) return not_found(id);
    if (!domain::may_manage(context.caller, *training)) return not_permitted();
    if (auto known = check_users_(users); !known) return known;
    return tell_(context, id, std::move(command));
  });
}

}  // namespace fedlog::actors
