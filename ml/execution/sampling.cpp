#include "ml/execution/sampling.h"

#include <algorithm>

#include "ml/execution/dropout_switch.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

// The model's parameters as one vector, as PyTorch's parameters_to_vector orders them: by registration, a
// shared one once. Puts the original weights back in the end.
class WeightVector {
 public:
  explicit WeightVector(const torch::jit::Module& model) {
    for (const at::Tensor& parameter : model.parameters()) {
      const bool shared = std::ranges::any_of(parameters_, [&](const at::Tensor& known) {
        return known.unsafeGetTensorImpl() == parameter.unsafeGetTensorImpl();
      });
      if (shared) continue;
      parameters_.push_back(parameter);
      originals_.push_back(parameter.clone());
      size_ += parameter.numel();
    }
  }
  ~WeightVector() {
    for (std::size_t index = 0; index < parameters_.size(); ++index)
      parameters_[index].copy_(originals_[index]);
  }
  WeightVector(const WeightVector&) = delete;
  WeightVector& operator=(const WeightVector&) = delete;

  [[nodiscard]] std::int64_t size() const { return size_; }
  void set(const at::Tensor& vector) {
    std::int64_t offset = 0;
    for (auto& parameter : parameters_) {
      parameter.copy_(vector.narrow(0, offset, parameter.numel()).view_as(parameter));
      offset += parameter.numel();
    }
  }

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> originals_;
  std::int64_t size_ = 0;
};

// In the moments' own precision, in which a weight that never changed has no variance; what libtorch 1.13
// lacks for float16 is done in float32, which holds a float16's square exactly. Rounding alone makes some
// differences negative.
at::Tensor deviation_of(const at::Tensor& first, const at::Tensor& second) {
  if (first.scalar_type() != at::kHalf) return (second - first.square()).clamp_min(0).sqrt();
  const auto square = first.to(at::kFloat).square().to(at::kHalf).to(at::kFloat);
  return (second.to(at::kFloat) - square).clamp_min(0).sqrt();
}

}  // namespace

std::optional<ExecutionError> Samples::add(Outputs outputs) {
  if (!outputs) return outputs.error();
  if (outputs->size() != 1) {
    return ExecutionError{ExecutionErrorCode::output_unsupported,
                          "uncertainty needs a model that returns one tensor, this one returns " +
                              std::to_string(outputs->size())};
  }
  const auto& sample = outputs->front();
  if (!samples_.empty() && samples_.front().sizes() != sample.sizes()) {
    return ExecutionError{ExecutionErrorCode::output_unsupported, "the samples have different shapes"};
  }
  if (softmax_ && sample.dim() < 2) {
    return ExecutionError{ExecutionErrorCode::output_unsupported,
                          "softmax needs an output of two dimensions, batch and classes"};
  }
  samples_.push_back(softmax_ ? at::softmax(sample, 1) : sample.clone());
  return std::nullopt;
}

std::vector<at::Tensor> Samples::stacked() const {
  return {at::stack(samples_)};
}

Outputs sample_dropout(torch::jit::Module& model, const WorkerTask& task,
                       const std::vector<at::Tensor>& inputs) {
  const DropoutSwitchedOn dropout(model);
  Samples samples(task.softmax);
  for (std::uint32_t index = 0; index < task.samples; ++index) {
    if (auto error = samples.add(forward(model, inputs, task.inputs_take_model_type)))
      return std::unexpected(*error);
  }
  return samples.stacked();
}

Outputs sample_weights(torch::jit::Module& model, const WorkerTask& task, std::vector<at::Tensor> inputs) {
  if (inputs.size() < 2) return refuse(ExecutionErrorCode::bad_request, "SWAG needs two moments");
  const auto second = inputs.back().flatten();
  inputs.pop_back();
  const auto first = inputs.back().flatten();
  inputs.pop_back();

  WeightVector weights(model);
  if (first.numel() != weights.size() || second.numel() != weights.size()) {
    return refuse(ExecutionErrorCode::bad_request, "the moments have " + std::to_string(first.numel()) +
                                                       " and " + std::to_string(second.numel()) +
                                                       " values, the model has " +
                                                       std::to_string(weights.size()) + " weights");
  }
  const auto deviation = deviation_of(first, second);
  Samples samples(task.softmax);
  for (std::uint32_t index = 0; index < task.samples; ++index) {
    weights.set(first + deviation * at::randn_like(deviation));
    if (auto error = samples.add(forward(model, inputs, task.inputs_take_model_type)))
      return std::unexpected(*error);
  }
  return samples.stacked();
}

}  // namespace fedlog::ml
