#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "actors/gateway.h"
#include "ml/tensor.h"
#include "ml/worker_protocol.h"

namespace fedlog::actors {

// What a caller sent to be predicted.
struct InferenceInput {
  ml::Tensor tensor;
  // An image is the bytes of its file: only the worker decodes it.
  ml::InputKind kind = ml::InputKind::tensors;
  bool plain_numbers = false;  // from JSON: the numbers take the model's own type
};

// From nested lists of numbers or booleans, all of one length in each dimension (whole numbers become int64,
// others float32), or from text: the base64 of a file.
[[nodiscard]] Result<InferenceInput> input_from_json(const nlohmann::json& json);

// From a file: one tensor, as torch.save writes it, or what begins like a PNG or JPEG.
[[nodiscard]] Result<InferenceInput> input_from_file(const std::string& bytes);

// From either, of which nothing is left: who waits for a worker keeps the tensor alone.
[[nodiscard]] Result<InferenceInput> take_input(std::variant<nlohmann::json, std::string>& input);

}  // namespace fedlog::actors
