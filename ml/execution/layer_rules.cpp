#include "ml/execution/layer_rules.h"

#include <algorithm>
#include <array>

namespace fedlog::ml {

namespace {

std::array<std::span<const LayerRule>, 8> all_rules() {
  return {convolution_rules(), normalization_rules(), activation_rules(),  pooling_rules(),
          recurrent_rules(),   shape_rules(),         transformer_rules(), transform_rules()};
}

}  // namespace

std::vector<LayerRule> layer_rules() {
  std::vector<LayerRule> all;
  for (const auto rules : all_rules()) all.insert(all.end(), rules.begin(), rules.end());
  return all;
}

const LayerRule* find_layer_rule(std::string_view class_name) {
  for (const auto rules : all_rules()) {
    const auto found = std::ranges::find(rules, class_name, &LayerRule::class_name);
    if (found != rules.end()) return &*found;
  }
  return nullptr;
}

}  // namespace fedlog::ml
