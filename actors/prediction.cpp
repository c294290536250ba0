#include "actors/prediction.h"

#include <cmath>
#include <cstring>

#include "actors/tensor_values.h"
#include "ml/pickle_writer.h"

namespace fedlog::actors {
namespace {

nlohmann::json element(const ml::Tensor& tensor, std::size_t index) {
  if (tensor.dtype == ml::DType::boolean) return value_at(tensor, index) != 0;
  if (tensor.dtype == ml::DType::int64) {
    std::int64_t whole = 0;
    std::memcpy(&whole, tensor.bytes.data() + index * sizeof whole, sizeof whole);
    return whole;
  }
  const auto value = value_at(tensor, index);
  if (!std::isfinite(value)) return nullptr;
  return is_floating_point(tensor.dtype) ? nlohmann::json(value)
                                         : nlohmann::json(static_cast<std::int64_t>(value));
}

nlohmann::json lists(const ml::Tensor& tensor, std::size_t depth, std::size_t& next) {
  if (depth == tensor.shape.size()) return element(tensor, next++);
  auto list = nlohmann::json::array();
  for (std::int64_t index = 0; index < tensor.shape[depth]; ++index)
    list.push_back(lists(tensor, depth + 1, next));
  return list;
}

}  // namespace

nlohmann::json to_lists(const ml::Tensor& tensor) {
  std::size_t next = 0;
  return lists(tensor, 0, next);
}

std::expected<ml::Tensor, std::string> argmax_over_classes(const ml::Tensor& outputs) {
  if (outputs.shape.size() < 2 || outputs.shape[1] == 0) {
    return std::unexpected(
        "The model's output has no dimension 1 of classes to choose from; it must have the shape [batch, "
        "classes, ...].");
  }
  const auto batch = static_cast<std::size_t>(outputs.shape[0]);
  const auto classes = static_cast<std::size_t>(outputs.shape[1]);
  std::size_t inner = 1;
  ml::Tensor result{.dtype = ml::DType::int64, .shape = {outputs.shape[0]}, .bytes = {}};
  for (std::size_t dimension = 2; dimension < outputs.shape.size(); ++dimension) {
    inner *= static_cast<std::size_t>(outputs.shape[dimension]);
    result.shape.push_back(outputs.shape[dimension]);
  }
  std::vector<std::int64_t> best(batch * inner);
  for (std::size_t row = 0; row < batch; ++row) {
    for (std::size_t column = 0; column < inner; ++column) {
      std::size_t winner = 0;
      double highest = value_at(outputs, row * classes * inner + column);
      for (std::size_t index = 1; index < classes && !std::isnan(highest); ++index) {
        const double value = value_at(outputs, (row * classes + index) * inner + column);
        if (value > highest || std::isnan(value)) {
          highest = value;
          winner = index;
        }
      }
      best[row * inner + column] = static_cast<std::int64_t>(winner);
    }
  }
  result.bytes.resize(best.size() * sizeof(std::int64_t));
  if (!best.empty()) std::memcpy(result.bytes.data(), best.data(), result.bytes.size());
  return result;
}

std::string json_reply(const Prediction& prediction) {
  auto uncertainty = nlohmann::ordered_json::object();
  for (const auto& [name, tensor] : prediction.uncertainty) uncertainty[name] = to_lists(tensor);
  return nlohmann::ordered_json{{"inference", to_lists(prediction.inference)},
                                {"uncertainty", std::move(uncertainty)}}
      .dump();
}

std::string pickle_reply(const Prediction& prediction) {
  ml::PickleWriter writer;
  writer.begin_dictionary();
  writer.key("inference");
  writer.tensor(prediction.inference);
  writer.key("uncertainty");
  writer.begin_dictionary();
  for (const auto& [name, tensor] : prediction.uncertainty) {
    writer.key(name);
    writer.tensor(tensor);
  }
  writer.end_dictionary();
  writer.end_dictionary();
  return writer.finish();
}

}  // namespace fedlog::actors
