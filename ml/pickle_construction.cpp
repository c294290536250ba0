// The operations of the pickle machine that make and fill containers, calls and objects.

#include <utility>

#include "ml/pickle_globals.h"
#include "ml/pickle_machine.h"
#include "ml/pickle_opcodes.h"

namespace fedlog::ml {

void PickleMachine::step_container(unsigned char opcode) {
  switch (opcode) {
    case op_empty_tuple:
      return push(add_container(PickleKind::tuple, {}));
    case op_tuple1:
      return push(add_container(PickleKind::tuple, pop_many(1)));
    case op_tuple2:
      return push(add_container(PickleKind::tuple, pop_many(2)));
    case op_tuple3:
      return push(add_container(PickleKind::tuple, pop_many(3)));
    case op_tuple:
      return push(add_container(PickleKind::tuple, pop_to_mark()));
    case op_empty_list:
      return push(add_container(PickleKind::list, {}));
    case op_list:
      return push(add_container(PickleKind::list, pop_to_mark()));
    case op_empty_dict:
      return push(add_container(PickleKind::dict, {}));
    case op_dict: {
      const auto items = pop_to_mark();
      push(add_container(PickleKind::dict, {}));
      return set_items(items);
    }
    case op_empty_set:
      return push(add_container(PickleKind::set, {}));
    case op_frozenset:
      return push(add_container(PickleKind::set, pop_to_mark()));
    case op_append:
      return append(pop_many(1));
    case op_appends:
    case op_additems:
      return append(pop_to_mark());
    case op_setitem:
      return set_items(pop_many(2));
    case op_setitems:
      return set_items(pop_to_mark());
    default:
      step_construction(opcode);
  }
}

void PickleMachine::append(std::span<const PickleRef> items) {
  const PickleValue& target = tree_[top()];
  switch (target.kind) {
    case PickleKind::list:
    case PickleKind::set:
    case PickleKind::call:
    case PickleKind::object:
      return add_children(top(), items);
    default:
      fail("it appends to a value that is no list");
  }
}

void PickleMachine::set_items(std::span<const PickleRef> items) {
  if (items.size() % 2 != 0) {
    fail("a key has no value");
  }
  const PickleValue& target = tree_[top()];
  if (target.kind != PickleKind::dict && target.kind != PickleKind::call &&
      target.kind != PickleKind::object) {
    fail("it sets items of a value that is no dict");
  }
  add_children(top(), items);
}

void PickleMachine::step_construction(unsigned char opcode) {
  switch (opcode) {
    case op_binpersid:
      return push(add_container(PickleKind::persistent, pop_many(1)));
    case op_reduce:
      return reduce();
    case op_newobj:
      return new_object();
    case op_build:
      return build();
    default:
      fail("opcode " + std::to_string(opcode) + " is unknown or none that PyTorch writes");
  }
}

void PickleMachine::reduce() {
  auto parts = pop_many(2);
  const PickleValue function = tree_[parts[0]];
  if (function.kind == PickleKind::global && function.text.starts_with("__torch__.") &&
      tree_[parts[1]].kind != PickleKind::tuple) {
    // TorchScript's form of an enum's member: its class and its value, without a tuple. No Python can import
    // it.
    parts[1] = add_container(PickleKind::tuple, {parts[1]});
    return push(add_container(PickleKind::call, std::move(parts)));
  }
  if (function.kind != PickleKind::global || tree_[parts[1]].kind != PickleKind::tuple) {
    fail("it calls a value that is no function");
  }
  const auto module_size = static_cast<std::size_t>(function.integer);
  if (global_use(function.text.substr(0, module_size), function.text.substr(module_size + 1)) !=
      GlobalUse::callable) {
    throw Fault{
        FileErrorCode::forbidden,
        "The pickle calls " + printable(function.text) +
            ", which is not among the functions that weights need. Save a state_dict or a TorchScript "
            "module instead."};
  }
  const auto arguments = tree_.children(parts[1]);
  if (function.text == "collections.OrderedDict" && arguments.empty()) {
    return push(add_container(PickleKind::dict, {}));
  }
  const bool makes_set = function.text.ends_with(".set") || function.text.ends_with(".frozenset");
  if (makes_set && arguments.size() == 1 && tree_[arguments[0]].kind == PickleKind::list) {
    const auto elements = tree_.children(arguments[0]);
    return push(add_container(PickleKind::set, {elements.begin(), elements.end()}));
  }
  push(add_container(PickleKind::call, std::move(parts)));
}

void PickleMachine::new_object() {
  auto parts = pop_many(2);
  if (tree_[parts[0]].kind != PickleKind::global || tree_[parts[1]].kind != PickleKind::tuple) {
    fail("it makes an object of a value that is no class");
  }
  push(add_container(PickleKind::object, std::move(parts)));
}

void PickleMachine::build() {
  const PickleRef state = pop();
  PickleValue& target = tree_.values_[top()];
  if (target.kind != PickleKind::object && target.kind != PickleKind::call &&
      target.kind != PickleKind::dict) {
    fail("it sets the state of a value that has none");
  }
  if (target.state != no_value) {
    fail("it sets the state of a value twice");
  }
  target.state = state;
  put_above(top(), {&target.state, 1});
}

}  // namespace fedlog::ml
