#pragma once

#include "http/operation.h"
#include "http/router.h"

namespace fedlog::http {

// The group's number in a path.
[[nodiscard]] PathParameter group_parameter();

// What the calls of /api/groups/ take and answer.
struct GroupOperations {
  Operation list;
  Operation create;
  Operation show;
  Operation replace;
  Operation change;
  Operation remove;
  Operation add_members;
  Operation remove_members;
};
[[nodiscard]] GroupOperations group_operations(const std::vector<FieldRule>& group_fields,
                                               const std::vector<FieldRule>& member_fields);

}  // namespace fedlog::http
