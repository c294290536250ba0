#include "ml/execution/module_compiler.h"

#include <c10/core/InferenceMode.h>

#include <cstring>
#include <sstream>
#include <utility>

#include "ml/execution/failure_message.h"
#include "ml/execution/tensor_conversion.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(std::string message) {
  return std::unexpected(ExecutionError{ExecutionErrorCode::bad_request, std::move(message)});
}

// "layers.conv1.weight": its module's path, and its own name.
std::pair<std::string, std::string> split(const std::string& path) {
  const auto dot = path.rfind('.');
  if (dot == std::string::npos) return {"", path};
  return {path.substr(0, dot), path.substr(dot + 1)};
}

class Compiler {
 public:
  Compiler(const ModuleSource& source, const std::vector<Tensor>& values)
      : source_(source), values_(values) {}

  void add(const SourceModule& part) {
    torch::jit::Module module(c10::QualifiedName("__torch__." + part.class_name));
    module.register_attribute("training", c10::BoolType::get(), true);
    for (std::size_t index = 0; index < values_.size(); ++index) {
      const auto [owner, name] = split(source_.parameters[index]);
      if (owner != part.path) continue;
      module.register_parameter(name, to_torch(values_[index]).set_requires_grad(true), false);
      ++parameters_used_;
    }
    std::erase_if(waiting_, [&](const auto& child) {
      const auto [owner, name] = split(child.first);
      if (owner != part.path) return false;
      module.register_module(name, child.second);
      return true;
    });
    module.define(part.methods);
    waiting_.emplace_back(part.path, std::move(module));
  }

  // The root, once all parts are added and each has its place.
  [[nodiscard]] const torch::jit::Module* root() const {
    const bool complete = waiting_.size() == 1 && waiting_.front().first.empty();
    return complete && parameters_used_ == values_.size() ? &waiting_.front().second : nullptr;
  }

 private:
  const ModuleSource& source_;
  const std::vector<Tensor>& values_;
  std::vector<std::pair<std::string, torch::jit::Module>> waiting_;  // for their parents, with their paths
  std::size_t parameters_used_ = 0;
};

}  // namespace

Outputs compile_module(const ModuleSource& source, const std::vector<Tensor>& parameters) {
  if (parameters.size() != source.parameters.size()) {
    return refuse("the source does not bring a tensor for each of its parameters");
  }
  // Tensors of inference mode could not be trained by whoever loads the module.
  const c10::InferenceMode off(false);
  try {
    Compiler compiler(source, parameters);
    for (const auto& part : source.modules) compiler.add(part);
    if (compiler.root() == nullptr) {
      return refuse("the source has no root at its end, or modules or parameters that belong to none");
    }
    std::ostringstream archive;
    compiler.root()->save(archive);
    const auto bytes = archive.str();
    const auto tensor = at::empty({static_cast<std::int64_t>(bytes.size())}, at::kByte);
    std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    return std::vector<at::Tensor>{tensor};
  } catch (const std::exception& failure) {
    return refuse("the source does not compile: " + failure_message(failure));
  }
}

}  // namespace fedlog::ml
