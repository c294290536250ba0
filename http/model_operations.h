#pragma once

#include "http/operation.h"
#include "http/router.h"

namespace fedlog::http {

// The model's id in a path.
[[nodiscard]] PathParameter model_parameter();

// What the calls of /api/models/ take and answer.
struct ModelOperations {
  Operation list;
  Operation upload;
  Operation download;
  Operation update;
  Operation remove;
  Operation metadata;
  Operation list_metrics;
  Operation report_metrics;
  Operation download_preprocessing;
  Operation replace_preprocessing;
  Operation swag;
};
[[nodiscard]] ModelOperations model_operations();

}  // namespace fedlog::http
