#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/torch_archive.h"

namespace fedlog::ml {

// A class in a TorchScript archive's code, as far as its declaration tells about tensors.
struct ScriptClass {
  bool is_module = false;
  std::vector<std::string> parameters;
  std::vector<std::string> buffers;
};

// By full name: "__torch__.torch.nn.modules.linear.Linear".
using ScriptClasses = std::unordered_map<std::string, ScriptClass>;

// Reads the class declarations under code/ (PyTorch's python_print.cpp writes them). The code is not
// compiled; but it is refused if it defines __setstate__, which runs while a module is loaded, or names an
// operator that touches files. That is a courtesy to other readers of the file: only the sandbox makes
// running it safe.
[[nodiscard]] std::expected<ScriptClasses, FileError> read_script_classes(const TorchArchive& archive,
                                                                          const FileLimits& limits);

}  // namespace fedlog::ml
