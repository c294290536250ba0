#pragma once

#include <vector>

#include "http/field_rule.h"

// The fields of what is sent to models: parts that are read together, and what each call takes as a whole.
namespace fedlog::http {

// What every model says of itself; what a mean model says beside; what updates and moments have in common.
[[nodiscard]] const std::vector<FieldRule>& description_fields();
[[nodiscard]] const std::vector<FieldRule>& member_fields();
[[nodiscard]] const std::vector<FieldRule>& contribution_fields();

// POST /api/models/
[[nodiscard]] const std::vector<FieldRule>& model_fields();
// POST /api/models/<id>/
[[nodiscard]] const std::vector<FieldRule>& update_fields();
// POST /api/models/<id>/preprocessing/
[[nodiscard]] const std::vector<FieldRule>& preprocessing_fields();
// POST /api/models/<id>/swag/
[[nodiscard]] const std::vector<FieldRule>& swag_fields();

}  // namespace fedlog::http
