// Layers with weights that are multiplied: linear, convolutions, embedding.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

void linear(LayerBuilder& layer) {
  layer.parameter("weight");
  layer.parameter("bias", true);
  layer.forward("torch.linear(x, self.weight, self.bias)");
}

void embedding(LayerBuilder& layer) {
  layer.refuse_if_set("max_norm");  // it would change the weights
  layer.parameter("weight");
  layer.forward("torch.embedding(self.weight, x)");
}

// One bag a row, as PyTorch takes inputs of two dimensions.
void embedding_bag(LayerBuilder& layer) {
  layer.refuse_if_set("max_norm");
  layer.parameter("weight");
  const std::string mode = layer.read_choice("mode", {"sum", "mean", "max"});
  layer.constant("mode_index", std::int64_t{mode == "sum" ? 0 : mode == "mean" ? 1 : 2});
  layer.optional_integer("padding_idx", 0);
  layer.define(
      "def forward(self, x):\n"
      "    assert x.dim() == 2, \"EmbeddingBag takes inputs of 2 dimensions: one bag a row\"\n"
      "    starts = torch.arange(0, x.numel(), max(x.size(1), 1), dtype=x.dtype)\n"
      "    return torch.embedding_bag(self.weight, x.reshape([-1]), starts, False, self.mode_index, False, "
      "None, "
      "False, self.padding_idx)[0]\n");
}

// What torch.pad takes: the last dimension first, before and after.
std::vector<std::int64_t> padding_around(const LayerBuilder& layer, std::size_t dimensions) {
  std::vector<std::int64_t> around;
  const auto text = layer.source().text("padding");
  for (std::size_t index = dimensions; index-- > 0;) {
    if (text == "valid") {
      around.insert(around.end(), {0, 0});
    } else if (text == "same") {
      const auto total = layer.read_integers("dilation", dimensions, 1)[index] *
                         (layer.read_integers("kernel_size", dimensions, 1)[index] - 1);
      around.insert(around.end(), {total / 2, total - total / 2});
    } else {
      const auto padding = layer.read_integers("padding", dimensions, 0)[index];
      around.insert(around.end(), {padding, padding});
    }
  }
  return around;
}

void convolution(LayerBuilder& layer, std::size_t dimensions) {
  layer.parameter("weight");
  layer.parameter("bias", true);
  layer.sizes("kernel_size", dimensions, 1);  // for statistics
  layer.integers("stride", dimensions, 1);
  layer.integers("dilation", dimensions, 1);
  layer.integer("groups", 1);
  const std::string mode =
      layer.read_choice("padding_mode", {"zeros", "reflect", "replicate", "circular"}, "zeros");
  std::string input = "x";
  if (mode != "zeros") {
    layer.constant("around", padding_around(layer, dimensions));
    layer.constant("padding_mode", mode.c_str());
    layer.constant("padding", std::vector<std::int64_t>(dimensions, 0));
    input = "torch.pad(x, self.around, self.padding_mode)";
  } else if (layer.source().text("padding")) {
    layer.constant("padding", layer.read_choice("padding", {"same", "valid"}));
  } else {
    layer.integers("padding", dimensions, 0);
  }
  layer.forward("torch.conv" + std::to_string(dimensions) + "d(" + input +
                ", self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)");
}

void transposed_convolution(LayerBuilder& layer, std::size_t dimensions) {
  layer.parameter("weight");
  layer.parameter("bias", true);
  layer.sizes("kernel_size", dimensions, 1);
  layer.integers("stride", dimensions, 1);
  layer.integers("padding", dimensions, 0);
  layer.integers("output_padding", dimensions, 0);
  layer.integers("dilation", dimensions, 1);
  layer.integer("groups", 1);
  (void)layer.read_choice("padding_mode", {"zeros"}, "zeros");
  layer.forward("torch.conv_transpose" + std::to_string(dimensions) +
                "d(x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups, "
                "self.dilation)");
}

template <std::size_t dimensions>
void convolution_of(LayerBuilder& layer) {
  convolution(layer, dimensions);
}

template <std::size_t dimensions>
void transposed_convolution_of(LayerBuilder& layer) {
  transposed_convolution(layer, dimensions);
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.linear.Linear", linear},
    {"torch.nn.modules.linear.NonDynamicallyQuantizableLinear", linear},
    {"torch.nn.modules.conv.Conv1d", convolution_of<1>},
    {"torch.nn.modules.conv.Conv2d", convolution_of<2>},
    {"torch.nn.modules.conv.Conv3d", convolution_of<3>},
    {"torch.nn.modules.conv.ConvTranspose1d", transposed_convolution_of<1>},
    {"torch.nn.modules.conv.ConvTranspose2d", transposed_convolution_of<2>},
    {"torch.nn.modules.conv.ConvTranspose3d", transposed_convolution_of<3>},
    {"torch.nn.modules.sparse.Embedding", embedding},
    {"torch.nn.modules.sparse.EmbeddingBag", embedding_bag},
});

}  // namespace

std::span<const LayerRule> convolution_rules() {
  return rules;
}

}  // namespace fedlog::ml
