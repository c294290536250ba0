#pragma once

#include <span>
#include <string_view>

#include "ml/execution/layer_builder.h"

// The layers that are executed from their description: one rule a class. Includes torch: for this folder's
// sources only.
namespace fedlog::ml {

struct LayerRule {
  std::string_view class_name;  // "torch.nn.modules.linear.Linear"
  void (*build)(LayerBuilder& layer) = nullptr;
  const char* expression = nullptr;  // instead, for a layer without attributes that matter: forward(x)
};

[[nodiscard]] std::span<const LayerRule> convolution_rules();
[[nodiscard]] std::span<const LayerRule> normalization_rules();
[[nodiscard]] std::span<const LayerRule> activation_rules();
[[nodiscard]] std::span<const LayerRule> pooling_rules();
[[nodiscard]] std::span<const LayerRule> recurrent_rules();
[[nodiscard]] std::span<const LayerRule> shape_rules();
[[nodiscard]] std::span<const LayerRule> transformer_rules();
// torchvision's transforms of preprocessing pipelines.
[[nodiscard]] std::span<const LayerRule> transform_rules();
// Whether a transform of that class takes a Pillow image and gives a tensor.
[[nodiscard]] bool makes_tensor_of_picture(std::string_view class_name);

// All of them. With the containers they are described_classes().
[[nodiscard]] std::vector<LayerRule> layer_rules();

// Null for a class that has none.
[[nodiscard]] const LayerRule* find_layer_rule(std::string_view class_name);

}  // namespace fedlog::ml
