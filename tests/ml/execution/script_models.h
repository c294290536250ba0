#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// TorchScript models made on the spot, behind a header without torch.
namespace fedlog::ml::testing {

struct ScriptLayer {
  std::string name;
  std::string class_name;
  std::string code;
};

// Saves a module with the methods that `code` defines. It has `weight`, four floats 1, 2, 3, 4, and
// `training`, and so has each of its layers.
void save_script_model(const std::filesystem::path& path, const std::string& code,
                       const std::vector<ScriptLayer>& layers = {}, const std::string& class_name = "Model");

// Saves one with a layer called Dropout (p = 0.5), which its forward applies.
void save_dropout_model(const std::filesystem::path& path);

// Saves one of `size_mib` in memory, which its file has only one number of.
void save_large_model(const std::filesystem::path& path, std::int64_t size_mib);

}  // namespace fedlog::ml::testing
