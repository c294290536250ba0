#include "ml/execution/kept_state.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ml/execution/dropout_switch.h"
#include "ml/execution/operator_memory.h"

namespace fedlog::ml {
namespace {

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;
namespace prim = torch::jit::prim;

constexpr int depth_most = 8;

bool holds_references(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::ComplexType:
    case c10::TypeKind::NumberType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::NoneType:
    case c10::TypeKind::DeviceObjType:
    case c10::TypeKind::FunctionType:
      return false;
    default:
      return true;
  }
}

// A value that holds references to no tensor: at most lists of numbers.
bool holds_no_tensor(const c10::Type& type) {
  if (!holds_references(type)) return true;
  switch (type.kind()) {
    case c10::TypeKind::ListType:
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::TupleType:
      return std::ranges::all_of(type.containedTypes(),
                                 [](const auto& contained) { return holds_no_tensor(*contained); });
    default:
      return false;
  }
}

bool is_tensor(const c10::Type& type) {
  return type.kind() == c10::TypeKind::TensorType;
}

constexpr const char* mode = "training";

// NOLINTNEXTLINE(misc-no-recursion): as deep as the code is nested
bool sets_mode(const torch::jit::Block& block) {
  return std::ranges::any_of(block.nodes(), [](const Node* node) {
    if (node->kind() == prim::SetAttr && node->s(torch::jit::attr::name) == mode) return true;
    return std::ranges::any_of(node->blocks(), [](const auto* inner) { return sets_mode(*inner); });
  });
}

// Whether it reads the mode of a module that nothing ever takes out of evaluation.
bool reads_evaluation_mode(const Node& node) {
  if (node.kind() != prim::GetAttr || node.s(torch::jit::attr::name) != mode) return false;
  const auto module = node.input()->type()->cast<c10::ClassType>();
  return module && module->is_module() && !is_switched_by_dropout(*module) &&
         node.output()->type()->kind() == c10::TypeKind::BoolType;
}

// What a condition comes to in evaluation mode, where that is certain: BatchNorm, for one, counts in training
// only.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the code is nested
std::optional<bool> certain(const Value* value) {
  const Node& node = *value->node();
  if (node.kind() == prim::Constant) {
    const auto constant = torch::jit::constant_as<bool>(value);
    return constant ? std::optional(*constant) : std::nullopt;
  }
  if (reads_evaluation_mode(node)) return false;
  if (node.kind() == torch::jit::aten::__not__) {
    const auto opposite = certain(node.input());
    return opposite ? std::optional(!*opposite) : std::nullopt;
  }
  if (node.kind() != prim::If) return std::nullopt;
  const auto condition = certain(node.input());
  if (!condition) return std::nullopt;
  return certain(node.blocks()[*condition ? 0 : 1]->outputs()[value->offset()]);
}

// Follows what comes from the module's attributes, or out of its code, to where it is written. The order of
// the nodes does not matter; it goes over them until nothing new comes out.
class Flow {
 public:
  explicit Flow(const Graph& graph, int depth = 0) : graph_(graph), depth_(depth) {}

  void comes_from(const Value* value, KeptState origin) {
    if (!holds_references(*value->type())) return;
    auto& known = origins_[value];
    if (origin > known) {
      known = origin;
      changed_ = true;
    }
  }
  KeptState follow() {
    do {
      changed_ = false;
      follow(*graph_.block());
    } while (changed_ && written_ != KeptState::in_code);
    return written_;
  }
  // What containers and objects may hold by now, besides what they were made of.
  [[nodiscard]] KeptState contained() const { return contained_; }

 private:
  [[nodiscard]] KeptState origin(const Value* value) const {
    const auto found = origins_.find(value);
    return found == origins_.end() ? KeptState::nowhere : found->second;
  }
  // Of all inputs.
  [[nodiscard]] KeptState origin(const Node& node) const {
    auto result = KeptState::nowhere;
    for (const Value* input : node.inputs()) result = std::max(result, origin(input));
    return result;
  }
  void raise(KeptState& state, KeptState by) {
    if (by <= state) return;
    state = by;
    changed_ = true;
  }
  void all_come_from(const Node& node, KeptState state) {
    for (const Value* output : node.outputs()) comes_from(output, state);
  }

