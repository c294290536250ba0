// Activations.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

// One with numbers, which the expression names.
template <std::size_t count>
void with_numbers(LayerBuilder& layer, const std::array<const char*, count>& names, const char* expression) {
  for (const char* name : names) layer.number(name);
  layer.forward(expression);
}

void elu(LayerBuilder& layer) {
  with_numbers<1>(layer, {"alpha"}, "torch.elu(x, self.alpha)");
}
void celu(LayerBuilder& layer) {
  with_numbers<1>(layer, {"alpha"}, "torch.celu(x, self.alpha)");
}
void leaky_relu(LayerBuilder& layer) {
  with_numbers<1>(layer, {"negative_slope"}, "torch.leaky_relu(x, self.negative_slope)");
}
void softplus(LayerBuilder& layer) {
  with_numbers<2>(layer, {"beta", "threshold"}, "torch.softplus(x, self.beta, self.threshold)");
}
void hardtanh(LayerBuilder& layer) {
  with_numbers<2>(layer, {"min_val", "max_val"}, "torch.hardtanh(x, self.min_val, self.max_val)");
}
void hardshrink(LayerBuilder& layer) {
  with_numbers<1>(layer, {"lambd"}, "torch.hardshrink(x, self.lambd)");
}
void softshrink(LayerBuilder& layer) {
  with_numbers<1>(layer, {"lambd"}, "torch.softshrink(x, self.lambd)");
}
void threshold(LayerBuilder& layer) {
  with_numbers<2>(layer, {"threshold", "value"}, "torch.threshold(x, self.threshold, self.value)");
}

// In evaluation mode its slope is the middle of its range.
void rrelu(LayerBuilder& layer) {
  layer.constant("slope", (layer.read_number("lower") + layer.read_number("upper")) / 2);
  layer.forward("torch.leaky_relu(x, self.slope)");
}

void gelu(LayerBuilder& layer) {
  layer.constant("approximate", layer.read_choice("approximate", {"none", "tanh"}, "none"));
  layer.forward("torch.gelu(x, approximate=self.approximate)");
}

void prelu(LayerBuilder& layer) {
  layer.parameter("weight");
  layer.forward("torch.prelu(x, self.weight)");
}

constexpr std::int64_t first_dimension = -64;

void glu(LayerBuilder& layer) {
  layer.integer("dim", first_dimension);
  layer.forward("torch.glu(x, self.dim)");
}

// Without a dimension PyTorch takes one by the input's rank.
void softmax(LayerBuilder& layer, const std::string& function, const std::string& input) {
  if (layer.source().is_empty("dim")) {
    layer.define(
        "def forward(self, x):\n"
        "    dim = 0 if x.dim() == 0 or x.dim() == 1 or x.dim() == 3 else 1\n"
        "    return torch." +
        function + "(" + input + ", dim)\n");
  } else {
    layer.integer("dim", first_dimension);
    layer.forward("torch." + function + "(" + input + ", self.dim)");
  }
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.activation.ReLU", nullptr, "torch.relu(x)"},
    {"torch.nn.modules.activation.ReLU6", nullptr, "torch.hardtanh(x, 0.0, 6.0)"},
    {"torch.nn.modules.activation.SELU", nullptr, "torch.selu(x)"},
    {"torch.nn.modules.activation.SiLU", nullptr, "torch.silu(x)"},
    {"torch.nn.modules.activation.Mish", nullptr, "torch.mish(x)"},
    {"torch.nn.modules.activation.Sigmoid", nullptr, "torch.sigmoid(x)"},
    {"torch.nn.modules.activation.Tanh", nullptr, "torch.tanh(x)"},
    {"torch.nn.modules.activation.Softsign", nullptr, "x / (1 + torch.abs(x))"},
    {"torch.nn.modules.activation.Hardswish", nullptr, "torch.hardswish(x)"},
    {"torch.nn.modules.activation.Hardsigmoid", nullptr, "torch.hardsigmoid(x)"},
    {"torch.nn.modules.activation.Tanhshrink", nullptr, "x - torch.tanh(x)"},
    {"torch.nn.modules.activation.LogSigmoid", nullptr, "torch.log_sigmoid(x)"},
    {"torch.nn.modules.activation.Softmax2d", nullptr, "torch.softmax(x, -3)"},
    {"torch.nn.modules.activation.ELU", elu},
    {"torch.nn.modules.activation.CELU", celu},
    {"torch.nn.modules.activation.LeakyReLU", leaky_relu},
    {"torch.nn.modules.activation.RReLU", rrelu},
    {"torch.nn.modules.activation.Softplus", softplus},
    {"torch.nn.modules.activation.Hardtanh", hardtanh},
    {"torch.nn.modules.activation.Hardshrink", hardshrink},
    {"torch.nn.modules.activation.Softshrink", softshrink},
    {"torch.nn.modules.activation.Threshold", threshold},
    {"torch.nn.modules.activation.GELU", gelu},
    {"torch.nn.modules.activation.PReLU", prelu},
    {"torch.nn.modules.activation.GLU", glu},
    {"torch.nn.modules.activation.Softmax", [](LayerBuilder& layer) { softmax(layer, "softmax", "x"); }},
    {"torch.nn.modules.activation.Softmin", [](LayerBuilder& layer) { softmax(layer, "softmax", "-x"); }},
    {"torch.nn.modules.activation.LogSoftmax",
     [](LayerBuilder& layer) { softmax(layer, "log_softmax", "x"); }},
});

}  // namespace

std::span<const LayerRule> activation_rules() {
  return rules;
}

}  // namespace fedlog::ml
