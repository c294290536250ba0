#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "actors/gateway.h"
#include "actors/worker_pool.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Predictions: reads the input, has it preprocessed and run in a model worker, and puts the reply together.
// Blocks its caller while the worker computes; any thread.
class Inference {
 public:
  // Without a worker's program (`worker_missing` says where it was looked for) every prediction is refused
  // with that reason.
  Inference(storage::Storage& storage, WorkerPoolOptions options, std::string worker_missing);

  // `model` is one that the caller may run; `training` the one it belongs to, or null.
  [[nodiscard]] Result<std::string> predict(const domain::Model& model, const domain::Training* training,
                                            const InferenceRequest& request);

  // The archive's bytes. `weights` are the source's parameters, one for one.
  [[nodiscard]] Result<std::vector<std::byte>> compile(ml::ModuleSource source,
                                                       std::vector<ml::Tensor> weights);

 private:
  [[nodiscard]] Result<ml::Tensor> run(domain::BlobId model, const domain::Model& owner, ml::Tensor input,
                                       bool plain_numbers);

  storage::Storage& storage_;
  std::string worker_missing_;
  std::unique_ptr<WorkerPool> pool_;  // null without a worker's program
};

}  // namespace fedlog::actors
