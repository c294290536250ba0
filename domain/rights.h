#pragma once

#include "domain/model.h"
#include "domain/user.h"

namespace fedlog::domain {

struct Training;

// Who asks.
struct Caller {
  UserId id;
  bool superuser = false;
};

// Who may read and run models: those who have to do with them, or everyone with an account.
enum class ModelAccess { members, open };

// What the roles may do; nothing else in the code decides about rights. `training` is the model's training,
// or null.
[[nodiscard]] bool may_read(const Caller& caller, const Training& training);
[[nodiscard]] bool may_manage(const Caller& caller, const Training& training);
[[nodiscard]] bool may_read(const Caller& caller, const Model& model, const Training* training,
                            ModelAccess access);
[[nodiscard]] bool may_report_metrics(const Caller& caller, const Model& model, const Training* training,
                                      ModelAccess access);
[[nodiscard]] bool may_delete(const Caller& caller, const Model& model, const Training* training);
[[nodiscard]] bool may_replace_preprocessing(const Caller& caller, const Model& model);

}  // namespace fedlog::domain