  // NOLINTNEXTLINE(misc-no-recursion): as deep as the code is nested
  void follow(const torch::jit::Block& block) {
    for (const Node* node : block.nodes()) follow(*node);
  }

  void follow(const Node& node) {
    switch (node.kind()) {
      case prim::Constant:
        return all_come_from(node, KeptState::in_code);
      case prim::GetAttr:
        return all_come_from(node, std::max(KeptState::in_attributes, contained_));
      case prim::SetAttr:
        raise(written_, origin(node.input(0)));
        return raise(contained_, origin(node.input(1)));
      case prim::If:
        for (const auto* block : node.blocks()) {
          const auto condition = certain(node.input());
          if (condition && node.blocks()[*condition ? 0 : 1] != block) continue;
          follow(*block);
          hand_over(block->outputs(), node.outputs());
        }
        return;
      case prim::Loop: {
        const auto& body = *node.blocks().front();
        follow(body);
        const auto carried = node.inputs().slice(2);
        for (const auto& given : {carried, body.outputs().slice(1)}) {
          hand_over(given, body.inputs().slice(1));
          hand_over(given, node.outputs());
        }
        return;
      }
      case prim::Enter:
        return follow_method(node, "__enter__");
      case prim::Exit:
        return follow_method(node, "__exit__");
      default:
        break;
    }
    // A call of an interface's method, a task, a Python function: whatever it does cannot be seen here.
    if (!node.blocks().empty() || node.hasAttribute(torch::jit::attr::Subgraph) || calls(node.kind())) {
      return raise(written_, KeptState::in_code);
    }
    if (const auto* schema = node.maybeSchema()) return follow_operator(node, *schema);
    // Those without one make, take apart and look at tuples, lists and dictionaries.
    all_come_from(node, std::max(origin(node), takes_apart(node) ? contained_ : KeptState::nowhere));
  }

  static bool calls(torch::jit::NodeKind kind) {
    return kind == prim::CallMethod || kind == prim::CallFunction || kind == prim::PythonOp;
  }
  static bool takes_apart(const Node& node) {
    return std::ranges::any_of(node.inputs(), [](const Value* input) {
      return !is_tensor(*input->type()) && !holds_no_tensor(*input->type());
    });
  }
  void hand_over(at::ArrayRef<const Value*> from, at::ArrayRef<const Value*> to) {
    for (std::size_t index = 0; index < std::min(from.size(), to.size()); ++index)
      comes_from(to[index], origin(from[index]));
  }

  // `with` calls the methods of its object: torch.no_grad() has some as well.
  void follow_method(const Node& node, const char* name) {
    const auto type = node.input(0)->type()->cast<c10::ClassType>();
    auto* method = type ? type->findMethod(name) : nullptr;
    auto* function = method != nullptr ? torch::jit::tryToGraphFunction(*method) : nullptr;
    if (function == nullptr || depth_ == depth_most) return raise(written_, KeptState::in_code);
    const auto graph = function->optimized_graph();
    if (sets_mode(*graph->block())) return raise(written_, KeptState::in_code);
    Flow inner(*graph, depth_ + 1);
    for (std::size_t index = 0; index < std::min(graph->inputs().size(), node.inputs().size()); ++index)
      inner.comes_from(graph->inputs()[index], origin(node.input(index)));
    raise(written_, inner.follow());
    raise(contained_, inner.contained());
    all_come_from(node, std::max({KeptState::in_attributes, origin(node), contained_}));
  }

