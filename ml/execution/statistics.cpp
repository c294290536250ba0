#include "ml/execution/statistics.h"

#include <algorithm>
#include <cstring>

#include "ml/execution/layer_watch.h"
#include "ml/execution/model_archive.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

at::Tensor as_bytes(const std::vector<std::byte>& bytes) {
  const auto tensor = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
  if (!bytes.empty()) std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
  return tensor;
}

}  // namespace

Outputs model_statistics(const WorkerTask& task, const OwnedDescriptor& file) {
  if (!task.input_shape) return refuse(ExecutionErrorCode::bad_request, "statistics need an input shape");
  auto shape = *task.input_shape;
  std::ranges::replace(shape, -1, 1);
  // A model of its own: watching changes it.
  auto model = load_model(file);
  if (!model) return std::unexpected(model.error());

  at::manual_seed(task.seed);
  const auto input = at::rand(shape).to(floating_type(*model));
  auto layers = watch_layers(*model, input);
  if (!layers) return std::unexpected(layers.error());
  const auto element_bytes = input.element_size();
  const auto statistics = statistics_of(std::move(*layers), std::move(shape), element_bytes);
  return std::vector<at::Tensor>{as_bytes(encode_statistics(statistics, element_bytes))};
}

}  // namespace fedlog::ml
