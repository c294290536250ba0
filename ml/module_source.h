#pragma once

#include <string>
#include <vector>

namespace fedlog::ml {

// A module of a ModuleSource: `path` is its place under the root ("layers.conv1"; empty: the root itself),
// `methods` its TorchScript, `class_name` what its class is called.
struct SourceModule {
  std::string path;
  std::string class_name;
  std::string methods;
};

// A TorchScript module as text, for a model worker to compile and save. A module stands after those that its
// methods call, so the root comes last. Every module has a `training` flag. `parameters` names the weights
// ("layers.conv1.weight"); their values travel as tensors, one for one.
struct ModuleSource {
  std::vector<SourceModule> modules = {};
  std::vector<std::string> parameters = {};
};

}  // namespace fedlog::ml
