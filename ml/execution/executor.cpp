#include "ml/execution/executor.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>

#include <sstream>

#include "ml/execution/failure_message.h"
#include "ml/execution/model_cache.h"
#include "ml/execution/tensor_conversion.h"

namespace fedlog::ml {
namespace {

using Outputs = std::expected<std::vector<at::Tensor>, ExecutionError>;

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

// The type that plain numbers take for this model: that of its first floating-point parameter.
at::ScalarType floating_type(const torch::jit::Module& model) {
  for (const at::Tensor& parameter : model.parameters()) {
    if (parameter.is_floating_point()) return parameter.scalar_type();
  }
  return at::kFloat;
}

// A tensor, or tuples and lists of tensors in their order.
std::expected<void, ExecutionError> collect(const torch::IValue& value, std::vector<at::Tensor>& tensors) {
  const auto collect_all = [&](const auto& elements) -> std::expected<void, ExecutionError> {
    for (const torch::IValue& element : elements) {
      if (auto collected = collect(element, tensors); !collected) return collected;
    }
    return {};
  };
  if (value.isTensor()) {
    if (tensors.size() == tensor_limit) {
      return refuse(ExecutionErrorCode::output_unsupported, "the model returns too many tensors");
    }
    tensors.push_back(value.toTensor());
    return {};
  }
  if (value.isTuple()) return collect_all(value.toTupleRef().elements());
  if (value.isList()) return collect_all(value.toListRef());
  return refuse(ExecutionErrorCode::output_unsupported, "the model returns " + value.type()->repr_str() +
                                                            ", not a tensor, or a tuple or list of tensors");
}

Outputs forward(torch::jit::Module& model, const std::vector<at::Tensor>& inputs) {
  try {
    std::vector<torch::IValue> arguments(inputs.begin(), inputs.end());
    std::vector<at::Tensor> outputs;
    if (auto collected = collect(model.forward(std::move(arguments)), outputs); !collected) {
      return std::unexpected(collected.error());
    }
    return outputs;
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) {
      return refuse(ExecutionErrorCode::out_of_memory,
                    "the model takes more memory for this input than a worker has");
    }
    return refuse(ExecutionErrorCode::input_mismatch,
                  "the model refused the input: " + failure_message(failure));
  }
}

Outputs forward(torch::jit::Module& model, std::vector<at::Tensor> inputs, bool take_model_type) {
  const auto type = floating_type(model);
  std::vector<at::Tensor> converted;
  bool whole_numbers = false;
  for (const auto& input : inputs) {
    const bool half = input.scalar_type() == at::kHalf && type == at::kFloat;
    const bool whole = input.scalar_type() == at::kLong;
    whole_numbers = whole_numbers || (take_model_type && whole);
    const bool convert = half || (take_model_type && (whole || input.scalar_type() == at::kFloat));
    converted.push_back(convert ? input.to(type) : input);
  }
  auto outputs = forward(model, converted);
  if (outputs || !whole_numbers || !wants_whole_numbers(outputs.error().message)) return outputs;
  return forward(model, inputs);
}

// Dropout layers draw while this lives.
class DropoutSwitchedOn {
 public:
  explicit DropoutSwitchedOn(const torch::jit::Module& model) {
    for (auto module : model.modules()) {
      const auto type = module.type()->name();
      if (type && type->name().find("Dropout") != std::string::npos) layers_.push_back(module);
    }
    for (auto& layer : layers_) layer.train(true);
  }
  ~DropoutSwitchedOn() {
    for (auto& layer : layers_) layer.train(false);
  }
  DropoutSwitchedOn(const DropoutSwitchedOn&) = delete;
  DropoutSwitchedOn& operator=(const DropoutSwitchedOn&) = delete;

 private:
  std::vector<torch::jit::Module> layers_;
};

// Outputs of several forwards, stacked. Every forward has to return one tensor, and all of one shape.
class Samples {
 public:
  explicit Samples(bool softmax) : softmax_(softmax) {}

  std::optional<ExecutionError> add(Outputs outputs) {
    if (!outputs) return outputs.error();
    if (outputs->size() != 1) {
      return ExecutionError{ExecutionErrorCode::output_unsupported,
                            "uncertainty needs a model that returns one tensor, this one returns " +
                                std::to_string(outputs->size())};
    }
    auto& sample = outputs->front();
    if (!samples_.empty() && samples_.front().sizes() != sample.sizes()) {
      return ExecutionError{ExecutionErrorCode::output_unsupported, "the samples have different shapes"};
    }
    if (softmax_ && sample.dim() < 2) {
      return ExecutionError{ExecutionErrorCode::output_unsupported,
                            "softmax needs an output of two dimensions, batch and classes"};
    }
    samples_.push_back(softmax_ ? at::softmax(sample, 1) : sample);
    return std::nullopt;
  }
  [[nodiscard]] std::vector<at::Tensor> stacked() const { return {at::stack(samples_)}; }

 private:
  bool softmax_;
  std::vector<at::Tensor> samples_;
};

}  // namespace

struct Executor::State {
  ModelCache cache;

