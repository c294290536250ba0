#include "domain/rights.h"

#include "domain/training.h"

namespace fedlog::domain {

Caller caller_of(const User& user) {
  return {.id = user.id, .superuser = user.superuser};
}

bool may_read(const Caller& caller, const Training& training) {
  return caller.superuser || training.actor == caller.id || training.has_participant(caller.id);
}

bool may_manage(const Caller& caller, const Training& training) {
  return training.actor == caller.id;
}

bool may_control(const Caller& caller, const Training& training) {
  return caller.superuser || may_manage(caller, training);
}

bool may_join(const Caller& caller, const Training& training) {
  return training.options.open_to_join || may_manage(caller, training);
}

bool may_send_updates(const Caller& caller, const Training& training) {
  return training.has_participant(caller.id);
}

bool may_read(const Caller& caller, const Model& model, const Training* training, ModelAccess access) {
  if (access == ModelAccess::open || caller.superuser || model.owner == caller.id) return true;
  if (training == nullptr) return false;
  if (model.kind != ModelKind::local) return may_read(caller, *training);
  // A local model is its owner's and the actor's; of the others only who goes on with it sees it.
  return training->actor == caller.id ||
         (training->is_passed_on(model.id) && training->model_for(caller.id) == model.id);
}

bool may_report_metrics(const Caller& caller, const Model& model, const Training* training,
                        ModelAccess access) {
  return may_read(caller, model, training, access);
}

bool may_delete(const Caller& caller, const Model& model, const Training* training) {
  return model.owner == caller.id || (training != nullptr && training->actor == caller.id);
}

bool may_replace_preprocessing(const Caller& caller, const Model& model) {
  return model.owner == caller.id;
}

bool may_use(const Caller& caller, UserId model_owner) {
  return model_owner == caller.id;
}

bool may_list_groups(const Caller& caller) {
  return caller.superuser;
}

bool may_access(const Caller& caller, const Group& group) {
  return group.has_member(caller.id);
}

bool may_choose_members(const Caller& caller, const Group& group) {
  return caller.superuser || group.has_member(caller.id);
}

bool may_register(const Caller* caller, bool registration_is_open) {
  return registration_is_open || (caller != nullptr && caller->superuser);
}

bool may_see_to(const Caller& caller, UserId account) {
  return caller.superuser || caller.id == account;
}

bool may_set_password_without_the_old(const Caller& caller) {
  return caller.superuser;
}

bool may_lock_accounts(const Caller& caller) {
  return caller.superuser;
}

}  // namespace fedlog::domain
