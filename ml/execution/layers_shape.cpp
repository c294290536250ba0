// Layers that only move, repeat or pad values.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

constexpr std::int64_t first_dimension = -64;

void flatten(LayerBuilder& layer) {
  layer.integer("start_dim", first_dimension);
  layer.integer("end_dim", first_dimension);
  layer.forward("torch.flatten(x, self.start_dim, self.end_dim)");
}

void unflatten(LayerBuilder& layer) {
  constexpr std::size_t rank_most = 16;
  layer.integer("dim", first_dimension);
  const auto sizes = layer.source().integers("unflattened_size");
  if (!sizes || sizes->empty() || sizes->size() > rank_most) {
    layer.refuse("whose \"unflattened_size\" is no list of sizes");
  }
  layer.integers("unflattened_size", sizes->size(), -1);
  layer.forward("torch.unflatten(x, self.dim, self.unflattened_size)");
}

void pixel_shuffle(LayerBuilder& layer) {
  layer.integer("upscale_factor", 1);
  layer.forward("torch.pixel_shuffle(x, self.upscale_factor)");
}

void pixel_unshuffle(LayerBuilder& layer) {
  layer.integer("downscale_factor", 1);
  layer.forward("torch.pixel_unshuffle(x, self.downscale_factor)");
}

void channel_shuffle(LayerBuilder& layer) {
  layer.integer("groups", 1);
  layer.forward("torch.channel_shuffle(x, self.groups)");
}

void read_blocks(LayerBuilder& layer) {
  constexpr std::size_t dimensions = 2;
  layer.sizes("kernel_size", dimensions, 1);
  layer.constant("blocks", layer.read_integers("kernel_size", dimensions, 1));
  layer.integers("dilation", dimensions, 1);
  layer.integers("padding", dimensions, 0);
  layer.integers("stride", dimensions, 1);
}

void unfold(LayerBuilder& layer) {
  read_blocks(layer);
  layer.forward("torch.im2col(x, self.blocks, self.dilation, self.padding, self.stride)");
}

void fold(LayerBuilder& layer) {
  read_blocks(layer);
  layer.integers("output_size", 2, 1);
  layer.forward("torch.col2im(x, self.output_size, self.blocks, self.dilation, self.padding, self.stride)");
}

constexpr std::int64_t most_cropped = -65536;  // negative padding crops

template <std::size_t dimensions>
void constant_pad(LayerBuilder& layer) {
  layer.integers("padding", 2 * dimensions, most_cropped);
  layer.number("value");
  layer.forward("torch.constant_pad_nd(x, self.padding, self.value)");
}

template <std::size_t dimensions>
void zero_pad(LayerBuilder& layer) {
  layer.integers("padding", 2 * dimensions, most_cropped);
  layer.forward("torch.constant_pad_nd(x, self.padding)");
}

template <std::size_t dimensions>
void reflection_pad(LayerBuilder& layer) {
  layer.integers("padding", 2 * dimensions, most_cropped);
  layer.forward("torch.pad(x, self.padding, \"reflect\")");
}

template <std::size_t dimensions>
void replication_pad(LayerBuilder& layer) {
  layer.integers("padding", 2 * dimensions, most_cropped);
  layer.forward("torch.pad(x, self.padding, \"replicate\")");
}

template <std::size_t dimensions>
void circular_pad(LayerBuilder& layer) {
  layer.integers("padding", 2 * dimensions, most_cropped);
  layer.forward("torch.pad(x, self.padding, \"circular\")");
}

// The sizes (or factors) of all dimensions, or one for all; empty when they are not given.
void read_scales(LayerBuilder& layer) {
  constexpr std::size_t dimensions_most = 3;
  const bool by_size = !layer.source().is_empty("size");
  std::vector<std::int64_t> sizes;
  if (by_size) sizes = layer.source().integers("size").value_or(sizes);
  std::vector<double> factors;
  if (!by_size) factors = layer.source().numbers("scale_factor").value_or(factors);
  const auto count = sizes.size() + factors.size();
  if (count == 0 || count > dimensions_most) layer.refuse("without one \"size\" or \"scale_factor\"");
  layer.constant("sizes", sizes);
  layer.constant("factors", factors);
}

