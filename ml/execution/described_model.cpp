#include "ml/execution/described_model.h"

#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include "ml/described_classes.h"
#include "ml/execution/layer_rules.h"
#include "ml/execution/tensor_conversion.h"

namespace fedlog::ml {
namespace {

// Layers may be shared, so a small file can describe a model of any size.
constexpr std::size_t layers_most = 10'000;
constexpr int depth_most = 64;

enum class Container { none, modules, transforms };

Container container(std::string_view class_name) {
  if (class_name == "torch.nn.modules.container.Sequential") return Container::modules;
  if (class_name == "torchvision.transforms.transforms.Compose" ||
      class_name == "torchvision.transforms.v2._container.Compose") {
    return Container::transforms;
  }
  return Container::none;
}

class ModelBuilder final : public DescribedParts {
 public:
  ModelBuilder(const TorchArchive& archive, Bytes file) : archive_(archive), file_(file) {}

  torch::jit::Module build(const DescribedObject& object, int depth) override {
    return build(object, false, depth).module;
  }

  at::Tensor load(const DescribedObject::Tensor& tensor) override {
    const auto [known, added] = tensors_.try_emplace(tensor.value);
    if (added) {
      const auto& record = *tensor.record;
      const auto& storage = archive_.storages()[record.storage];
      auto values = to_torch(
          {.dtype = record.dtype,
           .shape = record.shape,
           .bytes = contiguous_bytes(record, file_.subspan(storage.file_offset, storage.size_bytes))});
      known->second = values.set_requires_grad(record.requires_grad && values.is_floating_point());
    }
    return known->second;
  }

 private:
  struct Built {
    torch::jit::Module module;
    std::size_t layers = 1;
  };

  Built build(const DescribedObject& object, bool on_picture, int depth) {
    const auto key = std::pair(object.value(), on_picture);
    if (const auto known = built_.find(key); known != built_.end()) return known->second;
    if (depth == depth_most) throw NotDescribed{"a model of too many levels"};
    const auto class_name = object.class_name();
    auto result = container(class_name) != Container::none ? build_container(object, on_picture, depth)
                                                           : build_layer(object, on_picture, depth);
    built_.emplace(key, result);
    return result;
  }

  Built build_layer(const DescribedObject& object, bool on_picture, int depth) {
    const auto class_name = object.class_name();
    const auto* rule = find_layer_rule(class_name);
    if (rule == nullptr) throw NotDescribed{not_described(class_name)};
    LayerBuilder layer(object, rule->class_name, *this, on_picture, depth);
    layer.refuse_changed_behaviour();
    if (rule->build != nullptr) {
      rule->build(layer);
    } else {
      layer.forward(rule->expression);
    }
    layer.note_kernel_size();
    return {.module = layer.module()};
  }

  Built build_container(const DescribedObject& object, bool on_picture, int depth) {
    const bool modules = container(object.class_name()) == Container::modules;
    const auto parts = modules ? object.children() : object.objects("transforms");
    if (parts.empty() && !(modules || object.is_empty("transforms"))) {
      throw NotDescribed{"a Compose whose \"transforms\" is no list"};
    }
    LayerBuilder layer(object, modules ? "torch.nn.modules.container.Sequential" : "Compose", *this,
                       on_picture, depth);
    layer.refuse_changed_behaviour();
    std::size_t layers = 1;
    // A name for each value, because they may have different types.
    std::string code = "def forward(self, x0):\n";
    for (std::size_t index = 0; index < parts.size(); ++index) {
      const auto built = build(parts[index], on_picture || tensor_is_made_after(parts, index), depth + 1);
      layers += built.layers;
      if (layers > layers_most) throw NotDescribed{"a model of too many layers"};
      const auto name = std::to_string(index);
      layer.child(name.c_str(), built.module);
      code +=
          "    x" + std::to_string(index + 1) + " = getattr(self, \"" + name + "\").forward(x" + name + ")\n";
    }
    try {
      layer.define(code + "    return x" + std::to_string(parts.size()) + "\n");
    } catch (const std::exception&) {
      throw NotDescribed{"a Sequential in which a layer returns what the next one does not take"};
    }
    return {.module = layer.module(), .layers = layers};
  }

  static bool tensor_is_made_after(const std::vector<DescribedObject>& parts, std::size_t index) {
    for (std::size_t later = index + 1; later < parts.size(); ++later) {
      if (makes_tensor_of_picture(parts[later].class_name())) return true;
    }
    return false;
  }

  const TorchArchive& archive_;
  Bytes file_;
  std::unordered_map<PickleRef, at::Tensor> tensors_;
  std::map<std::pair<PickleRef, bool>, Built> built_;
};

std::unexpected<ExecutionError> unsupported(const std::string& what) {
  return std::unexpected(ExecutionError{ExecutionErrorCode::model_unsupported,
                                        "the file holds " + what + ": " + std::string(described_way_out)});
}

}  // namespace

std::expected<torch::jit::Module, ExecutionError> build_described_model(Bytes file) {
  const auto archive = TorchArchive::open(file);
  if (!archive) {
    return std::unexpected(ExecutionError{ExecutionErrorCode::model_unreadable, archive.error().message});
  }
  const auto root = archive->pickle().root();
  if (archive->tensor(root) != nullptr) return unsupported("a tensor, which is no model");
  if (archive->pickle()[root].kind == PickleKind::dict) {
    return unsupported("weights only (a state_dict), without the code that computes with them");
  }
  try {
    return ModelBuilder(*archive, file).build(DescribedObject(*archive, root), 0);
  } catch (const NotDescribed& refusal) {
    return unsupported(refusal.reason);
  }
}

}  // namespace fedlog::ml
