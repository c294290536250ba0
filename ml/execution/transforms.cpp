// torchvision's transforms, v1 and v2, on tensors of (channels, height, width) or batches of them. A decoded
// picture is a uint8 tensor.
//
// A step that stands before the one that makes a tensor of a picture gets a Pillow image in PyTorch: resizing
// is then always smooth, and grey is rounded as Pillow rounds it.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

constexpr const char* with_channels = "x.unsqueeze(0) if x.dim() == 2 else x";

void to_tensor(LayerBuilder& layer) {
  layer.define(
      "def forward(self, x):\n"
      "    y = x.unsqueeze(0) if x.dim() == 2 else x\n"
      "    return y.to(6) / 255 if y.dtype == 0 else y\n");  // 0 is uint8, 6 is float32
}

// The number that TorchScript has for a data type.
std::int64_t read_data_type(const LayerBuilder& layer) {
  struct DataType {
    std::string_view name;
    at::ScalarType type;
  };
  constexpr auto types = std::to_array<DataType>({
      {"torch.float32", at::kFloat},
      {"torch.float", at::kFloat},
      {"torch.float64", at::kDouble},
      {"torch.double", at::kDouble},
      {"torch.uint8", at::kByte},
  });
  const auto name = layer.source().global("dtype");
  for (const auto& known : types) {
    if (name == known.name) return static_cast<std::int64_t>(known.type);
  }
  layer.refuse("whose \"dtype\" is not torch.float32, torch.float64 or torch.uint8");
}

void convert(LayerBuilder& layer, bool scale) {
  layer.constant("dtype", read_data_type(layer));
  if (!scale) return layer.forward("x.to(self.dtype)");
  layer.define(
      "def forward(self, x):\n"
      "    to_float = self.dtype != 0\n"
      "    if x.is_floating_point():\n"
      "        return x.to(self.dtype) if to_float else (x * 255.999).to(self.dtype)\n"
      "    if x.dtype == 0:\n"
      "        return x.to(self.dtype) / 255 if to_float else x\n"
      "    assert False, \"only uint8 and floating-point values can be scaled\"\n"
      "    return x\n");
}

void to_dtype(LayerBuilder& layer) {
  convert(layer, layer.read_flag("scale", false));
}

void convert_image_dtype(LayerBuilder& layer) {
  convert(layer, true);
}

std::vector<double> read_channel_numbers(const LayerBuilder& layer, const char* name) {
  constexpr std::size_t channels_most = 4096;
  const auto numbers = layer.source().numbers(name);
  if (!numbers || numbers->empty() || numbers->size() > channels_most) {
    layer.refuse("whose \"" + std::string(name) + "\" is no list of numbers");
  }
  return *numbers;
}

void normalize(LayerBuilder& layer) {
  layer.constant("mean", read_channel_numbers(layer, "mean"));
  layer.constant("std", read_channel_numbers(layer, "std"));
  layer.define(
      "def forward(self, x):\n"
      "    assert x.is_floating_point(), \"Normalize takes floating-point values; put ToTensor() or "
      "ToDtype(torch.float32, scale=True) before it\"\n"
      "    mean = torch.tensor(self.mean, dtype=x.dtype).view(-1, 1, 1)\n"
      "    std = torch.tensor(self.std, dtype=x.dtype).view(-1, 1, 1)\n"
      "    return (x - mean) / std\n");
}

