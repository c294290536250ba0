#pragma once

#include <string_view>

namespace fedlog::ml {

// What a pickle's reference to module.name may be used for. Nothing is ever imported or called here; these
// rules and those of pickle_calls.h keep files out of the system that would call a function of their choice
// in a client that loads them with torch.load. Of an eager module they cannot promise more: loading it makes
// objects of the classes that it names, and running it runs them.
enum class GlobalUse {
  forbidden,  // Python's own library: open, os.system, getattr
  name_only,  // a class of a module tree, a data type, a function held as an attribute
  callable,   // a constructor that PyTorch's own pickles call: _rebuild_tensor_v2, OrderedDict; with what, is
              // pickle_calls.h's rule
};

[[nodiscard]] GlobalUse global_use(std::string_view module, std::string_view name);

}  // namespace fedlog::ml