// `operators` by the number of dimensions, 1 to 3; `align` stands between size and factors.
std::string upsampling(const std::array<const char*, 3>& operators, const std::string& align) {
  std::string code =
      "def forward(self, x):\n"
      "    count = x.dim() - 2\n"
      "    size: Optional[List[int]] = None\n"
      "    factors: Optional[List[float]] = None\n"
      "    if len(self.sizes) > 0:\n"
      "        size = self.sizes if len(self.sizes) > 1 else self.sizes * count\n"
      "    else:\n"
      "        factors = self.factors if len(self.factors) > 1 else self.factors * count\n";
  for (std::size_t index = 0; index < operators.size(); ++index) {
    if (operators[index] == nullptr) continue;
    code += "    if count == " + std::to_string(index + 1) + ":\n        return torch." + operators[index] +
            "(x, size, " + align + "factors)\n";
  }
  return code + "    assert False, \"this mode of upsampling does not take an input of this rank\"\n" +
         "    return x\n";
}

void upsample(LayerBuilder& layer) {
  if (layer.source().has("recompute_scale_factor") && !layer.source().is_empty("recompute_scale_factor") &&
      layer.read_flag("recompute_scale_factor")) {
    layer.refuse("with recompute_scale_factor=True, which is not executed here");
  }
  read_scales(layer);
  const std::string mode =
      layer.read_choice("mode", {"nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"});
  const bool align = !layer.source().is_empty("align_corners") && layer.read_flag("align_corners");
  const std::string corners = align ? "True, " : "False, ";
  if (mode == "nearest") {
    layer.define(upsampling({"upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d"}, ""));
  } else if (mode == "nearest-exact") {
    layer.define(upsampling(
        {"_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d"}, ""));
  } else if (mode == "linear") {
    layer.define(upsampling({"upsample_linear1d", nullptr, nullptr}, corners));
  } else if (mode == "trilinear") {
    layer.define(upsampling({nullptr, nullptr, "upsample_trilinear3d"}, corners));
  } else {
    layer.define(upsampling(
        {nullptr, mode == "bicubic" ? "upsample_bicubic2d" : "upsample_bilinear2d", nullptr}, corners));
  }
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.linear.Identity", nullptr, "x"},
    {"torch.nn.modules.flatten.Flatten", flatten},
    {"torch.nn.modules.flatten.Unflatten", unflatten},
    {"torch.nn.modules.fold.Unfold", unfold},
    {"torch.nn.modules.fold.Fold", fold},
    {"torch.nn.modules.pixelshuffle.PixelShuffle", pixel_shuffle},
    {"torch.nn.modules.pixelshuffle.PixelUnshuffle", pixel_unshuffle},
    {"torch.nn.modules.channelshuffle.ChannelShuffle", channel_shuffle},
    {"torch.nn.modules.padding.ZeroPad1d", zero_pad<1>},
    {"torch.nn.modules.padding.ZeroPad2d", zero_pad<2>},
    {"torch.nn.modules.padding.ZeroPad3d", zero_pad<3>},
    {"torch.nn.modules.padding.ConstantPad1d", constant_pad<1>},
    {"torch.nn.modules.padding.ConstantPad2d", constant_pad<2>},
    {"torch.nn.modules.padding.ConstantPad3d", constant_pad<3>},
    {"torch.nn.modules.padding.ReflectionPad1d", reflection_pad<1>},
    {"torch.nn.modules.padding.ReflectionPad2d", reflection_pad<2>},
    {"torch.nn.modules.padding.ReflectionPad3d", reflection_pad<3>},
    {"torch.nn.modules.padding.ReplicationPad1d", replication_pad<1>},
    {"torch.nn.modules.padding.ReplicationPad2d", replication_pad<2>},
    {"torch.nn.modules.padding.ReplicationPad3d", replication_pad<3>},
    {"torch.nn.modules.padding.CircularPad1d", circular_pad<1>},
    {"torch.nn.modules.padding.CircularPad2d", circular_pad<2>},
    {"torch.nn.modules.padding.CircularPad3d", circular_pad<3>},
    {"torch.nn.modules.upsampling.Upsample", upsample},
    {"torch.nn.modules.upsampling.UpsamplingNearest2d", upsample},
    {"torch.nn.modules.upsampling.UpsamplingBilinear2d", upsample},
});

}  // namespace

std::span<const LayerRule> shape_rules() {
  return rules;
}

}  // namespace fedlog::ml
