#include "ml/execution/forward.h"

#include "ml/execution/failure_message.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

std::expected<void, ExecutionError> collect(const torch::IValue& value, const std::string& name,
                                            std::vector<at::Tensor>& tensors) {
  const auto collect_all = [&](const auto& elements) -> std::expected<void, ExecutionError> {
    for (const torch::IValue& element : elements) {
      if (auto collected = collect(element, name, tensors); !collected) return collected;
    }
    return {};
  };
  if (value.isTuple()) return collect_all(value.toTupleRef().elements());
  if (value.isList()) return collect_all(value.toListRef());
  if (!value.isTensor()) {
    return refuse(
        ExecutionErrorCode::output_unsupported,
        name + " returns " + value.type()->repr_str() + ", not a tensor, or a tuple or list of tensors");
  }
  if (tensors.size() == tensor_limit) {
    return refuse(ExecutionErrorCode::output_unsupported, name + " returns too many tensors");
  }
  tensors.push_back(value.toTensor());
  return {};
}

Outputs forward_as_given(torch::jit::Module& model, const std::vector<at::Tensor>& inputs,
                         const std::string& name) {
  try {
    std::vector<torch::IValue> arguments(inputs.begin(), inputs.end());
    std::vector<at::Tensor> outputs;
    if (auto collected = collect(model.forward(std::move(arguments)), name, outputs); !collected) {
      return std::unexpected(collected.error());
    }
    return outputs;
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) {
      return refuse(ExecutionErrorCode::out_of_memory,
                    name + " takes more memory for this input than a worker has");
    }
    return refuse(ExecutionErrorCode::input_mismatch,
                  name + " does not accept this input: " + failure_message(failure));
  }
}

}  // namespace

at::ScalarType floating_type(const torch::jit::Module& model) {
  for (const at::Tensor& parameter : model.parameters()) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::kFloat;
}

Outputs forward(torch::jit::Module& model, const std::vector<at::Tensor>& inputs, bool take_model_type,
                const std::string& name) {
  const auto type = floating_type(model);
  bool whole_numbers = false;
  auto converted = inputs;
  for (auto& input : converted) {
    const bool whole = input.scalar_type() == at::kLong;
    whole_numbers = whole_numbers || (take_model_type && whole);
    // A half-precision model was loaded in single precision.
    const bool half = input.scalar_type() == at::kHalf && type == at::kFloat;
    const bool takes_type = half || (take_model_type && (whole || input.scalar_type() == at::kFloat));
    input = input.to(takes_type ? type : input.scalar_type(), false, true);
  }
  auto outputs = forward_as_given(model, converted, name);
  if (outputs || !whole_numbers || !wants_whole_numbers(outputs.error().message)) return outputs;
  return forward_as_given(model, inputs, name);
}

}  // namespace fedlog::ml