// Resize computes integers in floating point and rounds them. Of one size the shorter side becomes it; the
// longer one is truncated.
constexpr const char* resize_code =
    "def wanted(self, height: int, width: int) -> List[int]:\n"
    "    if len(self.size) == 2:\n"
    "        return self.size\n"
    "    shorter = self.size[0]\n"
    "    longer = int(self.size[0] * max(height, width) / min(height, width))\n"
    "    if self.max_size > 0 and longer > self.max_size:\n"
    "        shorter = int(self.max_size * shorter / longer)\n"
    "        longer = self.max_size\n"
    "    return [shorter, longer] if height <= width else [longer, shorter]\n"
    "\n"
    "def forward(self, x):\n"
    "    assert x.dim() >= 3, \"Resize takes (channels, height, width), or a batch of that\"\n"
    "    height = x.size(-2)\n"
    "    width = x.size(-1)\n"
    "    assert height > 0 and width > 0, \"Resize takes pictures of at least one pixel\"\n"
    "    size = self.wanted(height, width)\n"
    "    if size[0] == height and size[1] == width:\n"
    "        return x\n"
    "    whole = x.dtype == 0\n"
    "    assert whole or x.is_floating_point(), \"Resize takes uint8 or floating-point values\"\n"
    "    batch = x.reshape([-1, x.size(-3), height, width])\n"
    "    if whole:\n"
    "        batch = batch.to(6)\n"
    "    y = self.resized(batch, size)\n"
    "    if whole:\n"
    "        y = y.round().clamp(0, 255).to(0)\n"
    "    shape: List[int] = []\n"
    "    for index in range(x.dim() - 2):\n"
    "        shape.append(x.size(index))\n"
    "    return y.reshape(shape + size)\n";

void read_size(LayerBuilder& layer) {
  const auto size = layer.source().integers("size");
  const std::size_t count = size ? size->size() : 0;
  if (count != 1 && count != 2) layer.refuse("whose \"size\" is neither one number nor two");
  layer.integers("size", count, 1);
}

// Pipelines older than InterpolationMode have Pillow's numbers.
std::string read_interpolation(const LayerBuilder& layer) {
  if (const auto number = layer.source().integer("interpolation")) {
    if (*number == 0) return "nearest";
    if (*number == 2) return "bilinear";
    if (*number == 3) return "bicubic";
  }
  return layer.read_choice("interpolation", {"bilinear", "bicubic", "nearest", "nearest-exact"});
}

void resize(LayerBuilder& layer) {
  read_size(layer);
  layer.constant("max_size",
                 layer.source().is_empty("max_size") ? std::int64_t{0} : layer.read_integer("max_size", 1));
  const auto mode = read_interpolation(layer);
  // Early versions wrote None or "warn", which meant no.
  const bool smooth = layer.on_picture() || layer.source().flag("antialias").value_or(false);
  std::string call;
  if (mode == "nearest") {
    call = layer.on_picture() ? "_upsample_nearest_exact2d(x, size)" : "upsample_nearest2d(x, size)";
  } else if (mode == "nearest-exact") {
    call = "_upsample_nearest_exact2d(x, size)";
  } else {
    const std::string function = mode == "bicubic" ? "upsample_bicubic2d" : "upsample_bilinear2d";
    call = (smooth ? "_" + function + "_aa" : function) + "(x, size, False)";
  }
  layer.define("def resized(self, x, size: List[int]):\n    return torch." + call + "\n\n" + resize_code);
}

// Pads with zeros where the picture is smaller. Half a pixel is rounded to the even side, as Python does.
void center_crop(LayerBuilder& layer) {
  layer.integers("size", 2, 1);
  layer.define(
      "def start(self, excess: int) -> int:\n"
      "    half = excess // 2\n"
      "    return half + half % 2 if excess % 2 == 1 else half\n"
      "\n"
      "def forward(self, x):\n"
      "    height = self.size[0]\n"
      "    width = self.size[1]\n"
      "    missing_y = max(height - x.size(-2), 0)\n"
      "    missing_x = max(width - x.size(-1), 0)\n"
      "    y = torch.constant_pad_nd(x, [missing_x // 2, (missing_x + 1) // 2, missing_y // 2, (missing_y + "
      "1) "
      "// 2])\n"
      "    top = self.start(y.size(-2) - height)\n"
      "    left = self.start(y.size(-1) - width)\n"
      "    return y.narrow(-2, top, height).narrow(-1, left, width)\n");
}

