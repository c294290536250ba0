// Transformer encoders, which take one input. Attention by itself takes three, so a model of it alone has no
// meaning here.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

constexpr const char* attention_class = "torch.nn.modules.activation.MultiheadAttention";
constexpr const char* list_class = "torch.nn.modules.container.ModuleList";
constexpr std::size_t layers_most = 256;

// A part of this class, with its own rules.
LayerBuilder part_of(const LayerBuilder& layer, const char* name, const char* class_name) {
  const auto part = layer.source().child(name);
  if (!part || part->class_name() != class_name) {
    layer.refuse("whose \"" + std::string(name) + "\" is no " + class_name);
  }
  return layer.part(*part, class_name);
}

torch::jit::Module self_attention(LayerBuilder layer) {
  layer.refuse_changed_behaviour();
  const auto heads = layer.read_integer("num_heads", 1);
  const auto width = layer.read_integer("embed_dim", 1);
  if (width % heads != 0) layer.refuse("whose \"embed_dim\" is no multiple of \"num_heads\"");
  if (!layer.read_flag("_qkv_same_embed_dim") || layer.read_flag("add_zero_attn") ||
      layer.source().parameter("bias_k") || layer.source().parameter("bias_v")) {
    layer.refuse("with kdim, vdim, add_bias_kv or add_zero_attn, which is not executed here");
  }
  layer.constant("num_heads", heads);
  layer.constant("head_size", width / heads);
  layer.flag("batch_first");
  layer.number("dropout");
  layer.parameter("in_proj_weight");
  layer.parameter("in_proj_bias", true);
  layer.described_child("out_proj",
                        {"torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
                         "torch.nn.modules.linear.Linear", "torch.nn.modules.linear._LinearWithBias"});
  layer.define(
      "def forward(self, x):\n"
      "    single = x.dim() == 2\n"
      "    y = x.unsqueeze(0) if single else x\n"
      "    assert y.dim() == 3, \"attention takes inputs of 2 or 3 dimensions\"\n"
      "    turned = not single and not self.batch_first\n"
      "    if turned:\n"
      "        y = y.transpose(0, 1)\n"
      "    shape = [y.size(0), y.size(1), 3, self.num_heads, self.head_size]\n"
      "    parts = torch.linear(y, self.in_proj_weight, self.in_proj_bias).reshape(shape).permute([2, 0, 3, "
      "1, 4])\n"
      "    query = parts[0] * (1.0 / (float(self.head_size) ** 0.5))\n"
      "    weights = torch.softmax(torch.matmul(query, parts[1].transpose(2, 3)), 3)\n"
      "    weights = torch.dropout(weights, self.dropout, self.training)\n"
      "    y = torch.matmul(weights, parts[2]).transpose(1, 2).flatten(2)\n"
      "    y = self.out_proj.forward(y)\n"
      "    if turned:\n"
      "        y = y.transpose(0, 1)\n"
      "    return y.squeeze(0) if single else y\n");
  return layer.module();
}

// The function between the two linear layers, applied to y.
std::string activation_of(LayerBuilder& layer) {
  if (layer.source().child("activation")) {
    layer.described_child("activation",
                          {"torch.nn.modules.activation.ReLU", "torch.nn.modules.activation.GELU",
                           "torch.nn.modules.activation.SiLU", "torch.nn.modules.activation.Mish"});
    return "self.activation.forward(y)";
  }
  const auto name = layer.source().global("activation");
  if (name == "torch.nn.functional.relu" || name == "torch.relu") return "torch.relu(y)";
  // PyTorch's gelu is a built-in function, which pickle names by the module that it is found in.
  if (name == "torch._C._nn.gelu" || name == "torch.nn.functional.gelu") return "torch.gelu(y)";
  layer.refuse("whose \"activation\" is not relu or gelu");
}

void encoder_layer(LayerBuilder& layer) {
  constexpr const char* linear = "torch.nn.modules.linear.Linear";
  constexpr const char* dropout = "torch.nn.modules.dropout.Dropout";
  constexpr const char* layer_norm = "torch.nn.modules.normalization.LayerNorm";
  layer.child("self_attn", self_attention(part_of(layer, "self_attn", attention_class)));
  for (const char* name : {"linear1", "linear2"}) layer.described_child(name, {linear});
  for (const char* name : {"norm1", "norm2"}) {
    layer.described_child(name, {layer_norm, "torch.nn.modules.normalization.RMSNorm"});
  }
  for (const char* name : {"dropout", "dropout1", "dropout2"}) layer.described_child(name, {dropout});
  const auto activation = activation_of(layer);
  const std::string feed_forward =
      "def feed_forward(self, x):\n"
      "    y = self.linear1.forward(x)\n"
      "    y = " +
      activation +
      "\n"
      "    return self.dropout2.forward(self.linear2.forward(self.dropout.forward(y)))\n";
  if (layer.read_flag("norm_first", false)) {
    layer.define(feed_forward +
                 "def forward(self, x):\n"
                 "    x = x + self.dropout1.forward(self.self_attn.forward(self.norm1.forward(x)))\n"
                 "    return x + self.feed_forward(self.norm2.forward(x))\n");
  } else {
    layer.define(feed_forward +
                 "def forward(self, x):\n"
                 "    x = self.norm1.forward(x + self.dropout1.forward(self.self_attn.forward(x)))\n"
                 "    return self.norm2.forward(x + self.feed_forward(x))\n");
  }
}

void encoder(LayerBuilder& layer) {
  auto list = part_of(layer, "layers", list_class);
  list.refuse_changed_behaviour();
  const auto parts = list.source().children();
  if (parts.size() > layers_most) layer.refuse("of too many layers");
  std::string chain = "    y = x\n";
  for (std::size_t index = 0; index < parts.size(); ++index) {
    const auto name = std::to_string(index);
    list.described_child(name.c_str(), parts[index],
                         {"torch.nn.modules.transformer.TransformerEncoderLayer"});
    chain += "    y = getattr(self.layers, \"" + name + "\").forward(y)\n";
  }
  layer.child("layers", list.module());
  if (layer.source().child("norm")) {
    layer.described_child(
        "norm", {"torch.nn.modules.normalization.LayerNorm", "torch.nn.modules.normalization.RMSNorm"});
    chain += "    y = self.norm.forward(y)\n";
  }
  layer.define("def forward(self, x):\n" + chain + "    return y\n");
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.transformer.TransformerEncoderLayer", encoder_layer},
    {"torch.nn.modules.transformer.TransformerEncoder", encoder},
});

}  // namespace

std::span<const LayerRule> transformer_rules() {
  return rules;
}

}  // namespace fedlog::ml
