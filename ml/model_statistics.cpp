#include "ml/model_statistics.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "ml/worker_protocol.h"

namespace fedlog::ml {
namespace {

using nlohmann::json;

// Sums stay at the largest number instead of overflowing.
std::int64_t plus(std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(left, right, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

std::int64_t times(std::int64_t left, std::int64_t right) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(left, right, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

// What a layer has beyond the parts listed under it: parts at every depth count, each with all or with its
// own rest, and those that were listed before do not.
std::vector<std::int64_t> rest_of(const std::vector<LayerStatistics>& layers,
                                  std::int64_t LayerStatistics::* number) {
  std::vector<std::int64_t> rest(layers.size());
  for (std::size_t index = layers.size(); index-- > 0;) {
    std::int64_t parts = 0;
    for (std::size_t part = index + 1; part < layers.size() && layers[part].depth > layers[index].depth;
         ++part) {
      if (!layers[part].is_recursive)
        parts = plus(parts, layers[part].is_leaf_layer ? layers[part].*number : rest[part]);
    }
    rest[index] = layers[index].*number - parts;
  }
  return rest;
}

void set_depth_indices(std::vector<LayerStatistics>& layers) {
  std::vector<std::int64_t> counts;
  for (auto& layer : layers) {
    const auto depth = static_cast<std::size_t>(layer.depth);
    if (counts.size() <= depth) counts.resize(depth + 1);
    layer.depth_index = ++counts[depth];
  }
}

json kernel_json(const LayerStatistics& layer) {
  if (const auto* one = std::get_if<std::int64_t>(&layer.kernel_size)) return *one;
  if (const auto* sizes = std::get_if<std::vector<std::int64_t>>(&layer.kernel_size)) return *sizes;
  return nullptr;
}

// Readers of what a worker sent; each throws Malformed.
struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

const json& member(const json& object, const char* name) {
  if (!object.is_object() || !object.contains(name)) throw Malformed(std::string(name) + " is missing");
  return object.at(name);
}

std::int64_t count(const json& value) {
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) ||
      value.get<std::int64_t>() < 0) {
    throw Malformed("a number is not one of at least 0");
  }
  return value.get<std::int64_t>();
}

std::vector<std::int64_t> counts(const json& value) {
  if (!value.is_array() || value.size() > rank_limit) throw Malformed("sizes are no short list");
  std::vector<std::int64_t> result;
  for (const auto& item : value) result.push_back(count(item));
  return result;
}

bool flag(const json& value) {
  if (!value.is_boolean()) throw Malformed("a flag is neither true nor false");
  return value.get<bool>();
}

std::string text(const json& value) {
  if (!value.is_string()) throw Malformed("a name is no text");
  return printable_line(value.get_ref<const std::string&>());
}

LayerStatistics layer_of(const json& value, std::int64_t depth_most) {
  LayerStatistics layer{.layer_id = count(member(value, "layer_id")),
                        .class_name = text(member(value, "class_name")),
                        .var_name = text(member(value, "var_name")),
                        .depth = count(member(value, "depth")),
                        .depth_index = 0,
                        .executed = flag(member(value, "executed")),
                        .is_leaf_layer = flag(member(value, "is_leaf_layer")),
                        .is_recursive = flag(member(value, "is_recursive")),
                        .input_size = counts(member(value, "input_size")),
                        .output_size = counts(member(value, "output_size")),
                        .kernel_size = {},
                        .trainable_params = count(member(value, "trainable_params")),
                        .num_params = count(member(value, "num_params")),
                        .param_bytes = count(member(value, "param_bytes")),
                        .output_bytes = count(member(value, "output_bytes")),
                        .macs = count(member(value, "macs"))};
  if (layer.depth > depth_most) throw Malformed("a layer is deeper than the one before it allows");
  const auto& kernel = member(value, "kernel_size");
  if (kernel.is_array()) {
    layer.kernel_size = counts(kernel);
  } else if (!kernel.is_null()) {
    layer.kernel_size = count(kernel);
  }
  return layer;
}

ModelStatistics statistics_from(const json& value) {
  const auto& list = member(value, "layers");
  if (!list.is_array() || list.size() > layer_records_limit) throw Malformed("there are too many layers");
  std::vector<LayerStatistics> layers;
  for (const auto& item : list) {
    layers.push_back(layer_of(item, layers.empty() ? 0 : layers.back().depth + 1));
  }
  const auto element_bytes = count(member(value, "element_bytes"));
  return statistics_of(std::move(layers), counts(member(value, "input_size")),
                       static_cast<std::size_t>(element_bytes));
}

}  // namespace

ModelStatistics statistics_of(std::vector<LayerStatistics> layers, std::vector<std::int64_t> input_size,
                              std::size_t element_bytes) {
  // What a storage object of PyTorch takes beside its elements; torchinfo counts it in.
  constexpr std::int64_t storage_object_bytes = 64;

  set_depth_indices(layers);
  ModelStatistics statistics;
  statistics.total_input = static_cast<std::int64_t>(element_bytes);
  for (const auto size : input_size) statistics.total_input = times(statistics.total_input, size);
  statistics.total_input = plus(statistics.total_input, storage_object_bytes);
  statistics.input_size = std::move(input_size);

  const auto params_rest = rest_of(layers, &LayerStatistics::num_params);
  const auto trainable_rest = rest_of(layers, &LayerStatistics::trainable_params);
  const auto add = [](std::int64_t& total, std::int64_t value) {
    total = plus(total, std::max<std::int64_t>(value, 0));
  };
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const auto& layer = layers[index];
    if (layer.is_leaf_layer) {
      add(statistics.total_mult_adds, layer.macs);
      if (layer.num_params > 0) add(statistics.total_output_bytes, times(layer.output_bytes, 2));
    }
    if (layer.is_recursive) continue;
    add(statistics.total_params, layer.is_leaf_layer ? layer.num_params : params_rest[index]);
    add(statistics.trainable_params, layer.is_leaf_layer ? layer.trainable_params : trainable_rest[index]);
    if (layer.is_leaf_layer) add(statistics.total_param_bytes, layer.param_bytes);
  }
  statistics.layers = std::move(layers);
  return statistics;
}

std::vector<std::byte> encode_statistics(const ModelStatistics& statistics, std::size_t element_bytes) {
  auto layers = json::array();
  for (const auto& layer : statistics.layers) {
    layers.push_back({{"layer_id", layer.layer_id},
                      {"class_name", printable_line(layer.class_name)},
                      {"var_name", printable_line(layer.var_name)},
                      {"depth", layer.depth},
                      {"executed", layer.executed},
                      {"is_leaf_layer", layer.is_leaf_layer},
                      {"is_recursive", layer.is_recursive},
                      {"input_size", layer.input_size},
                      {"output_size", layer.output_size},
                      {"kernel_size", kernel_json(layer)},
                      {"trainable_params", layer.trainable_params},
                      {"num_params", layer.num_params},
                      {"param_bytes", layer.param_bytes},
                      {"output_bytes", layer.output_bytes},
                      {"macs", layer.macs}});
  }
  const auto text = json{
      {"layers", std::move(layers)},
      {"input_size", statistics.input_size},
      {"element_bytes",
       element_bytes}}.dump();
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::expected<ModelStatistics, std::string> decode_statistics(std::span<const std::byte> bytes) {
  if (bytes.size() > encoded_statistics_limit_bytes) return std::unexpected("the statistics are too long");
  const auto* start = reinterpret_cast<const char*>(bytes.data());
  const auto value = json::parse(start, start + bytes.size(), nullptr, false);
  if (value.is_discarded()) return std::unexpected("the statistics are no JSON");
  try {
    return statistics_from(value);
  } catch (const Malformed& error) {
    return std::unexpected(error.what());
  }
}

}  // namespace fedlog::ml
