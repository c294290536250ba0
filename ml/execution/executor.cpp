#include "ml/execution/executor.h"

#include <ATen/Parallel.h>
#include <c10/util/Flags.h>
#include <torch/csrc/jit/passes/tensorexpr_fuser.h>
#include <torch/script.h>

#include <span>
#include <sstream>

#include "ml/execution/failure_message.h"
#include "ml/execution/model_cache.h"
#include "ml/execution/module_compiler.h"
#include "ml/execution/newer_operators.h"
#include "ml/execution/prepared_input.h"
#include "ml/execution/sampling.h"
#include "ml/execution/statistics.h"
#include "ml/execution/tensor_conversion.h"

C10_DECLARE_bool(caffe2_cpu_allocator_do_zero_fill);

namespace fedlog::ml {
namespace {

using Files = std::span<const OwnedDescriptor>;

std::unexpected<ExecutionError> bad_request(std::string message) {
  return std::unexpected(ExecutionError{ExecutionErrorCode::bad_request, std::move(message)});
}

Outputs run_once(torch::jit::Module& model, const WorkerTask& task, const std::vector<at::Tensor>& inputs) {
  auto outputs = forward(model, inputs, task.inputs_take_model_type);
  if (!outputs || !task.softmax) return outputs;
  Samples one(true);
  if (auto error = one.add(std::move(outputs))) return std::unexpected(*error);
  return std::vector<at::Tensor>{one.stacked().front().squeeze(0)};
}

}  // namespace

struct Executor::State {
  ModelCache cache;

  WorkerReply reply(const WorkerRequest& request, Files files);
  Outputs execute(const WorkerRequest& request, Files files);
  Outputs prepare(WorkerTask& task, Files& files, const std::vector<Tensor>& given);
  Outputs run(const WorkerTask& task, Files files, const std::vector<at::Tensor>& inputs);
  Outputs run_ensemble(const WorkerTask& task, Files files, const std::vector<at::Tensor>& inputs);
};

Outputs Executor::State::execute(const WorkerRequest& request, Files files) {
  const auto& task = request.task;
  if (task.operation == WorkerOperation::unload) {
    for (const auto& id : task.model_ids) cache.forget(id);
    return {};
  }
  if (task.operation == WorkerOperation::compile) return compile_module(task.source, request.inputs);
  if (files.size() != task.model_ids.size() || files.empty()) {
    return bad_request("the request does not bring a file for each of its models");
  }
  if (task.operation == WorkerOperation::load) {
    for (std::size_t index = 0; index < files.size(); ++index) {
      if (auto model = cache.get(task.model_ids[index], files[index]); !model) {
        return std::unexpected(model.error());
      }
    }
    return {};
  }
  if (task.operation == WorkerOperation::statistics) {
    if (files.size() != 1) return bad_request("statistics are of one model");
    return model_statistics(task, files.front());
  }
  at::manual_seed(task.seed);
  auto rest = task;
  const auto inputs = prepare(rest, files, request.inputs);
  if (!inputs) return inputs;
  return task.method == SamplingMethod::ensemble ? run_ensemble(rest, files, *inputs)
                                                 : run(rest, files, *inputs);
}

// Takes the preprocessing away from the models.
Outputs Executor::State::prepare(WorkerTask& task, Files& files, const std::vector<Tensor>& given) {
  std::vector<at::Tensor> inputs;
  for (const auto& input : given) inputs.push_back(to_torch(input));
  if (!task.preprocess) return prepare_inputs(task, std::move(inputs), nullptr);
  auto preprocessing = cache.get(task.model_ids.front(), files.front());
  if (!preprocessing) return std::unexpected(preprocessing.error());
  task.model_ids.erase(task.model_ids.begin());
  files = files.subspan(1);
  return prepare_inputs(task, std::move(inputs), &*preprocessing);
}

Outputs Executor::State::run(const WorkerTask& task, Files files, const std::vector<at::Tensor>& inputs) {
  if (files.size() != 1) return bad_request("this method takes one model");
  auto model = cache.get(task.model_ids.front(), files.front());
  if (!model) return std::unexpected(model.error());
  switch (task.method) {
    case SamplingMethod::none:
      return run_once(*model, task, inputs);
    case SamplingMethod::mc_dropout:
      return sample_dropout(*model, task, inputs);
    case SamplingMethod::swag:
      return sample_weights(*model, task, inputs);
    case SamplingMethod::ensemble:
      break;
  }
  return bad_request("the method is unknown");
}

// One member after the other, so that only those that the cache has room for are in memory.
Outputs Executor::State::run_ensemble(const WorkerTask& task, Files files,
                                      const std::vector<at::Tensor>& inputs) {
  Samples samples(task.softmax);
  for (std::size_t index = 0; index < files.size(); ++index) {
    auto model = cache.get(task.model_ids[index], files[index]);
    if (!model) return std::unexpected(model.error());
    if (auto error = samples.add(forward(*model, inputs, task.inputs_take_model_type))) {
      return std::unexpected(*error);
    }
  }
  return samples.stacked();
}

WorkerReply Executor::State::reply(const WorkerRequest& request, Files files) {
  WorkerReply reply;
  const auto refuse = [](ExecutionErrorCode code, std::string message) {
    WorkerReply refusal;
    refusal.error = ExecutionError{code, std::move(message)};
    return refusal;
  };
  try {
    const c10::InferenceMode no_gradients;
    const auto outputs = execute(request, files);
    if (!outputs) return refuse(outputs.error().code, outputs.error().message);
    for (const auto& output : *outputs) {
      auto tensor = from_torch(output);
      if (!tensor)
        return refuse(ExecutionErrorCode::output_unsupported, "the model returns " + tensor.error());
      reply.outputs.push_back(std::move(*tensor));
    }
    return reply;
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure))
      return refuse(ExecutionErrorCode::out_of_memory, "the request takes more memory than a worker has");
    return refuse(ExecutionErrorCode::bad_request, failure_message(failure));
  }
}

Executor::Executor(std::uint64_t model_cache_bytes) : state_(new State{ModelCache(model_cache_bytes)}) {}
Executor::~Executor() = default;

WorkerReply Executor::execute(const WorkerRequest& request, const std::vector<OwnedDescriptor>& models) {
  auto reply = state_->reply(request, models);
  const bool no_room = reply.error && reply.error->code == ExecutionErrorCode::out_of_memory;
  if (!no_room || state_->cache.size() == 0) return reply;
  // What is kept must not decide what another request can do.
  state_->cache.clear();
  return state_->reply(request, models);
}

void Executor::warm_up() {
  at::set_num_threads(1);
  // Both would generate machine code, for which a sandbox gives no memory.
  at::globalContext().setUserEnabledMkldnn(false);
  torch::jit::setTensorExprFuserEnabled(false);
  // Memory that a model asks for may have been another request's.
  FLAGS_caffe2_cpu_allocator_do_zero_fill = true;
  register_newer_operators();

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
