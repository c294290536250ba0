#pragma once

#include <cstddef>
#include <expected>
#include <span>
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

// Appends the tensor's values as nested lists of JSON; a scalar as a number. NaN and infinity become null.
void append_lists(std::string& json, const ml::Tensor& tensor);

// How many numbers and lists that makes. The shape's volume_bound is one that could be.
[[nodiscard]] std::size_t parts_of_lists(std::span<const std::int64_t> shape);

// The index of the largest value along dimension 1, the first one on a tie and the first NaN before all, as
// torch.argmax has it. The error says why there is none.
[[nodiscard]] std::expected<ml::Tensor, std::string> argmax_over_classes(const ml::Tensor& outputs);

// {"inference": ..., "uncertainty": {...}} as JSON, and as a pickle with tensors (see ml::PickleWriter).
[[nodiscard]] std::string json_reply(const Prediction& prediction);
[[nodiscard]] std::string pickle_reply(const Prediction& prediction);

}  // namespace fedlog::actors
