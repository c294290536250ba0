#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "actors/gateway.h"
#include "ml/tensor.h"

namespace fedlog::actors {

// What a caller sent to be predicted.
struct InferenceInput {
  ml::Tensor tensor;
  bool plain_numbers = false;  // from JSON: the numbers take the model's own type
};

// From nested lists of numbers or booleans, all of one length in each dimension (whole numbers become int64,
// others float32), or from text: the base64 of a tensor file.
[[nodiscard]] Result<InferenceInput> input_from_json(const nlohmann::json& json);

// From a file of one tensor, as torch.save writes it.
[[nodiscard]] Result<InferenceInput> input_from_file(const std::string& bytes);

// Whether the input fits the sizes that the model's owner declared.
[[nodiscard]] Result<void> check_shape(const ml::Tensor& input,
                                       const std::optional<domain::InputShape>& shape);

}  // namespace fedlog::actors
