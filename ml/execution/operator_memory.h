#pragma once

#include <string_view>

// What operators do with memory, beyond what their schemas tell.
namespace fedlog::ml {

// Whether a tensor that the operator returns is never one that it got, nor shares memory with one.
[[nodiscard]] bool makes_new_memory(std::string_view name);

struct UnannouncedWrites {
  bool possible = false;
  const char* switched_by = nullptr;  // the argument that has to be true for it, if there is one
  bool running_statistics = false;    // only the arguments running_mean and running_var
};
// Whether it may write inputs of which its schema does not say so.
[[nodiscard]] UnannouncedWrites unannounced_writes(std::string_view name);

// Whether the tensor that it writes shares another's memory afterwards.
[[nodiscard]] bool takes_memory_over(std::string_view name);

}  // namespace fedlog::ml
