#pragma once

#include <expected>
#include <vector>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/torch_archive.h"

namespace fedlog::ml {

enum class FileKind { torchscript, eager_module, state_dict, tensor, safetensors };

struct NamedTensors {
  FileKind kind;
  // "torch.nn.modules.linear.Linear"; empty for what is no module.
  std::string root_class;
  std::vector<TensorRecord> tensors;
};

// Finds out what an archive holds and names its tensors as the state_dict of PyTorch would: of each module
// first its parameters, then its persistent buffers, then those of its children, under "child.". A weight
// that two modules share comes under both names. In TorchScript buffers are persistent all.
[[nodiscard]] std::expected<NamedTensors, FileError> read_named_tensors(const TorchArchive& archive,
                                                                        const FileLimits& limits);

}  // namespace fedlog::ml
