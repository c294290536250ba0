#pragma once

#include <expected>
#include <string>

#include "actors/prediction.h"
#include "ml/tensor.h"

namespace fedlog::actors {

// Samples of a model's output, stacked along dimension 0, put together: their mean. The error says why there
// is none.
[[nodiscard]] std::expected<ml::Tensor, std::string> mean_of(const ml::Tensor& samples);

// The mean, and how far the samples are from it: `variance` (unbiased) and its root `std`. Of a single sample
// both are 0. Where all values are in [0, 1] they count as probabilities over the last dimension, and there
// are also predictive_entropy (of the mean), expected_entropy (the mean of the samples' own) and mutual_info
// (the first without the second), in nats. A row of zeros is no distribution: then those three are left out.
[[nodiscard]] std::expected<Prediction, std::string> prediction_of(const ml::Tensor& samples);

}  // namespace fedlog::actors
