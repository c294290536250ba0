#include "ml/execution/layer_rules.h"

#include <algorithm>

namespace fedlog::ml {

const LayerRule* find_layer_rule(std::string_view class_name) {
  for (const auto rules : {convolution_rules(), normalization_rules(), activation_rules(), pooling_rules(),
                           shape_rules(), transform_rules()}) {
    const auto found = std::ranges::find(rules, class_name, &LayerRule::class_name);
    if (found != rules.end()) return &*found;
  }
  return nullptr;
}

}  // namespace fedlog::ml
