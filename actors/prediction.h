#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "ml/tensor.h"

namespace fedlog::actors {

// What a caller is told.
struct Prediction {
  ml::Tensor inference;
  // "variance", "std", ... in the order in which the reply has them; empty without an uncertainty method.
  std::vector<std::pair<std::string, ml::Tensor>> uncertainty = {};
};

// The tensor's values as nested lists; a scalar as a number. NaN and infinity become null.
[[nodiscard]] nlohmann::json to_lists(const ml::Tensor& tensor);

// The index of the largest value along dimension 1, the first one on a tie and the first NaN before all, as
// torch.argmax has it. The error says why there is none.
[[nodiscard]] std::expected<ml::Tensor, std::string> argmax_over_classes(const ml::Tensor& outputs);

// {"inference": ..., "uncertainty": {...}} as JSON, and as a pickle with tensors (see ml::PickleWriter).
[[nodiscard]] std::string json_reply(const Prediction& prediction);
[[nodiscard]] std::string pickle_reply(const Prediction& prediction);

}  // namespace fedlog::actors
