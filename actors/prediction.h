#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "ml/tensor.h"

namespace fedlog::actors {

// The tensor's values as nested lists; a scalar as a number. NaN and infinity become null.
[[nodiscard]] nlohmann::json to_lists(const ml::Tensor& tensor);

// The index of the largest value along dimension 1, the first one on a tie and the first NaN before all, as
// torch.argmax has it. The error says why there is none.
[[nodiscard]] std::expected<ml::Tensor, std::string> argmax_over_classes(const ml::Tensor& outputs);

}  // namespace fedlog::actors