  void follow_operator(const Node& node, const c10::FunctionSchema& schema) {
    const std::string_view name = schema.name();
    if (const auto writes = unannounced_writes(name); writes.possible) follow_unannounced(node, writes);
    const auto& arguments = schema.arguments();
    auto shared = KeptState::nowhere;  // by the outputs that say so
    for (std::size_t index = 0; index < std::min(arguments.size(), node.inputs().size()); ++index) {
      const auto* alias = arguments[index].alias_info();
      if (alias == nullptr) continue;
      shared = std::max(shared, origin(node.input(index)));
      if (!alias->isWrite()) continue;
      raise(written_, origin(node.input(index)));
      if (!is_tensor(*node.input(index)->type())) {
        raise(contained_, origin(node));
        // "Tensor(a!)[]": not the list itself, but its elements.
        const bool elements = std::ranges::any_of(alias->containedTypes(), &c10::AliasInfo::isWrite);
        if (elements) raise(written_, contained_);
      } else if (takes_memory_over(name)) {
        raise(written_, origin(node));
      }
    }
    const auto taken_out = takes_apart(node) ? contained_ : KeptState::nowhere;
    for (std::size_t index = 0; index < node.outputs().size(); ++index) {
      const auto* output = node.outputs()[index];
      const bool says_so = index < schema.returns().size() && schema.returns()[index].alias_info() != nullptr;
      if (says_so) {
        comes_from(output, std::max(shared, taken_out));
      } else if (!is_tensor(*output->type()) || !makes_new_memory(name)) {
        comes_from(output, std::max(origin_for(*output, node), taken_out));
      }
    }
  }
  void follow_unannounced(const Node& node, const UnannouncedWrites& writes) {
    if (writes.switched_by != nullptr && certain(node.namedInput(writes.switched_by)) == false) return;
    if (!writes.running_statistics) return raise(written_, origin(node));
    for (const char* statistic : {"running_mean", "running_var"})
      raise(written_, origin(node.namedInput(statistic)));
  }
  // Of the inputs that `output` may share memory with.
  [[nodiscard]] KeptState origin_for(const Value& output, const Node& node) const {
    auto result = KeptState::nowhere;
    for (const Value* input : node.inputs()) {
      if (holds_no_tensor(*output.type()) || !holds_no_tensor(*input->type()))
        result = std::max(result, origin(input));
    }
    return result;
  }

  const Graph& graph_;
  int depth_;
  std::unordered_map<const Value*, KeptState> origins_;
  KeptState contained_ = KeptState::nowhere;
  KeptState written_ = KeptState::nowhere;
  bool changed_ = false;
};

// Whether copying the module would tear apart tensors that share memory, or fails.
bool is_copied_faithfully(const torch::jit::Module& model) {
  std::unordered_map<const void*, at::Tensor> by_memory;
  bool faithful = true;
  const std::function<bool(const torch::IValue&)> look = [&](const torch::IValue& value) {
    if (value.isCapsule() || value.isCustomClass()) faithful = false;
    if (!value.isTensor() || !value.toTensor().defined()) return false;
    const auto& tensor = value.toTensor();
    if (!tensor.has_storage()) return faithful = false;
    const auto [known, added] = by_memory.try_emplace(tensor.storage().unsafeGetStorageImpl(), tensor);
    const auto& other = known->second;
    if (!added && (tensor.storage_offset() != other.storage_offset() || tensor.sizes() != other.sizes() ||
                   tensor.strides() != other.strides() || tensor.dtype() != other.dtype())) {
      faithful = false;
    }
    return false;
  };
  torch::IValue(model._ivalue()).visit(look);
  return faithful;
}

}  // namespace

KeptState kept_state(const torch::jit::Module& model) {
  const auto method = model.find_method("forward");
  if (!method) return KeptState::nowhere;
  const auto* function = torch::jit::tryToGraphFunction(method->function());
  if (function == nullptr) return KeptState::in_code;
  try {
    const auto graph = function->optimized_graph();
    if (sets_mode(*graph->block())) return KeptState::in_code;
    Flow flow(*graph);
    flow.comes_from(graph->inputs().front(), KeptState::in_attributes);
    const auto state = flow.follow();
    return state == KeptState::in_attributes && !is_copied_faithfully(model) ? KeptState::in_code : state;
  } catch (const std::exception&) {
    return KeptState::in_code;
  }
}

}  // namespace fedlog::ml
