#pragma once

#include "http/body.h"

namespace fedlog::http {

// Adds the schemas of trainings, of their options and of their status, by name.
void add_training_schemas(Body& schemas);

}  // namespace fedlog::http
