#include "ml/described_classes.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <vector>

#include "ml/described_object.h"
#include "ml/mapped_file.h"

namespace fedlog::ml {
namespace {

constexpr auto classes = std::to_array<std::string_view>({
    "torch.nn.modules.activation.CELU",
    "torch.nn.modules.activation.ELU",
    "torch.nn.modules.activation.GELU",
    "torch.nn.modules.activation.GLU",
    "torch.nn.modules.activation.Hardshrink",
    "torch.nn.modules.activation.Hardsigmoid",
    "torch.nn.modules.activation.Hardswish",
    "torch.nn.modules.activation.Hardtanh",
    "torch.nn.modules.activation.LeakyReLU",
    "torch.nn.modules.activation.LogSigmoid",
    "torch.nn.modules.activation.LogSoftmax",
    "torch.nn.modules.activation.Mish",
    "torch.nn.modules.activation.PReLU",
    "torch.nn.modules.activation.RReLU",
    "torch.nn.modules.activation.ReLU",
    "torch.nn.modules.activation.ReLU6",
    "torch.nn.modules.activation.SELU",
    "torch.nn.modules.activation.SiLU",
    "torch.nn.modules.activation.Sigmoid",
    "torch.nn.modules.activation.Softmax",
    "torch.nn.modules.activation.Softmax2d",
    "torch.nn.modules.activation.Softmin",
    "torch.nn.modules.activation.Softplus",
    "torch.nn.modules.activation.Softshrink",
    "torch.nn.modules.activation.Softsign",
    "torch.nn.modules.activation.Tanh",
    "torch.nn.modules.activation.Tanhshrink",
    "torch.nn.modules.activation.Threshold",
    "torch.nn.modules.batchnorm.BatchNorm1d",
    "torch.nn.modules.batchnorm.BatchNorm2d",
    "torch.nn.modules.batchnorm.BatchNorm3d",
    "torch.nn.modules.batchnorm.SyncBatchNorm",
    "torch.nn.modules.channelshuffle.ChannelShuffle",
    "torch.nn.modules.container.Sequential",
    "torch.nn.modules.conv.Conv1d",
    "torch.nn.modules.conv.Conv2d",
    "torch.nn.modules.conv.Conv3d",
    "torch.nn.modules.conv.ConvTranspose1d",
    "torch.nn.modules.conv.ConvTranspose2d",
    "torch.nn.modules.conv.ConvTranspose3d",
    "torch.nn.modules.dropout.AlphaDropout",
    "torch.nn.modules.dropout.Dropout",
    "torch.nn.modules.dropout.Dropout1d",
    "torch.nn.modules.dropout.Dropout2d",
    "torch.nn.modules.dropout.Dropout3d",
    "torch.nn.modules.dropout.FeatureAlphaDropout",
    "torch.nn.modules.flatten.Flatten",
    "torch.nn.modules.flatten.Unflatten",
    "torch.nn.modules.fold.Fold",
    "torch.nn.modules.fold.Unfold",
    "torch.nn.modules.instancenorm.InstanceNorm1d",
    "torch.nn.modules.instancenorm.InstanceNorm2d",
    "torch.nn.modules.instancenorm.InstanceNorm3d",
    "torch.nn.modules.linear.Identity",
    "torch.nn.modules.linear.Linear",
    "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    "torch.nn.modules.normalization.GroupNorm",
    "torch.nn.modules.normalization.LayerNorm",
    "torch.nn.modules.normalization.LocalResponseNorm",
    "torch.nn.modules.normalization.RMSNorm",
    "torch.nn.modules.padding.CircularPad1d",
    "torch.nn.modules.padding.CircularPad2d",
    "torch.nn.modules.padding.CircularPad3d",
    "torch.nn.modules.padding.ConstantPad1d",
    "torch.nn.modules.padding.ConstantPad2d",
    "torch.nn.modules.padding.ConstantPad3d",
    "torch.nn.modules.padding.ReflectionPad1d",
    "torch.nn.modules.padding.ReflectionPad2d",
    "torch.nn.modules.padding.ReflectionPad3d",
    "torch.nn.modules.padding.ReplicationPad1d",
    "torch.nn.modules.padding.ReplicationPad2d",
    "torch.nn.modules.padding.ReplicationPad3d",
    "torch.nn.modules.padding.ZeroPad1d",
    "torch.nn.modules.padding.ZeroPad2d",
    "torch.nn.modules.padding.ZeroPad3d",
    "torch.nn.modules.pixelshuffle.PixelShuffle",
    "torch.nn.modules.pixelshuffle.PixelUnshuffle",
    "torch.nn.modules.pooling.AdaptiveAvgPool1d",
    "torch.nn.modules.pooling.AdaptiveAvgPool2d",
    "torch.nn.modules.pooling.AdaptiveAvgPool3d",
    "torch.nn.modules.pooling.AdaptiveMaxPool1d",
    "torch.nn.modules.pooling.AdaptiveMaxPool2d",
    "torch.nn.modules.pooling.AdaptiveMaxPool3d",
    "torch.nn.modules.pooling.AvgPool1d",
    "torch.nn.modules.pooling.AvgPool2d",
    "torch.nn.modules.pooling.AvgPool3d",
    "torch.nn.modules.pooling.LPPool1d",
    "torch.nn.modules.pooling.LPPool2d",
    "torch.nn.modules.pooling.LPPool3d",
    "torch.nn.modules.pooling.MaxPool1d",
    "torch.nn.modules.pooling.MaxPool2d",
    "torch.nn.modules.pooling.MaxPool3d",
    "torch.nn.modules.rnn.GRU",
    "torch.nn.modules.rnn.LSTM",
    "torch.nn.modules.rnn.RNN",
    "torch.nn.modules.sparse.Embedding",
    "torch.nn.modules.sparse.EmbeddingBag",
    "torch.nn.modules.transformer.TransformerEncoder",
    "torch.nn.modules.transformer.TransformerEncoderLayer",
    "torch.nn.modules.upsampling.Upsample",
    "torch.nn.modules.upsampling.UpsamplingBilinear2d",
    "torch.nn.modules.upsampling.UpsamplingNearest2d",
    "torchvision.transforms.transforms.CenterCrop",
    "torchvision.transforms.transforms.Compose",
    "torchvision.transforms.transforms.ConvertImageDtype",
    "torchvision.transforms.transforms.Grayscale",
    "torchvision.transforms.transforms.Normalize",
    "torchvision.transforms.transforms.PILToTensor",
    "torchvision.transforms.transforms.Pad",
    "torchvision.transforms.transforms.Resize",
    "torchvision.transforms.transforms.ToTensor",
    "torchvision.transforms.v2._color.Grayscale",
    "torchvision.transforms.v2._container.Compose",
    "torchvision.transforms.v2._deprecated.ToTensor",
    "torchvision.transforms.v2._geometry.CenterCrop",
    "torchvision.transforms.v2._geometry.Pad",
    "torchvision.transforms.v2._geometry.Resize",
    "torchvision.transforms.v2._misc.ConvertImageDtype",
    "torchvision.transforms.v2._misc.Identity",
    "torchvision.transforms.v2._misc.Normalize",
    "torchvision.transforms.v2._misc.ToDtype",
    "torchvision.transforms.v2._type_conversion.PILToTensor",
    "torchvision.transforms.v2._type_conversion.ToImage",
    "torchvision.transforms.v2._type_conversion.ToPureTensor",
});
static_assert(std::ranges::is_sorted(classes));

}  // namespace

std::span<const std::string_view> described_classes() {
  return classes;
}

std::string not_described(std::string_view class_name) {
  if (class_name.empty()) return "a value that is no layer";
  constexpr std::size_t shown = 256;
  const bool known_code = class_name.starts_with("torch.") || class_name.starts_with("torchvision.");
  return "an object of class " + printable(class_name.substr(0, shown)) +
         (known_code ? ", which is not executed from its description" : ", whose code is not in the file");
}

std::expected<void, std::string> check_described_classes(const std::filesystem::path& file) {
  const auto mapping = MappedFile::open(file);
  if (!mapping) return std::unexpected(mapping.error().message);
  const auto archive = TorchArchive::open(mapping->bytes());
  if (!archive) return std::unexpected(archive.error().message);
  const auto& tree = archive->pickle();
  // Objects, their attributes and the lists in them may be shared, so that there are more paths than any
  // program could walk: whatever was seen is left out.
  std::unordered_set<PickleRef> seen;
  std::unordered_set<PickleRef> states;
  std::vector<PickleRef> open{tree.root()};
  const auto new_container = [&](PickleRef ref, PickleKind kind) {
    return ref != no_value && tree[ref].kind == kind && seen.insert(ref).second;
  };
  while (!open.empty()) {
    const PickleRef object = open.back();
    open.pop_back();
    if (!seen.insert(object).second) continue;
    const auto class_name = DescribedObject(*archive, object).class_name();
    const bool part_of_layer = class_name == "torch.nn.modules.activation.MultiheadAttention" ||
                               class_name == "torch.nn.modules.container.ModuleList";
    if (!std::ranges::binary_search(classes, class_name) && !(part_of_layer && object != tree.root())) {
      return std::unexpected("it holds " + not_described(class_name) + ": " + std::string(described_way_out) +
                             ".");
    }
    if (!states.insert(tree[object].state).second) continue;
    const auto transforms = tree.attribute(object, "transforms");
    if (new_container(transforms, PickleKind::list)) {
      const auto elements = tree.children(transforms);
      open.insert(open.end(), elements.rbegin(), elements.rend());
    }
    const auto modules = tree.attribute(object, "_modules");
    if (new_container(modules, PickleKind::dict)) {
      const auto items = tree.children(modules);
      for (std::size_t index = items.size(); index > 0; index -= 2) open.push_back(items[index - 1]);
    }
  }
  return {};
}

}  // namespace fedlog::ml
