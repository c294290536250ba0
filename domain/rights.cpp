#include "domain/rights.h"

#include "domain/training.h"

namespace fedlog::domain {

bool may_read(const Caller& caller, const Training& training) {
  return caller.superuser || training.actor == caller.id || training.has_participant(caller.id);
}

bool may_manage(const Caller& caller, const Training& training) {
  return training.actor == caller.id;
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

}  // namespace fedlog::domain
