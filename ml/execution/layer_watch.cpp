#include "ml/execution/layer_watch.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "ml/execution/forward.h"

namespace fedlog::ml {
namespace {

using Identity = const void*;

Identity identity(const torch::IValue& module) {
  return module.isObject() ? module.toObject().get() : nullptr;
}

Identity identity(const torch::jit::Module& module) {
  return module._ivalue().get();
}

std::int64_t times(std::int64_t left, std::int64_t right) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(left, right, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

std::int64_t product(at::IntArrayRef sizes) {
  std::int64_t result = 1;
  for (const auto size : sizes) result = times(result, size);
  return result;
}

// The tensor that stands for a layer's input or output: itself, the first of a tuple or list, the last of a
// dictionary. Undefined when there is none.
at::Tensor main_tensor(const torch::IValue& value) {
  if (value.isTensor()) return value.toTensor();
  if (value.isTuple() && !value.toTupleRef().elements().empty())
    return main_tensor(value.toTupleRef().elements()[0]);
  if (value.isList() && !value.toListRef().empty()) return main_tensor(value.toListRef().front());
  if (value.isGenericDict() && !value.toGenericDict().empty()) {
    torch::IValue last;
    for (const auto& entry : value.toGenericDict()) last = entry.value();
    return main_tensor(last);
  }
  return {};
}

// As named_parameters() in Python: those of parts too, a shared one once.
std::vector<std::pair<std::string, at::Tensor>> parameters_of(const torch::jit::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> parameters;
  std::unordered_set<Identity> known;
  for (const auto& parameter : module.named_parameters()) {
    if (known.insert(parameter.value.unsafeGetTensorImpl()).second)
      parameters.emplace_back(parameter.name, parameter.value);
  }
  return parameters;
}

std::string class_name_of(const torch::jit::Module& module) {
  const auto name = module.type()->name();
  return name ? name->name() : "";
}

decltype(LayerStatistics::kernel_size) kernel_size_of(const torch::jit::Module& module) {
  const auto type = module.type();
  torch::IValue value;
  if (module.hasattr(described_kernel_size)) {
    value = module.attr(described_kernel_size);
  } else if (const auto constant = type->findConstant("kernel_size")) {
    value = *constant;
  } else if (module.hasattr("kernel_size")) {
    value = module.attr("kernel_size");
  }
  if (value.isInt()) return value.toInt();
  if (value.isIntList()) return value.toIntVector();
  if (!value.isTuple()) return {};
  std::vector<std::int64_t> sizes;
  for (const auto& element : value.toTupleRef().elements()) {
    if (!element.isInt()) return {};
    sizes.push_back(element.toInt());
  }
  return sizes;
}

// Multiplications and additions by torchinfo's rule of thumb: a weight works once for each row of the output,
// in a convolution for each place, in other layers' deeper parameters for each of the first two dimensions.
std::int64_t multiply_adds(const torch::jit::Module& module, const std::string& class_name,
                           std::vector<std::int64_t> output) {
  if (output.empty()) output = {1};
  const bool convolution = class_name.find("Conv") != std::string::npos;
  const at::IntArrayRef sizes = output;
  std::int64_t places = sizes.front();
  if (convolution) places = times(places, sizes.size() > 2 ? product(sizes.slice(2)) : 1);
  const auto first_two = product(sizes.slice(0, std::min<std::size_t>(sizes.size(), 2)));

  std::int64_t sum = 0;
  for (const auto& [name, parameter] : parameters_of(module)) {
    std::int64_t factor = 0;
    if (name == "weight" || name == "bias") {
      factor = places;
    } else if (name.find("weight") != std::string::npos || name.find("bias") != std::string::npos) {
      factor = first_two;
    }
    if (__builtin_add_overflow(sum, times(parameter.numel(), factor), &sum))
      return std::numeric_limits<std::int64_t>::max();
  }
  return sum;
}

// Where a module is in the model; one that is there twice is where it was found last.
struct Place {
  torch::jit::Module module;
  std::string name;
  std::int64_t depth = 0;
  Identity parent = nullptr;
  std::int64_t layer_id = 0;  // 0: not listed yet
};

class Recorder {
 public:
  explicit Recorder(const torch::jit::Module& model) { place(model, class_name_of(model), 0, nullptr); }

  void enter(Identity module) {
    auto* place = find(module);
    if (place == nullptr) return;
    list_containers(*place);
    open_[module] = add(*place);
  }

  void leave(Identity module, const torch::IValue& input, const torch::IValue& output) {
    const auto entered = open_.find(module);
    if (entered == open_.end()) return;
    auto& layer = layers_[entered->second];
    if (const auto tensor = main_tensor(input); tensor.defined()) layer.input_size = tensor.sizes().vec();
    if (const auto tensor = main_tensor(output); tensor.defined()) {
      layer.output_size = tensor.sizes().vec();
      layer.output_bytes =
          times(static_cast<std::int64_t>(tensor.element_size()), product(layer.output_size));
    }
    layer.executed = true;
    layer.macs = multiply_adds(find(module)->module, layer.class_name, layer.output_size);
  }

  [[nodiscard]] std::vector<LayerStatistics> take() { return std::move(layers_); }

 private:
  void place(const torch::jit::Module& module, const std::string& name, std::int64_t depth, Identity parent) {
    places_.insert_or_assign(identity(module),
                             Place{.module = module, .name = name, .depth = depth, .parent = parent});
    if (places_.size() > layer_records_limit) throw std::length_error("the model has too many layers");
    for (const auto& child : module.named_children())
      place(child.value, child.name, depth + 1, identity(module));
  }

  Place* find(Identity module) {
    const auto found = places_.find(module);
    return found == places_.end() ? nullptr : &found->second;
  }

  // Containers around this layer that are not executed themselves, unless the last layers were in them too.
  void list_containers(const Place& place) {
    std::vector<Identity> around;  // from the outside; not the model itself
    for (auto at = place.parent; at != nullptr && find(at)->depth > 0; at = find(at)->parent)
      around.insert(around.begin(), at);
    path_.resize(std::min<std::size_t>(path_.size(), static_cast<std::size_t>(place.depth)));
    for (std::size_t depth = 0; depth < around.size(); ++depth) {
      if (depth < path_.size() && path_[depth] == around[depth]) continue;
      path_.resize(depth);
      path_.push_back(around[depth]);
      add(*find(around[depth]));
    }
    if (place.depth > 0) {
      path_.resize(static_cast<std::size_t>(place.depth) - 1);
      path_.push_back(identity(place.module));
    }
  }

  std::size_t add(Place& place) {
    if (layers_.size() == layer_records_limit) throw std::length_error("the model executes too many layers");
    LayerStatistics layer;
    layer.is_recursive = place.layer_id != 0;
    if (!layer.is_recursive) place.layer_id = ++last_id_;
    layer.layer_id = place.layer_id;
    layer.class_name = class_name_of(place.module);
    layer.var_name = place.name;
    layer.depth = place.depth;
    layer.is_leaf_layer = place.module.children().size() == 0;
    layer.kernel_size = kernel_size_of(place.module);
    for (const auto& [name, parameter] : parameters_of(place.module)) {
      const auto count = parameter.numel();
      layer.num_params += count;
      layer.param_bytes += static_cast<std::int64_t>(parameter.nbytes());
      if (parameter.requires_grad()) layer.trainable_params += count;
    }
    layers_.push_back(std::move(layer));
    return layers_.size() - 1;
  }

  std::unordered_map<Identity, Place> places_;
  std::vector<LayerStatistics> layers_;
  std::unordered_map<Identity, std::size_t> open_;  // entered last, by module
  std::vector<Identity> path_;                      // of the last listed layer, from depth 1 on
  std::int64_t last_id_ = 0;
};

// Whom the instrumented calls of this thread report to.
thread_local Recorder* recorder = nullptr;

void enter_layer(torch::jit::Stack& stack) {
  const auto module = torch::jit::pop(stack);
  if (recorder != nullptr) recorder->enter(identity(module));
}

void leave_layer(torch::jit::Stack& stack) {
  const auto output = torch::jit::pop(stack);
  const auto input = torch::jit::pop(stack);
  const auto module = torch::jit::pop(stack);
  if (recorder != nullptr) recorder->leave(identity(module), input, output);
}

void register_watching_operators() {
  // Conservative: they may do anything, so no optimisation removes or moves them.
  constexpr auto effects = c10::AliasAnalysisKind::CONSERVATIVE;
  static const torch::jit::RegisterOperators once(
      {torch::jit::Operator("fedlog::enter_layer(Any layer) -> ()", enter_layer, effects),
       torch::jit::Operator("fedlog::leave_layer(Any layer, Any input, Any output) -> ()", leave_layer,
                            effects)});
}

// forward, or one of several that a module has under that name.
bool is_forward(const std::string& method) {
  return method == "forward" || method.starts_with("forward__");
}

void watch_calls(torch::jit::Block& block) {
  using torch::jit::Symbol;
  for (auto* node : block.nodes()) {
    for (auto* inner : node->blocks()) watch_calls(*inner);
    if (node->kind() != torch::jit::prim::CallMethod || !is_forward(node->s(torch::jit::attr::name)))
      continue;
    auto* graph = node->owningGraph();
    auto* module = node->inputs().at(0);
    auto* enter = graph->create(Symbol::fromQualString("fedlog::enter_layer"), {module}, 0);
    enter->insertBefore(node);
    auto* input = node->inputs().size() > 1 ? node->inputs().at(1) : module;
    auto* leave =
        graph->create(Symbol::fromQualString("fedlog::leave_layer"), {module, input, node->output()}, 0);
    leave->insertAfter(node);
  }
}

void watch_calls(const torch::jit::Module& model) {
  std::unordered_set<Identity> types;
  for (const auto& module : model.modules()) {
    if (!types.insert(module.type().get()).second) continue;
    for (auto* method : module.type()->methods()) {
      if (auto* code = torch::jit::tryToGraphFunction(*method)) {
        code->ensure_defined();
        watch_calls(*code->graph()->block());
      }
    }
  }
}

class Watching {
 public:
  explicit Watching(Recorder& to) { recorder = &to; }
  ~Watching() { recorder = nullptr; }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;
};

}  // namespace

std::expected<std::vector<LayerStatistics>, ExecutionError> watch_layers(torch::jit::Module& model,
                                                                         const at::Tensor& input) {
  register_watching_operators();
  watch_calls(model);
  Recorder records(model);
  const Watching watching(records);
  records.enter(identity(model));
  const auto outputs = forward(model, {input}, false);
  if (!outputs) return std::unexpected(outputs.error());
  records.leave(identity(model), input, outputs->empty() ? torch::IValue() : torch::IValue(outputs->front()));
  return records.take();
}

}  // namespace fedlog::ml
