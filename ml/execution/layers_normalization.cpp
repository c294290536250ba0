// Normalization and dropout.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

// Models run in evaluation mode, in which the batch's own statistics count only where none were kept.
const char* read_statistics(LayerBuilder& layer) {
  layer.parameter("weight", true);
  layer.parameter("bias", true);
  layer.number("eps");
  const bool mean = layer.buffer("running_mean");
  const bool variance = layer.buffer("running_var");
  if (mean != variance) layer.refuse("that has one of running_mean and running_var without the other");
  return mean ? "False" : "True";
}

void batch_norm(LayerBuilder& layer) {
  const std::string batch_statistics = read_statistics(layer);
  layer.forward("torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, " +
                batch_statistics + ", 0.1, self.eps, False)");
}

template <int dimensions>
void instance_norm(LayerBuilder& layer) {
  const std::string input_statistics = read_statistics(layer);
  layer.define("def forward(self, x):\n    single = x.dim() == " + std::to_string(dimensions + 1) +
               "\n"
               "    batch = x.unsqueeze(0) if single else x\n"
               "    y = torch.instance_norm(batch, self.weight, self.bias, self.running_mean, "
               "self.running_var, " +
               input_statistics +
               ", 0.1, self.eps, False)\n"
               "    return y.squeeze(0) if single else y\n");
}

void read_normalized_shape(LayerBuilder& layer) {
  constexpr std::size_t rank_most = 16;
  const auto shape = layer.source().integers("normalized_shape");
  const std::size_t rank = shape ? shape->size() : 0;
  if (rank == 0 || rank > rank_most) layer.refuse("whose \"normalized_shape\" is no list of sizes");
  layer.integers("normalized_shape", rank, 0);
}

void layer_norm(LayerBuilder& layer) {
  read_normalized_shape(layer);
  layer.parameter("weight", true);
  layer.parameter("bias", true);
  layer.number("eps");
  layer.forward("torch.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)");
}

void rms_norm(LayerBuilder& layer) {
  read_normalized_shape(layer);
  layer.parameter("weight", true);
  if (layer.source().is_empty("eps")) {
    layer.forward("torch.rms_norm(x, self.normalized_shape, self.weight)");
  } else {
    layer.number("eps");
    layer.forward("torch.rms_norm(x, self.normalized_shape, self.weight, self.eps)");
  }
}

void group_norm(LayerBuilder& layer) {
  layer.integer("num_groups", 1);
  layer.parameter("weight", true);
  layer.parameter("bias", true);
  layer.number("eps");
  layer.forward("torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)");
}

void dropout(LayerBuilder& layer) {
  layer.number("p");
  layer.forward("torch.dropout(x, self.p, self.training)");
}

void alpha_dropout(LayerBuilder& layer) {
  layer.number("p");
  layer.forward("torch.alpha_dropout(x, self.p, self.training)");
}

// Whole channels are dropped. A picture without a batch dimension is a batch of its channels, as in PyTorch.
void feature_dropout(LayerBuilder& layer) {
  layer.number("p");
  layer.forward("torch.feature_dropout(x, self.p, self.training)");
}

void feature_dropout_1d(LayerBuilder& layer) {
  layer.number("p");
  layer.define(
      "def forward(self, x):\n"
      "    single = x.dim() == 2\n"
      "    y = torch.feature_dropout(x.unsqueeze(0) if single else x, self.p, self.training)\n"
      "    return y.squeeze(0) if single else y\n");
}

void feature_alpha_dropout(LayerBuilder& layer) {
  layer.number("p");
  layer.forward("torch.feature_alpha_dropout(x, self.p, self.training)");
}

// Each value over its neighbours' size, in `size` channels around its own.
void local_response_norm(LayerBuilder& layer) {
  layer.integer("size", 1);
  for (const char* name : {"alpha", "beta", "k"}) layer.number(name);
  layer.define(
      "def forward(self, x):\n"
      "    assert x.dim() >= 3, \"LocalResponseNorm takes inputs of 3 dimensions or more\"\n"
      "    squares = (x * x).flatten(2).unsqueeze(1)\n"
      "    padded = torch.constant_pad_nd(squares, [0, 0, self.size // 2, (self.size - 1) // 2])\n"
      "    means = torch.avg_pool2d(padded, [self.size, 1], [1, 1]).squeeze(1).view_as(x)\n"
      "    return x / (means * self.alpha + self.k).pow(self.beta)\n");
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.batchnorm.BatchNorm1d", batch_norm},
    {"torch.nn.modules.batchnorm.BatchNorm2d", batch_norm},
    {"torch.nn.modules.batchnorm.BatchNorm3d", batch_norm},
    {"torch.nn.modules.batchnorm.SyncBatchNorm", batch_norm},
    {"torch.nn.modules.instancenorm.InstanceNorm1d", instance_norm<1>},
    {"torch.nn.modules.instancenorm.InstanceNorm2d", instance_norm<2>},
    {"torch.nn.modules.instancenorm.InstanceNorm3d", instance_norm<3>},
    {"torch.nn.modules.normalization.LayerNorm", layer_norm},
    {"torch.nn.modules.normalization.RMSNorm", rms_norm},
    {"torch.nn.modules.normalization.GroupNorm", group_norm},
    {"torch.nn.modules.normalization.LocalResponseNorm", local_response_norm},
    {"torch.nn.modules.dropout.Dropout", dropout},
    {"torch.nn.modules.dropout.Dropout1d", feature_dropout_1d},
    {"torch.nn.modules.dropout.Dropout2d", feature_dropout},
    {"torch.nn.modules.dropout.Dropout3d", feature_dropout},
    {"torch.nn.modules.dropout.AlphaDropout", alpha_dropout},
    {"torch.nn.modules.dropout.FeatureAlphaDropout", feature_alpha_dropout},
});

}  // namespace

std::span<const LayerRule> normalization_rules() {
  return rules;
}

}  // namespace fedlog::ml
