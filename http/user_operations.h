#pragma once

#include "http/operation.h"
#include "http/router.h"

namespace fedlog::http {

// The user's id in a path.
[[nodiscard]] PathParameter user_parameter();

// What the calls of /api/users/ take and answer.
struct UserOperations {
  Operation list;
  Operation registration;
  Operation myself;
  Operation groups;
  Operation trainings;
  Operation show;
  Operation change;
};
[[nodiscard]] UserOperations user_operations(const std::vector<FieldRule>& registration_fields,
                                             const std::vector<FieldRule>& change_fields);

}  // namespace fedlog::http