void grayscale(LayerBuilder& layer) {
  const auto channels = layer.source().has("num_output_channels")
                            ? layer.read_integer("num_output_channels", 1)
                            : std::int64_t{1};
  if (channels != 1 && channels != 3) layer.refuse("whose \"num_output_channels\" is neither 1 nor 3");
  layer.constant("channels", channels);
  layer.constant("rounded", layer.on_picture());
  layer.define(
      "def grey(self, x):\n"
      "    red = x.select(-3, 0)\n"
      "    green = x.select(-3, 1)\n"
      "    blue = x.select(-3, 2)\n"
      "    if self.rounded and x.dtype == 0:\n"
      "        y = red.to(3) * 19595 + green.to(3) * 38470 + blue.to(3) * 7471 + 32768\n"
      "        return torch.div(y, 65536, rounding_mode=\"floor\").to(0)\n"
      "    return (red * 0.2989 + green * 0.587 + blue * 0.114).to(x.dtype)\n"
      "\n"
      "def forward(self, x):\n"
      "    assert x.dim() >= 3, \"Grayscale takes (channels, height, width), or a batch of that\"\n"
      "    y = x\n"
      "    if x.size(-3) != 1:\n"
      "        assert x.size(-3) == 3, \"Grayscale takes 1 or 3 channels\"\n"
      "        y = self.grey(x).unsqueeze(-3)\n"
      "    return torch.cat([y, y, y], -3) if self.channels == 3 else y\n");
}

// torchvision says left, top, right, bottom; torch left, right, top, bottom.
std::vector<std::int64_t> read_borders(const LayerBuilder& layer) {
  const auto given = layer.source().integers("padding");
  const std::size_t count = given ? given->size() : 0;
  if (count != 1 && count != 2 && count != 4) layer.refuse("whose \"padding\" is not 1, 2 or 4 numbers");
  const auto sides = layer.read_integers("padding", count, 0);
  if (count == 1) return {sides[0], sides[0], sides[0], sides[0]};
  if (count == 2) return {sides[0], sides[0], sides[1], sides[1]};
  return {sides[0], sides[2], sides[1], sides[3]};
}

void pad(LayerBuilder& layer) {
  layer.constant("borders", read_borders(layer));
  const std::string mode = layer.read_choice("padding_mode", {"constant", "edge", "reflect"}, "constant");
  if (mode == "constant") {
    layer.constant("value", layer.source().is_empty("fill") ? 0.0 : layer.read_number("fill"));
    return layer.forward("torch.constant_pad_nd(x, self.borders, self.value)");
  }
  layer.define(
      "def forward(self, x):\n    whole = x.dtype == 0\n    y = torch.pad(x.to(6) if whole else x, "
      "self.borders, \"" +
      std::string(mode == "edge" ? "replicate" : "reflect") + "\")\n    return y.to(0) if whole else y\n");
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torchvision.transforms.transforms.ToTensor", to_tensor},
    {"torchvision.transforms.transforms.PILToTensor", nullptr, with_channels},
    {"torchvision.transforms.transforms.ConvertImageDtype", convert_image_dtype},
    {"torchvision.transforms.transforms.Normalize", normalize},
    {"torchvision.transforms.transforms.Resize", resize},
    {"torchvision.transforms.transforms.CenterCrop", center_crop},
    {"torchvision.transforms.transforms.Grayscale", grayscale},
    {"torchvision.transforms.transforms.Pad", pad},
    {"torchvision.transforms.v2._deprecated.ToTensor", to_tensor},
    {"torchvision.transforms.v2._type_conversion.PILToTensor", nullptr, with_channels},
    {"torchvision.transforms.v2._type_conversion.ToImage", nullptr, with_channels},
    {"torchvision.transforms.v2._type_conversion.ToPureTensor", nullptr, "x"},
    {"torchvision.transforms.v2._misc.Identity", nullptr, "x"},
    {"torchvision.transforms.v2._misc.ToDtype", to_dtype},
    {"torchvision.transforms.v2._misc.ConvertImageDtype", convert_image_dtype},
    {"torchvision.transforms.v2._misc.Normalize", normalize},
    {"torchvision.transforms.v2._geometry.Resize", resize},
    {"torchvision.transforms.v2._geometry.CenterCrop", center_crop},
    {"torchvision.transforms.v2._geometry.Pad", pad},
    {"torchvision.transforms.v2._color.Grayscale", grayscale},
});

}  // namespace

std::span<const LayerRule> transform_rules() {
  return rules;
}

bool makes_tensor_of_picture(std::string_view class_name) {
  return class_name.starts_with("torchvision.transforms.") &&
         (class_name.ends_with(".ToTensor") || class_name.ends_with(".PILToTensor") ||
          class_name.ends_with(".ToImage"));
}

}  // namespace fedlog::ml
