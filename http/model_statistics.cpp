#include "http/model_statistics.h"

namespace fedlog::http {
namespace {

template <class KernelSize>
Body kernel_size_of(const KernelSize& size) {
  if (const auto* one = std::get_if<std::int64_t>(&size)) return *one;
  if (const auto* sizes = std::get_if<std::vector<std::int64_t>>(&size)) return *sizes;
  return nullptr;
}

}  // namespace

Body serialized(const actors::ModelStatistics& statistics) {
  auto layers = Body::array();
  for (const auto& layer : statistics.layers) {
    layers.push_back({{"layer_id", layer.layer_id},
                      {"class_name", layer.class_name},
                      {"depth", layer.depth},
                      {"depth_index", layer.depth_index},
                      {"executed", layer.executed},
                      {"var_name", layer.var_name},
                      {"is_leaf_layer", layer.is_leaf_layer},
                      {"contains_lazy_param", false},  // what has one cannot be saved for execution
                      {"is_recursive", layer.is_recursive},
                      {"input_size", layer.input_size},
                      {"output_size", layer.output_size},
                      {"kernel_size", kernel_size_of(layer.kernel_size)},
                      {"trainable_params", layer.trainable_params},
                      {"num_params", layer.num_params},
                      {"param_bytes", layer.param_bytes},
                      {"output_bytes", layer.output_bytes},
                      {"macs", layer.macs}});
  }
  return {{"input_size", Body::array({statistics.input_size})},
          {"total_input", statistics.total_input},
          {"total_mult_adds", statistics.total_mult_adds},
          {"total_output_bytes", statistics.total_output_bytes},
          {"total_param_bytes", statistics.total_param_bytes},
          {"total_params", statistics.total_params},
          {"trainable_params", statistics.trainable_params},
          {"summary_list", std::move(layers)}};
}

}  // namespace fedlog::http
