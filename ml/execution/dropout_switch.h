#pragma once

#include <torch/script.h>

#include <vector>

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Whether MC_DROPOUT switches modules of this class on: PyTorch's dropout layers, this project's own, and
// those of PyTorch's that apply dropout themselves, by their own `training`.
[[nodiscard]] bool is_switched_by_dropout(const c10::ClassType& type);

// These modules draw while this lives, and no others: neither their submodules nor a network that bears a
// layer's name. In the end each is as it was.
class DropoutSwitchedOn {
 public:
  explicit DropoutSwitchedOn(const torch::jit::Module& model);
  ~DropoutSwitchedOn();
  DropoutSwitchedOn(const DropoutSwitchedOn&) = delete;
  DropoutSwitchedOn& operator=(const DropoutSwitchedOn&) = delete;

 private:
  struct Switched {
    torch::jit::Module layer;
    bool before = false;
  };
  std::vector<Switched> switched_;
};

}  // namespace fedlog::ml
