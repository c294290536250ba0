#include "actors/prediction.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "actors/tensor_values.h"
#include "ml/pickle_writer.h"

namespace fedlog::actors {
namespace {

template <class Number>
void append_number(std::string& json, Number number) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  json.append(text.data(), end);
  // Else a reader would take it for a whole number.
  if (std::is_floating_point_v<Number> &&
      std::all_of(text.data(), end, [](char c) { return c != '.' && c != 'e'; }))
    json += ".0";
}

void append_element(std::string& json, const ml::Tensor& tensor, std::size_t index) {
  const auto value = value_at(tensor, index);
  if (tensor.dtype == ml::DType::boolean) {
    json += value != 0 ? "true" : "false";
  } else if (tensor.dtype == ml::DType::int64) {
    std::int64_t whole = 0;
    std::memcpy(&whole, tensor.bytes.data() + index * sizeof whole, sizeof whole);
    append_number(json, whole);
  } else if (!is_floating_point(tensor.dtype)) {
    append_number(json, static_cast<std::int64_t>(value));
  } else if (std::isfinite(value)) {
    append_number(json, value);
  } else {
    json += "null";
  }
}

void append_lists(std::string& json, const ml::Tensor& tensor, std::size_t depth, std::size_t& next) {
  if (depth == tensor.shape.size()) return append_element(json, tensor, next++);
  json += '[';
  for (std::int64_t index = 0; index < tensor.shape[depth]; ++index) {
    if (index > 0) json += ',';
    append_lists(json, tensor, depth + 1, next);
  }
  json += ']';
}

}  // namespace

void append_lists(std::string& json, const ml::Tensor& tensor) {
  std::size_t next = 0;
  append_lists(json, tensor, 0, next);
}

std::size_t parts_of_lists(std::span<const std::int64_t> shape) {
  std::size_t of_this_depth = 1;
  std::size_t parts = 1;
  for (const auto extent : shape) {
    of_this_depth *= static_cast<std::size_t>(extent);
    parts += of_this_depth;
  }
  return parts;
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
  // A batch without elements may be of any size.
  for (std::size_t row = 0; row < batch && inner > 0; ++row) {
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
  std::string json = R"({"inference":)";
  append_lists(json, prediction.inference);
  json += R"(,"uncertainty":{)";
  const char* separator = "\"";
  for (const auto& [name, tensor] : prediction.uncertainty) {
    json.append(separator).append(name).append("\":");
    append_lists(json, tensor);
    separator = ",\"";
  }
  json += "}}";
  return json;
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
