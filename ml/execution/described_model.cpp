#include "ml/execution/described_model.h"

#include <array>
#include <map>
#include <unordered_map>
#include <utility>

#include "ml/execution/layer_rules.h"
#include "ml/execution/tensor_conversion.h"

namespace fedlog::ml {
namespace {

constexpr const char* way_out = "save torch.jit.script(model) with torch.jit.save and upload that file";

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

class ModelBuilder final : public DescribedTensors {
 public:
  ModelBuilder(const TorchArchive& archive, Bytes file) : archive_(archive), file_(file) {}

  torch::jit::Module build(const DescribedObject& object) { return build(object, false, 0).module; }

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
                                                           : build_layer(object, on_picture);
    built_.emplace(key, result);
    return result;
  }

  Built build_layer(const DescribedObject& object, bool on_picture) {
    const auto class_name = object.class_name();
    const auto* rule = find_layer_rule(class_name);
    if (rule == nullptr) throw NotDescribed{unknown(class_name)};
    LayerBuilder layer(object, rule->class_name, *this, on_picture);
    refuse_changed_behaviour(layer);
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
                       on_picture);
    refuse_changed_behaviour(layer);
    std::size_t layers = 1;
    std::string code = "def forward(self, x):\n";
    for (std::size_t index = 0; index < parts.size(); ++index) {
      const auto built = build(parts[index], on_picture || tensor_is_made_after(parts, index), depth + 1);
      layers += built.layers;
      if (layers > layers_most) throw NotDescribed{"a model of too many layers"};
      const auto name = std::to_string(index);
      layer.child(name.c_str(), built.module);
      code.append("    x = getattr(self, \"").append(name).append("\").forward(x)\n");
    }
    layer.define(code + "    return x\n");
    return {.module = layer.module(), .layers = layers};
  }

  static bool tensor_is_made_after(const std::vector<DescribedObject>& parts, std::size_t index) {
    for (std::size_t later = index + 1; later < parts.size(); ++later) {
      if (makes_tensor_of_picture(parts[later].class_name())) return true;
    }
    return false;
  }

  // What Python would run besides the class's own forward.
  static void refuse_changed_behaviour(const LayerBuilder& layer) {
    for (const char* name : {"_forward_hooks", "_forward_pre_hooks", "forward", "__call__"}) {
      layer.refuse_if_set(name);
    }
  }

  static std::string unknown(std::string_view class_name) {
    if (class_name.empty()) return "a value that is no layer";
    const auto name = printable_line(class_name.substr(0, 256));
    const bool known_code = class_name.starts_with("torch.") || class_name.starts_with("torchvision.");
    return "an object of class " + name +
           (known_code ? ", which is not executed from its description" : ", whose code is not in the file");
  }

  const TorchArchive& archive_;
  Bytes file_;
  std::unordered_map<PickleRef, at::Tensor> tensors_;
  std::map<std::pair<PickleRef, bool>, Built> built_;
};

std::unexpected<ExecutionError> unsupported(const std::string& what) {
  return std::unexpected(
      ExecutionError{ExecutionErrorCode::model_unsupported, "the file holds " + what + ": " + way_out});
}

}  // namespace

std::expected<torch::jit::Module, ExecutionError> build_described_model(Bytes file) {
  const auto archive = TorchArchive::open(file);
  if (!archive) {
    return std::unexpected(ExecutionError{ExecutionErrorCode::model_unreadable,
                                          "the model cannot be loaded: " + archive.error().message});
  }
  const auto root = archive->pickle().root();
  if (archive->tensor(root) != nullptr) return unsupported("a tensor, which is no model");
  if (archive->pickle()[root].kind == PickleKind::dict) {
    return unsupported("weights only (a state_dict), without the code that computes with them");
  }
  try {
    return ModelBuilder(*archive, file).build(DescribedObject(*archive, root));
  } catch (const NotDescribed& refusal) {
    return unsupported(refusal.reason);
  }
}

}  // namespace fedlog::ml
