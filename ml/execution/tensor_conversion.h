#pragma once

#include <torch/script.h>

#include <expected>
#include <string>

#include "ml/tensor.h"

// Between the project's tensors and torch's. Includes torch: for this folder's sources only.
namespace fedlog::ml {

// A copy of `tensor`.
[[nodiscard]] at::Tensor to_torch(const Tensor& tensor);

// A copy of `tensor`, or why it has no place in ml::Tensor (complex, sparse, quantized).
[[nodiscard]] std::expected<Tensor, std::string> from_torch(const at::Tensor& tensor);

}  // namespace fedlog::ml
