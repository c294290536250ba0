#pragma once

#include <string_view>

namespace fedlog::ml {

// What a pickle's reference to module.name may be used for. Nothing is ever imported or called here; the
// rules keep files that would harm another reader (a client that calls torch.load on the result) out of the
// system.
enum class GlobalUse {
  forbidden,  // Python's own library: open, os.system, getattr
  name_only,  // a class of a module tree, a data type, a function held as an attribute
  callable,   // a constructor that PyTorch's own pickles call: _rebuild_tensor_v2, OrderedDict
};

[[nodiscard]] GlobalUse global_use(std::string_view module, std::string_view name);

}  // namespace fedlog::ml
