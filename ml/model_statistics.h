#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <variant>
#include <vector>

// What torchinfo, a widely used Python package, tells of a model: its layers and what one forward costs. The
// numbers mean what they mean there.
namespace fedlog::ml {

inline constexpr std::size_t layer_records_limit = 10'000;
inline constexpr std::size_t encoded_statistics_limit_bytes = 8 * 1024 * 1024;

// One execution of a layer, or a container that holds executed layers and is not executed itself.
struct LayerStatistics {
  std::int64_t layer_id = 0;  // equal for executions of the same layer
  std::string class_name;
  std::string var_name;
  std::int64_t depth = 0;
  std::int64_t depth_index = 0;  // counted from 1 among the layers of a depth
  bool executed = false;
  bool is_leaf_layer = false;
  bool is_recursive = false;  // it was listed before
  std::vector<std::int64_t> input_size;
  std::vector<std::int64_t> output_size;
  std::variant<std::monostate, std::int64_t, std::vector<std::int64_t>> kernel_size;
  std::int64_t trainable_params = 0;
  std::int64_t num_params = 0;
  std::int64_t param_bytes = 0;
  std::int64_t output_bytes = 0;
  std::int64_t macs = 0;
};

struct ModelStatistics {
  std::vector<std::int64_t> input_size;
  std::int64_t total_input = 0;  // bytes
  std::int64_t total_mult_adds = 0;
  std::int64_t total_output_bytes = 0;  // of layers with parameters, twice: forward and backward
  std::int64_t total_param_bytes = 0;   // of leaf layers
  std::int64_t total_params = 0;
  std::int64_t trainable_params = 0;
  std::vector<LayerStatistics> layers;  // in order of execution; a layer's parts follow it, one deeper
};

// The statistics of a model with these layers, whose depth indices are set here. `element_bytes` is of the
// input.
[[nodiscard]] ModelStatistics statistics_of(std::vector<LayerStatistics> layers,
                                            std::vector<std::int64_t> input_size, std::size_t element_bytes);

// How the model worker sends them. Decoding trusts nothing: what is larger than the limits above or has
// negative numbers is refused, names are made printable, and the totals are added up anew.
[[nodiscard]] std::vector<std::byte> encode_statistics(const ModelStatistics& statistics,
                                                       std::size_t element_bytes);
[[nodiscard]] std::expected<ModelStatistics, std::string> decode_statistics(std::span<const std::byte> bytes);

}  // namespace fedlog::ml
