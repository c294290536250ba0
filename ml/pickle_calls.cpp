#include "ml/pickle_calls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <tuple>

namespace fedlog::ml {
namespace {

// What a function may be called with.
enum class CallRule {
  text,            // strings and bytes; protocol 2 makes bytes by a call
  data,            // data
  container,       // data; elements may be added to it
  defaulting,      // likewise, but the first argument may be a type of Python's own
  deferred,        // one function, which is not called; its arguments are the state
  array,           // whatever is no object; has a state
  tensor,          // whatever is no object
  tensor_state,    // likewise, but the fourth argument, the tensor's attributes, is data
  typed_tensor,    // a function of the rule `tensor`, the class Tensor, the function's arguments, attributes
  type_annotated,  // anything: gives back what it is given
};

struct Callable {
  std::string_view module;
  std::string_view name;
  CallRule rule;
};

constexpr auto full_name = [](const Callable& callable) { return std::pair(callable.module, callable.name); };

// Sorted. What is called in the files that PyTorch 1.6 to 2.11 writes; some are read only to be refused by
// name.
constexpr auto callables = std::to_array<Callable>({
    {"__builtin__", "bytearray", CallRule::text},
    {"__builtin__", "bytes", CallRule::text},
    {"__builtin__", "complex", CallRule::data},
    {"__builtin__", "frozenset", CallRule::data},
    {"__builtin__", "range", CallRule::data},
    {"__builtin__", "set", CallRule::data},
    {"__builtin__", "slice", CallRule::data},
    {"__builtin__", "xrange", CallRule::data},
    {"_codecs", "encode", CallRule::text},
    {"builtins", "bytearray", CallRule::text},
    {"builtins", "bytes", CallRule::text},
    {"builtins", "complex", CallRule::data},
    {"builtins", "frozenset", CallRule::data},
    {"builtins", "range", CallRule::data},
    {"builtins", "set", CallRule::data},
    {"builtins", "slice", CallRule::data},
    {"collections", "Counter", CallRule::container},
    {"collections", "OrderedDict", CallRule::container},
    {"collections", "defaultdict", CallRule::defaulting},
    {"collections", "deque", CallRule::container},
    {"functools", "partial", CallRule::deferred},
    {"numpy", "dtype", CallRule::array},
    {"numpy", "ndarray", CallRule::array},
    {"numpy._core.multiarray", "_reconstruct", CallRule::array},
    {"numpy._core.multiarray", "scalar", CallRule::array},
    {"numpy.core.multiarray", "_reconstruct", CallRule::array},
    {"numpy.core.multiarray", "scalar", CallRule::array},
    {"torch", "Size", CallRule::data},
    {"torch", "device", CallRule::data},
    {"torch._tensor", "_rebuild_from_type_v2", CallRule::typed_tensor},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", CallRule::tensor},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", CallRule::tensor},
    {"torch._utils", "_rebuild_nested_tensor", CallRule::tensor},
    {"torch._utils", "_rebuild_parameter", CallRule::tensor},
    {"torch._utils", "_rebuild_parameter_with_state", CallRule::tensor_state},
    {"torch._utils", "_rebuild_qtensor", CallRule::tensor},
    {"torch._utils", "_rebuild_sparse_csr_tensor", CallRule::tensor},
    {"torch._utils", "_rebuild_sparse_tensor", CallRule::tensor},
    {"torch._utils", "_rebuild_tensor", CallRule::tensor},
    {"torch._utils", "_rebuild_tensor_v2", CallRule::tensor},
    {"torch._utils", "_rebuild_tensor_v3", CallRule::tensor},
    {"torch.jit._pickle", "build_boollist", CallRule::type_annotated},
    {"torch.jit._pickle", "build_doublelist", CallRule::type_annotated},
    {"torch.jit._pickle", "build_intlist", CallRule::type_annotated},
    {"torch.jit._pickle", "build_tensor_from_id", CallRule::type_annotated},
    {"torch.jit._pickle", "build_tensorlist", CallRule::type_annotated},
    {"torch.jit._pickle", "restore_type_tag", CallRule::type_annotated},
    {"torch.serialization", "_get_layout", CallRule::data},
    {"torchvision.transforms.functional", "InterpolationMode", CallRule::data},
});
static_assert(std::ranges::is_sorted(callables, {}, full_name));

std::optional<CallRule> rule_of(std::string_view module, std::string_view name) {
  const auto* found = std::ranges::lower_bound(callables, std::pair(module, name), {}, full_name);
  return found != callables.end() && full_name(*found) == std::pair(module, name) ? std::optional(found->rule)
                                                                                  : std::nullopt;
}

std::optional<CallRule> rule_of(const PickleValue& global) {
  // A global's integer is the length of its module.
  const auto module_size = static_cast<std::size_t>(global.integer);
  return rule_of(global.text.substr(0, module_size), global.text.substr(module_size + 1));
}

class Judge {
 public:
  Judge(const PickleTree& tree, PickleRef ref, std::span<const Content> known)
      : tree_(tree), ref_(ref), known_(known) {}

