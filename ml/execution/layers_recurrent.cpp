// Recurrent layers. They start from zeros, and return their states beside their output, as PyTorch's do.
// Their dropout is off in evaluation mode, and MC_DROPOUT switches on only layers that are dropout and
// nothing else.

#include <array>
#include <string>

#include "ml/execution/layer_rules.h"

namespace fedlog::ml {
namespace {

constexpr std::int64_t layers_most = 64;

// Takes the weights of all layers and directions, in PyTorch's order. Gives them as a list in TorchScript.
std::string read_weights(LayerBuilder& layer, std::int64_t layers, bool bidirectional, bool bias,
                         bool projected) {
  std::string list;
  for (std::int64_t index = 0; index < layers; ++index) {
    for (const bool reverse : {false, true}) {
      if (reverse && !bidirectional) continue;
      const auto suffix = "_l" + std::to_string(index) + (reverse ? "_reverse" : "");
      const auto take = [&](const char* kind) {
        const auto name = kind + suffix;
        layer.parameter(name.c_str());
        list += (list.empty() ? "self." : ", self.") + name;
      };
      take("weight_ih");
      take("weight_hh");
      if (bias) take("bias_ih");
      if (bias) take("bias_hh");
      if (projected) take("weight_hr");
    }
  }
  return "[" + list + "]";
}

void recurrent(LayerBuilder& layer, const std::string& cell) {
  const bool lstm = cell == "lstm";
  const auto layers = layer.read_integer("num_layers", 1);
  if (layers > layers_most) layer.refuse("of more than " + std::to_string(layers_most) + " layers");
  const auto hidden = layer.read_integer("hidden_size", 1);
  const auto projection = layer.source().has("proj_size") ? layer.read_integer("proj_size", 0) : 0;
  if (projection > 0 && !lstm) layer.refuse("with a \"proj_size\"");
  const bool bidirectional = layer.read_flag("bidirectional");
  const bool bias = layer.read_flag("bias");
  const bool batch_first = layer.read_flag("batch_first");
  const auto weights = read_weights(layer, layers, bidirectional, bias, projection > 0);

  const auto flag = [](bool value) { return std::string(value ? "True" : "False"); };
  layer.constant("num_layers", layers);
  layer.constant("states", layers * (bidirectional ? 2 : 1));
  layer.constant("batch_dimension", std::int64_t{batch_first ? 0 : 1});
  layer.constant("state_size", projection > 0 ? projection : hidden);
  layer.constant("cell_size", hidden);
  const auto options = ", " + weights + ", " + flag(bias) + ", self.num_layers, 0.0, False, " +
                       flag(bidirectional) + ", " + flag(batch_first) + ")\n";
  const std::string zeros = "torch.zeros([self.states, x.size(self.batch_dimension), ";
  std::string code =
      "def forward(self, x):\n"
      "    single = x.dim() == 2\n"
      "    if single:\n"
      "        x = x.unsqueeze(self.batch_dimension)\n"
      "    assert x.dim() == 3, \"a recurrent layer takes inputs of 2 or 3 dimensions\"\n"
      "    h = " +
      zeros + "self.state_size], dtype=x.dtype)\n";
  if (lstm) {
    code += "    c = " + zeros + "self.cell_size], dtype=x.dtype)\n" + "    y, h, c = torch.lstm(x, [h, c]" +
            options;
  } else {
    code += "    y, h = torch." + cell + "(x, h" + options;
  }
  code +=
      "    if single:\n"
      "        y = y.squeeze(self.batch_dimension)\n"
      "        h = h.squeeze(1)\n";
  if (lstm) code += "        c = c.squeeze(1)\n";
  layer.define(code + (lstm ? "    return y, (h, c)\n" : "    return y, h\n"));
}

void lstm(LayerBuilder& layer) {
  recurrent(layer, "lstm");
}

void gru(LayerBuilder& layer) {
  recurrent(layer, "gru");
}

void rnn(LayerBuilder& layer) {
  const std::string mode = layer.read_choice("mode", {"RNN_TANH", "RNN_RELU"});
  recurrent(layer, mode == "RNN_TANH" ? "rnn_tanh" : "rnn_relu");
}

constexpr auto rules = std::to_array<LayerRule>({
    {"torch.nn.modules.rnn.LSTM", lstm},
    {"torch.nn.modules.rnn.GRU", gru},
    {"torch.nn.modules.rnn.RNN", rnn},
});

}  // namespace

std::span<const LayerRule> recurrent_rules() {
  return rules;
}

}  // namespace fedlog::ml
