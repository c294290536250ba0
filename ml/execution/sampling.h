#pragma once

#include <torch/script.h>

#include <optional>
#include <vector>

#include "ml/execution/forward.h"

// What the uncertainty methods draw. Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Outputs of several forwards, to be stacked. Every forward has to return one tensor, and all the same shape.
class Samples {
 public:
  explicit Samples(bool softmax) : softmax_(softmax) {}

  // Why `outputs` cannot be a sample, if so.
  [[nodiscard]] std::optional<ExecutionError> add(Outputs outputs);
  // One tensor, samples first.
  [[nodiscard]] std::vector<at::Tensor> stacked() const;

 private:
  bool softmax_;
  std::vector<at::Tensor> samples_;
};

// Both leave the model as they found it.
[[nodiscard]] Outputs sample_dropout(torch::jit::Module& model, const WorkerTask& task,
                                     const std::vector<at::Tensor>& inputs);
// The last two of `inputs` are the moments.
[[nodiscard]] Outputs sample_weights(torch::jit::Module& model, const WorkerTask& task,
                                     std::vector<at::Tensor> inputs);

}  // namespace fedlog::ml