  std::expected<Content, FileError> value() const {
    switch (tree_[ref_].kind) {
      case PickleKind::tuple:
      case PickleKind::list:
        return most_of(tree_.children(ref_));
      case PickleKind::set:
        if (most_of(tree_.children(ref_)) == Content::objects) {
          return forbidden("puts an object into a set");
        }
        return most_of(tree_.children(ref_));
      case PickleKind::dict:
        // An OrderedDict's attributes would take the place of its methods.
        if (most_of(state()) != Content::data) {
          return forbidden("gives a dict attributes that are more than plain data");
        }
        return most_of(tree_.children(ref_));
      case PickleKind::persistent:
        return Content::tensors;
      case PickleKind::global:
        return Content::names;
      case PickleKind::object:
        if (known_[tree_.children(ref_)[1]] > Content::tensors) {
          return forbidden("makes an object of " + printable(tree_.callee(ref_)) +
                           " out of more than data and tensors");
        }
        return Content::objects;
      case PickleKind::call:
        return call();
      default:
        return Content::data;
    }
  }

 private:
  std::expected<Content, FileError> call() const {
    const auto children = tree_.children(ref_);
    const PickleValue& function = tree_[children[0]];
    const auto rule = rule_of(function);
    if (!rule) {
      return known_[children[1]];  // a member of an enum of TorchScript's
    }
    if (!fits(*rule, tree_.children(children[1]), known_[children[1]])) {
      return forbidden("calls " + printable(function.text) + " with arguments that no weights need");
    }
    const auto added = children.subspan(2);
    const bool takes_elements = *rule == CallRule::container || *rule == CallRule::defaulting;
    const bool takes_state = *rule == CallRule::deferred || *rule == CallRule::array;
    if ((!added.empty() && !takes_elements) || (!state().empty() && !takes_state)) {
      return file_error(FileErrorCode::malformed, "The pickle changes the result of " +
                                                      printable(function.text) + " after it has called it.");
    }
    switch (*rule) {
      case CallRule::text:
      case CallRule::data:
        return Content::data;
      case CallRule::container:
      case CallRule::defaulting:
        return most_of(added);
      case CallRule::deferred:
        return std::max(Content::names, most_of(state()));
      case CallRule::array:
        return std::max(Content::tensors, most_of(state()));
      case CallRule::tensor:
      case CallRule::tensor_state:
      case CallRule::typed_tensor:
        return Content::tensors;
      case CallRule::type_annotated:
        return known_[children[1]];
    }
    return Content::objects;
  }

  bool fits(CallRule rule, std::span<const PickleRef> arguments, Content most) const {
    const auto is = [&](std::size_t index, PickleKind kind) { return tree_[arguments[index]].kind == kind; };
    switch (rule) {
      case CallRule::text:
        // One tuple of arguments may serve any number of calls.
        return arguments.size() <= 2 && std::ranges::all_of(arguments, [&](PickleRef argument) {
                 return tree_[argument].kind == PickleKind::string ||
                        tree_[argument].kind == PickleKind::bytes ||
                        (tree_[argument].kind == PickleKind::call &&
                         tree_.callee(argument) == "_codecs.encode");
               });
      case CallRule::data:
      case CallRule::container:
        return most == Content::data;
      case CallRule::defaulting:
        return arguments.empty() ||
               (arguments.size() <= 2 && (is(0, PickleKind::none) || names_a_type(arguments[0])) &&
                most_of(arguments.subspan(1)) == Content::data);
      case CallRule::deferred:
        return arguments.size() == 1 && is(0, PickleKind::global);
      case CallRule::array:
      case CallRule::tensor:
        return most <= Content::names;
      case CallRule::tensor_state:
        return most <= Content::names && arguments.size() == 4 && known_[arguments[3]] == Content::data;
      case CallRule::typed_tensor:
        return most <= Content::names && arguments.size() == 4 && is(0, PickleKind::global) &&
               rule_of(tree_[arguments[0]]) == CallRule::tensor && is(1, PickleKind::global) &&
               tree_[arguments[1]].text == "torch.Tensor" && is(2, PickleKind::tuple) &&
               known_[arguments[3]] == Content::data;
      case CallRule::type_annotated:
        return true;
    }
    return false;
  }

  bool names_a_type(PickleRef ref) const {
    const std::string_view text = tree_[ref].text;
    return tree_[ref].kind == PickleKind::global &&
           (text.starts_with("builtins.") || text.starts_with("__builtin__.") ||
            text.starts_with("collections."));
  }

  std::span<const PickleRef> state() const {
    const PickleRef& state = tree_[ref_].state;
    return {&state, state == no_value ? std::size_t{0} : 1};
  }

  Content most_of(std::span<const PickleRef> refs) const {
    Content most = Content::data;
    for (const PickleRef ref : refs) most = std::max(most, known_[ref]);
    return most;
  }

  static std::unexpected<FileError> forbidden(const std::string& what) {
    return file_error(FileErrorCode::forbidden, "The pickle " + what +
                                                    ", which could run code where it is loaded. Save a "
                                                    "state_dict or a TorchScript module instead.");
  }

  const PickleTree& tree_;
  PickleRef ref_;
  std::span<const Content> known_;
};

}  // namespace

bool may_call(std::string_view module, std::string_view name) {
  return rule_of(module, name).has_value();
}

std::expected<Content, FileError> content_of(const PickleTree& tree, PickleRef ref,
                                             std::span<const Content> known) {
  return Judge(tree, ref, known).value();
}

}  // namespace fedlog::ml
