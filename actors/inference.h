#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/gateway.h"
#include "actors/prediction.h"
#include "actors/worker_pool.h"
#include "storage/storage.h"

namespace fedlog::actors {

// A model may return more than an answer should hold, by accident or on purpose: numbers of one answer (or
// one sample), at most, where a list that is empty counts as if there were a number in it; and numbers of all
// that a JSON reply tells, which takes several times the memory of a pickle, and numbers and lists of it.
inline constexpr std::size_t answer_numbers_max = 4 * 1024 * 1024;
inline constexpr std::size_t json_numbers_max = 1024 * 1024;
inline constexpr std::size_t json_parts_max = 4 * json_numbers_max;

// Predictions: reads the input, has a model worker prepare it and run the model on it, as often and with such
// weights as the training's uncertainty method wants, and puts the reply together. Blocks its caller while
// the worker computes; any thread.
class Inference {
 public:
  using Outputs = std::expected<std::vector<ml::Tensor>, ExecutionError>;
  using Execute = std::function<Outputs(const ExecutionRequest&)>;

  // What it is given outlives it. Without a worker's program (`worker_missing` says where it was looked for)
  // everything is refused with that reason.
  Inference(const storage::Storage& storage, Execute execute, std::string worker_missing);

  // `model` is one that the caller may run; `training` the one it belongs to, or null.
  [[nodiscard]] Result<std::string> predict(domain::UserId caller, const domain::Model& model,
                                            const domain::Training* training, InferenceRequest request) const;

  // The archive's bytes. `weights` are the source's parameters, one for one.
  [[nodiscard]] Result<std::vector<std::byte>> compile(ml::ModuleSource source,
                                                       std::vector<ml::Tensor> weights) const;

 private:
  // Which models to run, and how.
  [[nodiscard]] Result<ExecutionRequest> plan(const domain::Model& model,
                                              const domain::Training* training) const;
  [[nodiscard]] Result<void> add_members(ExecutionRequest& execution, const domain::Model& model) const;
  [[nodiscard]] Result<void> add_moments(ExecutionRequest& execution, const domain::Model& model) const;
  [[nodiscard]] Result<ModelReference> file(const domain::Model& model, domain::BlobId blob) const;

  const storage::Storage& storage_;
  Execute execute_;
  std::string worker_missing_;
};

// Why an execution gave no result, as its caller is told.
[[nodiscard]] domain::Rejection rejection_of(const ExecutionError& error);

}  // namespace fedlog::actors
