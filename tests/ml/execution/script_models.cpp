#include "tests/ml/execution/script_models.h"

#include <torch/script.h>

namespace fedlog::ml::testing {
namespace {

torch::jit::Module module(const std::string& class_name) {
  torch::jit::Module result(c10::QualifiedName("__torch__." + class_name));
  result.register_attribute("training", c10::BoolType::get(), true);
  result.register_parameter("weight", at::arange(1, 5, at::kFloat), false);
  return result;
}

}  // namespace

void save_script_model(const std::filesystem::path& path, const std::string& code,
                       const std::vector<ScriptLayer>& layers, const std::string& class_name) {
  auto model = module(class_name);
  for (const auto& layer : layers) {
    auto part = module(layer.class_name);
    part.define(layer.code);
    model.register_module(layer.name, part);
  }
  model.define(code);
  model.save(path.string());
}

void save_dropout_model(const std::filesystem::path& path) {
  save_script_model(path, "def forward(self, x):\n    return self.dropout.forward(x)\n",
                    {{"dropout", "torch.nn.modules.dropout.Dropout",
                      "def forward(self, x):\n    return torch.dropout(x, 0.5, self.training)\n"}});
}

void save_large_model(const std::filesystem::path& path, std::int64_t size_mib) {
  auto model = module("Large");
  // Half-precision models are run in single precision: there each number has a place of its own.
  const std::int64_t numbers = size_mib * 1024 * 1024 / 4;
  model.register_parameter("large", at::zeros({1}, at::kHalf).expand({numbers}), false);
  model.define("def forward(self, x):\n    return x + self.large[0]\n");
  model.save(path.string());
}

}  // namespace fedlog::ml::testing
