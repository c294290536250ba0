#include "actors/inference.h"

#include <sodium.h>

#include <algorithm>

#include "actors/inference_input.h"
#include "actors/rejected.h"
#include "actors/tensor_values.h"
#include "actors/uncertainty.h"
#include "domain/model_commands.h"
#include "ml/model_file.h"

namespace fedlog::actors {
namespace {

using domain::ModelKind;
using domain::UncertaintyMethod;

std::unexpected<domain::Rejection> invalid(std::string message) {
  return rejected(domain::Reason::invalid_input, std::move(message));
}

std::uint64_t chance() {
  std::uint64_t number = 0;
  randombytes_buf(&number, sizeof number);
  return number;
}

UncertaintyMethod method_of(const domain::Training* training) {
  return training != nullptr ? training->uncertainty_method : UncertaintyMethod::none;
}

std::optional<std::vector<std::int64_t>> wanted_shape(const std::optional<domain::InputShape>& declared) {
  if (!declared) return std::nullopt;
  constexpr std::int64_t any_size = -1;
  std::vector<std::int64_t> shape;
  for (const auto& extent : *declared) shape.push_back(extent.value_or(any_size));
  return shape;
}

std::size_t count_of(const ml::Tensor& tensor) {
  return tensor.bytes.size() / ml::size_bytes(tensor.dtype);
}

std::size_t count_of(const Prediction& prediction) {
  auto count = count_of(prediction.inference);
  for (const auto& [name, tensor] : prediction.uncertainty) count += count_of(tensor);
  return count;
}

std::size_t parts_of(const Prediction& prediction) {
  auto parts = parts_of_lists(prediction.inference.shape);
  for (const auto& [name, tensor] : prediction.uncertainty) parts += parts_of_lists(tensor.shape);
  return parts;
}

// Whether an answer, which is the outputs without their samples or classes, would have too many numbers. Of
// outputs without any, whose extents nothing else bounds, samples and classes count too.
bool is_too_large(const ml::Tensor& outputs, bool samples) {
  auto shape = outputs.shape;
  const std::ptrdiff_t left_out = samples ? 0 : 1;
  if (!outputs.bytes.empty() && std::ssize(shape) > left_out) shape.erase(shape.begin() + left_out);
  return volume_bound(shape) > answer_numbers_max;
}

// What of an answer is too much for JSON, if so.
std::optional<std::string> too_much_for_json(const Prediction& prediction) {
  if (count_of(prediction) > json_numbers_max) return std::to_string(json_numbers_max) + " numbers";
  if (parts_of(prediction) > json_parts_max) return std::to_string(json_parts_max) + " numbers and lists";
  return std::nullopt;
}

// What the outputs mean: samples, where there is a method or a mean model has members; else classes.
std::expected<Prediction, std::string> interpreted(const ml::Tensor& outputs, UncertaintyMethod method,
                                                   ModelKind kind) {
  if (method != UncertaintyMethod::none) return prediction_of(outputs);
  const auto classes = [](const ml::Tensor& scores) -> std::expected<Prediction, std::string> {
    auto best = argmax_over_classes(scores);
    if (!best) return std::unexpected(std::move(best.error()));
    return Prediction{.inference = std::move(*best)};
  };
  if (kind != ModelKind::mean) return classes(outputs);
  const auto mean = mean_of(outputs);
  if (!mean) return std::unexpected(mean.error());
  return classes(*mean);
}

}  // namespace

domain::Rejection rejection_of(const ExecutionError& error) {
  using enum ExecutionErrorCode;
  const auto invalid_input = [&](std::string message) {
    if (!message.empty() && message.front() >= 'a' && message.front() <= 'z') message.front() -= 'a' - 'A';
    return domain::Rejection{domain::Reason::invalid_input, std::move(message)};
  };
  switch (error.code) {
    case model_unreadable:
      return invalid_input("The model cannot be loaded: " + error.message);
    case model_unsupported:
    case input_mismatch:
    case output_unsupported:
    case out_of_memory:
      return invalid_input(error.message);
    case input_unreadable:
      return invalid_input("The input cannot be used: " + error.message);
    case shape_mismatch:
      return {domain::Reason::invalid_input, "Input shape does not match model input shape."};
    case deadline_exceeded:
      return invalid_input("The model took too long: " + error.message);
    case worker_failed:
      return invalid_input("The model's execution was ended: " + error.message);
    case bad_request:  // of what the caller, the owner or the model's code brought, some do not fit together
      return invalid_input("The model cannot be executed with this input: " + error.message);
    case caller_busy:
      return {domain::Reason::throttled, "Too many predictions: " + error.message + "."};
    case busy:
    case worker_unavailable:
      break;
  }
  return {domain::Reason::busy, "No model worker is free: " + error.message};
}

Inference::Inference(const storage::Storage& storage, Execute execute, std::string worker_missing)
    : storage_(storage), execute_(std::move(execute)), worker_missing_(std::move(worker_missing)) {}

Result<std::string> Inference::predict(domain::UserId caller, const domain::Model& model,
                                       const domain::Training* training, InferenceRequest request) const {
  if (!worker_missing_.empty()) return rejected(domain::Reason::busy, worker_missing_);
  auto execution = plan(model, training);
  if (!execution) return std::unexpected(std::move(execution.error()));
  auto input = take_input(request.input);
  if (!input) return std::unexpected(std::move(input.error()));

  execution->caller = caller.text();
  execution->inputs.insert(execution->inputs.begin(), std::move(input->tensor));
  execution->input_kind = input->kind;
  execution->inputs_take_model_type = input->plain_numbers;
  execution->seed = request.seed ? *request.seed : chance();
  const auto outputs = execute_(*execution);
  if (!outputs) return std::unexpected(rejection_of(outputs.error()));
  if (outputs->empty()) return invalid("The model returns nothing.");

  const bool samples = execution->method != ml::SamplingMethod::none;
  if (is_too_large(outputs->front(), samples)) {
    return invalid("The model's answer has more than " + std::to_string(answer_numbers_max) +
                   " numbers; ask about less at once.");
  }
  const auto prediction = interpreted(outputs->front(), method_of(training), model.kind);
  if (!prediction) return invalid(prediction.error());
  if (request.binary_reply) return pickle_reply(*prediction);
  if (const auto much = too_much_for_json(*prediction)) {
    return invalid("The answer has more than " + *much +
                   ", too many for JSON; ask about less at once, or for return_format=binary.");
  }
  return json_reply(*prediction);
}

Result<ExecutionRequest> Inference::plan(const domain::Model& model, const domain::Training* training) const {
  ExecutionRequest execution;
  execution.isolation_group = model.owner.text();
  execution.model = model.id.text();
  execution.input_shape = wanted_shape(model.input_shape);
  if (model.preprocessing) {
    auto preprocessing = file(model, *model.preprocessing);
    if (!preprocessing) return std::unexpected(std::move(preprocessing.error()));
    execution.preprocessing = std::move(*preprocessing);
  }
  const auto method = method_of(training);
  if (training != nullptr) {
    execution.samples = static_cast<std::uint32_t>(training->options.uncertainty_samples);
    execution.softmax = method == UncertaintyMethod::mc_dropout && training->options.uncertainty_softmax;
  }
  if (model.kind == ModelKind::mean) {
    if (method != UncertaintyMethod::none && method != UncertaintyMethod::ensemble) {
      return invalid(
          "A mean model has no weights of its own to run; its training needs ENSEMBLE or NONE as "
          "uncertainty_method, not " +
          std::string(domain::name_of(method)) + ".");
    }
    if (auto added = add_members(execution, model); !added) return std::unexpected(std::move(added.error()));
    return execution;
  }
  if (method == UncertaintyMethod::ensemble) {
    return invalid(
        "ENSEMBLE asks the members of a mean model, and this is none; give its training another "
        "uncertainty_method.");
  }
  if (!model.weights) return rejected(domain::Reason::no_file, "The model has no weights to run.");
  auto weights = file(model, *model.weights);
  if (!weights) return std::unexpected(std::move(weights.error()));
  execution.models.push_back(std::move(*weights));
  if (method == UncertaintyMethod::mc_dropout) execution.method = ml::SamplingMethod::mc_dropout;
  if (method == UncertaintyMethod::swag) {
    if (auto added = add_moments(execution, model); !added) return std::unexpected(std::move(added.error()));
  }
  return execution;
}

Result<void> Inference::add_members(ExecutionRequest& execution, const domain::Model& model) const {
  execution.method = ml::SamplingMethod::ensemble;
  constexpr std::size_t members_max = ml::models_per_request_limit - 1;  // and the preprocessing
  static_assert(members_max == domain::mean_members_max);
  if (model.members.empty()) return invalid("The mean model has no members to ask.");
  if (model.members.size() > members_max) {
    return invalid("The mean model has " + std::to_string(model.members.size()) + " members; at most " +
                   std::to_string(members_max) + " can be asked at once.");
  }
  for (const auto id : model.members) {
    const auto member = storage_.views().model(id);
    if (!member || !member->weights) {
      return invalid("Model " + id.text() + ", a member of the mean model, does not exist any more.");
    }
    auto weights = file(*member, *member->weights);
    if (!weights) return std::unexpected(std::move(weights.error()));
    execution.models.push_back(std::move(*weights));
  }
  return {};
}

Result<void> Inference::add_moments(ExecutionRequest& execution, const domain::Model& model) const {
  execution.method = ml::SamplingMethod::swag;
  if (!model.swag_first_moment || !model.swag_second_moment) {
    return invalid(
        "The model has no moments to draw weights from yet: they come with the training's first "
        "SWAG round.");
  }
  for (const auto blob : {*model.swag_first_moment, *model.swag_second_moment}) {
    const auto moment = file(model, blob);
    if (!moment) return std::unexpected(moment.error());
    auto tensor = ml::read_tensor(moment->path);
    if (!tensor) return invalid("A SWAG moment of the model cannot be read: " + tensor.error().message);
    execution.inputs.push_back(std::move(*tensor));
  }
  return {};
}

Result<ModelReference> Inference::file(const domain::Model& model, domain::BlobId blob) const {
  auto path = storage_.blobs().path(blob);
  if (!path) return rejected(domain::Reason::internal, "A file of model " + model.id.text() + " is missing.");
  return ModelReference{.id = blob.text(), .path = std::move(*path)};
}

Result<std::vector<std::byte>> Inference::compile(ml::ModuleSource source,
                                                  std::vector<ml::Tensor> weights) const {
  if (!worker_missing_.empty()) return rejected(domain::Reason::busy, worker_missing_);
  ExecutionRequest request;
  request.operation = ml::WorkerOperation::compile;
  request.source = std::move(source);
  request.inputs = std::move(weights);
  auto outputs = execute_(request);
  if (!outputs) return std::unexpected(rejection_of(outputs.error()));
  if (outputs->size() != 1) return rejected(domain::Reason::internal, "A module was compiled to nothing.");
  return std::move(outputs->front().bytes);
}

}  // namespace fedlog::actors
