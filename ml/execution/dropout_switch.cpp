#include "ml/execution/dropout_switch.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace fedlog::ml {
namespace {

constexpr auto classes = std::to_array<std::string_view>({
    "fedlog.Dropout",
    "torch.nn.modules.dropout.AlphaDropout",
    "torch.nn.modules.dropout.Dropout",
    "torch.nn.modules.dropout.Dropout1d",
    "torch.nn.modules.dropout.Dropout2d",
    "torch.nn.modules.dropout.Dropout3d",
    "torch.nn.modules.dropout.FeatureAlphaDropout",
    // In evaluation they take a fast path, past the dropout layers that they have.
    "torch.nn.modules.activation.MultiheadAttention",
    "torch.nn.modules.transformer.TransformerEncoder",
    "torch.nn.modules.transformer.TransformerEncoderLayer",
});

// "__torch__.torch.nn.modules.dropout.___torch_mangle_3.Dropout" is torch.nn.modules.dropout.Dropout: an
// archive numbers classes of one name.
std::string original_name(const c10::QualifiedName& name) {
  std::string result;
  for (const auto& atom : name.atoms()) {
    if (atom == "__torch__" || atom.starts_with("___torch_mangle_")) continue;
    result += (result.empty() ? "" : ".") + atom;
  }
  return result;
}

constexpr const char* slot = "training";

}  // namespace

bool is_switched_by_dropout(const c10::ClassType& type) {
  return type.name() && std::ranges::find(classes, original_name(*type.name())) != classes.end();
}

DropoutSwitchedOn::DropoutSwitchedOn(const torch::jit::Module& model) {
  for (auto layer : model.modules()) {
    if (!is_switched_by_dropout(*layer.type()) || !layer.hasattr(slot)) continue;
    const auto before = layer.attr(slot);
    if (!before.isBool()) continue;
    switched_.push_back({.layer = layer, .before = before.toBool()});
  }
  for (auto& [layer, before] : switched_) layer.setattr(slot, true);
}

DropoutSwitchedOn::~DropoutSwitchedOn() {
  for (auto& [layer, before] : switched_) layer.setattr(slot, before);
}

}  // namespace fedlog::ml
