#include "actors/inference.h"

#include "actors/inference_input.h"
#include "actors/prediction.h"

namespace fedlog::actors {
namespace {

std::unexpected<domain::Rejection> rejected(domain::Reason reason, std::string message) {
  return std::unexpected(domain::Rejection{reason, std::move(message)});
}

domain::Rejection rejection_of(const ExecutionError& error) {
  using enum ExecutionErrorCode;
  switch (error.code) {
    case model_unreadable:
      return {domain::Reason::invalid_input, "The model cannot be loaded: " + error.message};
    case model_unsupported:
      return {domain::Reason::invalid_input, error.message};
    case input_mismatch:
      return {domain::Reason::invalid_input, "The model does not accept this input: " + error.message};
    case input_unreadable:
      return {domain::Reason::invalid_input, "The input cannot be used: " + error.message};
    case shape_mismatch:
      return {domain::Reason::invalid_input, "Input shape does not match model input shape."};
    case output_unsupported:
      return {domain::Reason::invalid_input, "The model's output cannot be used: " + error.message};
    case out_of_memory:
      return {domain::Reason::invalid_input,
              "The model needs more memory than one prediction may use: " + error.message};
    case deadline_exceeded:
      return {domain::Reason::invalid_input, "The model took too long: " + error.message};
    case worker_failed:
      return {domain::Reason::invalid_input, "The model's execution was ended: " + error.message};
    case bad_request:
      return {domain::Reason::internal, error.message};
    case busy:
    case worker_unavailable:
      break;
  }
  return {domain::Reason::busy, "No model worker is free: " + error.message};
}

Result<InferenceInput> read_input(const InferenceRequest& request) {
  if (const auto* file = std::get_if<std::string>(&request.input)) return input_from_file(*file);
  return input_from_json(std::get<nlohmann::json>(request.input));
}

}  // namespace

Inference::Inference(storage::Storage& storage, WorkerPoolOptions options, std::string worker_missing)
    : storage_(storage), worker_missing_(std::move(worker_missing)) {
  if (worker_missing_.empty()) pool_ = std::make_unique<WorkerPool>(std::move(options));
}

Result<std::string> Inference::predict(const domain::Model& model, const domain::Training* training,
                                       const InferenceRequest& request) {
  if (!pool_) return rejected(domain::Reason::busy, worker_missing_);
  const auto method = training != nullptr ? training->uncertainty_method : domain::UncertaintyMethod::none;
  if (method != domain::UncertaintyMethod::none) {
    return rejected(domain::Reason::unsupported, "This server does not predict with " +
                                                     std::string(domain::name_of(method)) +
                                                     " yet; use a training with uncertainty_method NONE.");
  }
  if (request.binary_reply) {
    return rejected(domain::Reason::unsupported,
                    "This server replies in JSON only; send return_format=json.");
  }
  if (!model.weights)
    return rejected(domain::Reason::no_file, "A mean model has no weights of its own to run.");

  auto input = read_input(request);
  if (!input) return std::unexpected(std::move(input.error()));
  auto tensor = std::move(input->tensor);
  if (model.preprocessing) {
    auto prepared = run(*model.preprocessing, model, std::move(tensor), input->plain_numbers);
    if (!prepared) return std::unexpected(std::move(prepared.error()));
    tensor = std::move(*prepared);
  }
  if (auto fits = check_shape(tensor, model.input_shape); !fits)
    return std::unexpected(std::move(fits.error()));
  auto outputs = run(*model.weights, model, std::move(tensor), input->plain_numbers);
  if (!outputs) return std::unexpected(std::move(outputs.error()));
  auto classes = argmax_over_classes(*outputs);
  if (!classes) return rejected(domain::Reason::invalid_input, std::move(classes.error()));
  return nlohmann::ordered_json{{"inference", to_lists(*classes)}, {"uncertainty", nlohmann::json::object()}}
      .dump();
}

Result<ml::Tensor> Inference::run(domain::BlobId blob, const domain::Model& model, ml::Tensor input,
                                  bool plain_numbers) {
  const auto path = storage_.blobs().path(blob);
  if (!path) return rejected(domain::Reason::internal, "A file of model " + model.id.text() + " is missing.");
  ExecutionRequest request;
  request.models = {{.id = blob.text(), .path = *path}};
  request.inputs.push_back(std::move(input));
  request.inputs_take_model_type = plain_numbers;
  request.isolation_group = model.owner.text();
  auto outputs = pool_->run(request);
  if (!outputs) return std::unexpected(rejection_of(outputs.error()));
  return std::move(outputs->front());
}

Result<std::vector<std::byte>> Inference::compile(ml::ModuleSource source, std::vector<ml::Tensor> weights) {
  if (!pool_) return rejected(domain::Reason::busy, worker_missing_);
  ExecutionRequest request;
  request.operation = ml::WorkerOperation::compile;
  request.source = std::move(source);
  request.inputs = std::move(weights);
  auto outputs = pool_->run(request);
  if (!outputs) return std::unexpected(rejection_of(outputs.error()));
  if (outputs->size() != 1) return rejected(domain::Reason::internal, "A module was compiled to nothing.");
  return std::move(outputs->front().bytes);
}

}  // namespace fedlog::actors
