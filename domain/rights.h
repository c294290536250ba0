#pragma once

#include "domain/group.h"
#include "domain/model.h"
#include "domain/user.h"

namespace fedlog::domain {

struct Training;

// Who asks.
struct Caller {
  UserId id;
  bool superuser = false;
};
[[nodiscard]] Caller caller_of(const User& user);

// Who may read and run models: those who have to do with them, or everyone with an account.
enum class ModelAccess { members, open };

// What the roles may do; nothing else in the code decides about rights.

// Trainings: to manage one is to start it, to invite and remove participants, and to delete it; to control
// one is to cancel, pause and resume it.
[[nodiscard]] bool may_read(const Caller& caller, const Training& training);
[[nodiscard]] bool may_manage(const Caller& caller, const Training& training);
[[nodiscard]] bool may_control(const Caller& caller, const Training& training);
[[nodiscard]] bool may_join(const Caller& caller, const Training& training);
[[nodiscard]] bool may_send_updates(const Caller& caller, const Training& training);

// Models: `training` is the model's training, or null. To use one is to make a training or a mean of it.
[[nodiscard]] bool may_read(const Caller& caller, const Model& model, const Training* training,
                            ModelAccess access);
[[nodiscard]] bool may_report_metrics(const Caller& caller, const Model& model, const Training* training,
                                      ModelAccess access);
[[nodiscard]] bool may_delete(const Caller& caller, const Model& model, const Training* training);
[[nodiscard]] bool may_replace_preprocessing(const Caller& caller, const Model& model);
[[nodiscard]] bool may_use(const Caller& caller, UserId model_owner);

// Groups: superusers too must be members to see or change one, but not to choose its members.
[[nodiscard]] bool may_list_groups(const Caller& caller);
[[nodiscard]] bool may_access(const Caller& caller, const Group& group);
[[nodiscard]] bool may_choose_members(const Caller& caller, const Group& group);

// Accounts: to see to one is to replace its token or its password; to lock one is to deactivate it, or to
// activate it again. `caller` of a registration is null where it came without credentials.
[[nodiscard]] bool may_register(const Caller* caller, bool registration_is_open);
[[nodiscard]] bool may_see_to(const Caller& caller, UserId account);
[[nodiscard]] bool may_set_password_without_the_old(const Caller& caller);
[[nodiscard]] bool may_lock_accounts(const Caller& caller);

}  // namespace fedlog::domain
