#include "tests/ml/execution/script_models.h"

#include <torch/script.h>

namespace fedlog::ml::testing {
namespace {

torch::jit::Module module(const std::string& class_name) {
  torch::jit::Module result(c10::QualifiedName("__torch__." + class_name));
  result.register_attribute("training", c10::BoolType::get(), true);
  return result;
}

}  // namespace

void save_script_model(const std::filesystem::path& path, const std::string& code) {
  auto model = module("Model");
  model.register_parameter("weight", at::arange(1, 5, at::kFloat), false);
  model.define(code);
  model.save(path.string());
}

void save_dropout_model(const std::filesystem::path& path) {
  auto dropout = module("Dropout");
  dropout.define("def forward(self, x):\n    return torch.dropout(x, 0.5, self.training)\n");
  auto model = module("Model");
  model.register_module("dropout", dropout);
  model.define("def forward(self, x):\n    return self.dropout.forward(x)\n");
  model.save(path.string());
}

}  // namespace fedlog::ml::testing