  Outputs run(const WorkerRequest& request, std::vector<FileDescriptor> files);
  Outputs run_one(torch::jit::Module model, const WorkerTask& task, const std::vector<at::Tensor>& inputs);
  Outputs run_ensemble(const WorkerTask& task, std::vector<FileDescriptor> files,
                       const std::vector<at::Tensor>& inputs);
};

Outputs Executor::State::run_one(torch::jit::Module model, const WorkerTask& task,
                                 const std::vector<at::Tensor>& inputs) {
  if (task.method == SamplingMethod::none) {
    auto outputs = forward(model, inputs, task.inputs_take_model_type);
    if (outputs && task.softmax && !outputs->empty() && outputs->front().dim() > 1) {
      outputs->front() = at::softmax(outputs->front(), 1);
    }
    return outputs;
  }
  const DropoutSwitchedOn dropout(model);
  Samples samples(task.softmax);
  for (std::uint32_t index = 0; index < task.samples; ++index) {
    if (auto error = samples.add(forward(model, inputs, task.inputs_take_model_type)))
      return std::unexpected(*error);
  }
  return samples.stacked();
}

Outputs Executor::State::run_ensemble(const WorkerTask& task, std::vector<FileDescriptor> files,
                                      const std::vector<at::Tensor>& inputs) {
  Samples samples(task.softmax);
  for (std::size_t index = 0; index < files.size(); ++index) {
    auto model = cache.get(task.model_ids[index], std::move(files[index]));
    if (!model) return std::unexpected(model.error());
    if (auto error = samples.add(forward(*model, inputs, task.inputs_take_model_type)))
      return std::unexpected(*error);
  }
  return samples.stacked();
}

Outputs Executor::State::run(const WorkerRequest& request, std::vector<FileDescriptor> files) {
  const auto& task = request.task;
  if (task.operation == WorkerOperation::unload) {
    for (const auto& id : task.model_ids) cache.forget(id);
    return {};
  }
  if (files.size() != task.model_ids.size() || files.empty()) {
    return refuse(ExecutionErrorCode::bad_request,
                  "the request does not bring a file for each of its models");
  }
  if (task.operation == WorkerOperation::load) {
    for (std::size_t index = 0; index < files.size(); ++index) {
      if (auto model = cache.get(task.model_ids[index], std::move(files[index])); !model) {
        return std::unexpected(model.error());
      }
    }
    return {};
  }
  std::vector<at::Tensor> inputs;
  for (const auto& input : request.inputs) inputs.push_back(to_torch(input));
  at::manual_seed(task.seed);
  if (task.method == SamplingMethod::ensemble) return run_ensemble(task, std::move(files), inputs);

  if (files.size() != 1) return refuse(ExecutionErrorCode::bad_request, "this method takes one model");
  auto model = cache.get(task.model_ids.front(), std::move(files.front()));
  if (!model) return std::unexpected(model.error());
  return run_one(std::move(*model), task, inputs);
}

Executor::Executor(std::uint64_t model_cache_bytes) : state_(new State{ModelCache(model_cache_bytes)}) {}
Executor::~Executor() = default;

WorkerReply Executor::execute(const WorkerRequest& request, std::vector<FileDescriptor> models) {
  WorkerReply reply;
  try {
    const c10::InferenceMode no_gradients;
    auto outputs = state_->run(request, std::move(models));
    if (!outputs) {
      reply.error = outputs.error();
      return reply;
    }
    for (const auto& output : *outputs) {
      auto tensor = from_torch(output);
      if (!tensor) {
        reply.outputs.clear();
        reply.error =
            ExecutionError{ExecutionErrorCode::output_unsupported, "the model returns " + tensor.error()};
        return reply;
      }
      reply.outputs.push_back(std::move(*tensor));
    }
  } catch (const std::exception& failure) {
    reply.outputs.clear();
    reply.error = is_out_of_memory(failure)
                      ? ExecutionError{ExecutionErrorCode::out_of_memory, "the worker is out of memory"}
                      : ExecutionError{ExecutionErrorCode::bad_request, failure_message(failure)};
  }
  return reply;
}

void Executor::warm_up() {
  at::set_num_threads(1);
  // Both would generate machine code, for which a sandbox gives no memory.
  at::globalContext().setUserEnabledMkldnn(false);
  torch::jit::setTensorExprFuserEnabled(false);

  const c10::InferenceMode no_gradients;
  at::manual_seed(0);
  (void)at::linear(at::randn({4, 8}), at::randn({2, 8}));
  (void)at::conv2d(at::randn({1, 1, 8, 8}), at::randn({2, 1, 3, 3}));

  torch::jit::Module model("warm_up");
  model.register_parameter("weight", at::randn({8, 8}), false);
  model.define("def forward(self, x):\n    return torch.relu(torch.matmul(x, self.weight)).sum(1)\n");
  std::stringstream archive;
  model.save(archive);
  auto loaded = torch::jit::load(archive);
  for (int run = 0; run < 3; ++run) (void)loaded.forward({at::randn({4, 8})});
}

}  // namespace fedlog::ml
