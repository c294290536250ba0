// Pooling.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

std::string operator_name(const char* kind, std::size_t dimensions) {
  return "torch." + std::string(kind) + std::to_string(dimensions) + "d";
}

void refuse_indices(const LayerBuilder& layer) {
  if (layer.read_flag("return_indices", false)) layer.refuse("with return_indices=True, a second output");
}

template <std::size_t dimensions>
void max_pool(LayerBuilder& layer) {
  refuse_indices(layer);
  layer.sizes("kernel_size", dimensions, 1);
  layer.integers("stride", dimensions, 1);
  layer.integers("padding", dimensions, 0);
  layer.integers("dilation", dimensions, 1);
  layer.flag("ceil_mode", false);
  layer.forward(operator_name("max_pool", dimensions) +
                "(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)");
}

template <std::size_t dimensions>
void average_pool(LayerBuilder& layer) {
  layer.sizes("kernel_size", dimensions, 1);
  layer.integers("stride", dimensions, 1);
  layer.integers("padding", dimensions, 0);
  layer.flag("ceil_mode", false);
  layer.flag("count_include_pad", true);
  std::string divisor;
  if (dimensions > 1) {
    layer.optional_integer("divisor_override", 1);
    divisor = ", self.divisor_override";
  }
  layer.forward(operator_name("avg_pool", dimensions) +
                "(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad" +
                divisor + ")");
}

// The p-norm of each window; F.lp_pool keeps the sign of the sum of powers away from the root.
template <std::size_t dimensions>
void power_pool(LayerBuilder& layer) {
  layer.sizes("kernel_size", dimensions, 1);
  const auto window = layer.read_integers("kernel_size", dimensions, 1);
  layer.constant("window", window);
  if (layer.source().is_empty("stride")) {
    layer.constant("stride", window);
  } else {
    layer.integers("stride", dimensions, 1);
  }
  double count = 1;
  for (const auto size : window) count *= static_cast<double>(size);
  layer.constant("count", count);
  layer.number("norm_type");
  layer.flag("ceil_mode", false);
  layer.define(
      "def forward(self, x):\n"
      "    y = " +
      operator_name("avg_pool", dimensions) +
      "(x.pow(self.norm_type), self.window, self.stride, 0, self.ceil_mode)\n"
      "    return (torch.sign(y) * torch.relu(torch.abs(y)) * self.count).pow(1.0 / self.norm_type)\n");
}

// An output size of None (-1 here) is the input's.
void adaptive_pool(LayerBuilder& layer, std::size_t dimensions, const std::string& call, const char* result) {
  layer.integers("output_size", dimensions, -1);
  layer.define(
      "def forward(self, x):\n"
      "    size: List[int] = []\n"
      "    count = len(self.output_size)\n"
      "    for index in range(count):\n"
      "        wanted = self.output_size[index]\n"
      "        size.append(x.size(index - count) if wanted < 0 else wanted)\n"
      "    return " +
      call + "(x, size)" + result + "\n");
}

template <std::size_t dimensions>
void adaptive_average_pool(LayerBuilder& layer) {
  adaptive_pool(layer, dimensions, operator_name("adaptive_avg_pool", dimensions), "");
}

template <std::size_t dimensions>
void adaptive_max_pool(LayerBuilder& layer) {
  refuse_indices(layer);
  adaptive_pool(layer, dimensions, operator_name("adaptive_max_pool", dimensions), "[0]");
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.pooling.MaxPool1d", max_pool<1>},
    {"torch.nn.modules.pooling.MaxPool2d", max_pool<2>},
    {"torch.nn.modules.pooling.MaxPool3d", max_pool<3>},
    {"torch.nn.modules.pooling.AvgPool1d", average_pool<1>},
    {"torch.nn.modules.pooling.AvgPool2d", average_pool<2>},
    {"torch.nn.modules.pooling.AvgPool3d", average_pool<3>},
    {"torch.nn.modules.pooling.LPPool1d", power_pool<1>},
    {"torch.nn.modules.pooling.LPPool2d", power_pool<2>},
    {"torch.nn.modules.pooling.LPPool3d", power_pool<3>},
    {"torch.nn.modules.pooling.AdaptiveAvgPool1d", adaptive_average_pool<1>},
    {"torch.nn.modules.pooling.AdaptiveAvgPool2d", adaptive_average_pool<2>},
    {"torch.nn.modules.pooling.AdaptiveAvgPool3d", adaptive_average_pool<3>},
    {"torch.nn.modules.pooling.AdaptiveMaxPool1d", adaptive_max_pool<1>},
    {"torch.nn.modules.pooling.AdaptiveMaxPool2d", adaptive_max_pool<2>},
    {"torch.nn.modules.pooling.AdaptiveMaxPool3d", adaptive_max_pool<3>},
});

}  // namespace

std::span<const LayerRule> pooling_rules() {
  return rules;
}

}  // namespace fedlog::ml
