#pragma once

#include <torch/script.h>

#include <cstdint>

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Where a forward pass in evaluation mode may leave something for the next one, whose caller may be another.
enum class KeptState : std::uint8_t {
  nowhere,
  in_attributes,  // a copy of the module has its own
  in_code,        // or where a copy would not have its own: the module can run once only
};

// What the code of `model` allows, whatever its input; in doubt, the worse. Operators are believed to write
// what their schemas say, but a result is believed to be new memory only for the operators known to make it:
// many schemas do not tell of results that share their inputs' memory.
[[nodiscard]] KeptState kept_state(const torch::jit::Module& model);

}  // namespace fedlog::ml
