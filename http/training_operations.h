#pragma once

#include "http/operation.h"
#include "http/router.h"

namespace fedlog::http {

// The training's id in a path.
[[nodiscard]] PathParameter training_parameter();

// What the calls of /api/trainings/ take and answer.
struct TrainingOperations {
  Operation list;
  Operation create;
  Operation show;
  Operation remove;
  Operation add_participants;
  Operation remove_participants;
  Operation start;
  Operation cancel;
  Operation pause;
  Operation resume;
  Operation leave;
  Operation join;
  Operation status;
  Operation models;
  Operation latest_models;
};
[[nodiscard]] TrainingOperations training_operations(const std::vector<FieldRule>& training_fields,
                                                     const std::vector<FieldRule>& participant_fields);

}  // namespace fedlog::http
