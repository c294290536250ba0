#pragma once

#include <cstdint>
#include <vector>

#include "domain/metric.h"
#include "domain/training.h"
#include "storage/envelope.h"
#include "storage/key_value.h"
#include "storage/view_rows.h"

// The parts of projection that are about trainings and their models. Throw std::runtime_error on an event
// that does not fit what was before.
namespace fedlog::storage {

void project_training(const Envelope& envelope, const domain::TrainingEvent& event, KeyValueWriter& views);

// Rows for metrics of a model; nothing where the model is gone.
void add_metrics(const Envelope& envelope, domain::ModelId model, domain::UserId reporter, std::int64_t step,
                 const std::vector<domain::Metric>& metrics, KeyValueWriter& views);

// A model and its metrics.
void remove_model(const Row<domain::Model>& row, KeyValueWriter& views);

}  // namespace fedlog::storage
