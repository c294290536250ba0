#include "ml/pickle_machine.h"

#include <algorithm>
#include <bit>
#include <unordered_set>
#include <utility>

#include "ml/pickle_globals.h"

namespace fedlog::ml {
namespace {

// Opcodes as in Python's pickletools.py.
enum Opcode : unsigned char {
  op_mark = '(',
  op_stop = '.',
  op_pop = '0',
  op_pop_mark = '1',
  op_dup = '2',
  op_binfloat = 'G',
  op_binint = 'J',
  op_binint1 = 'K',
  op_binint2 = 'M',
  op_none = 'N',
  op_binpersid = 'Q',
  op_reduce = 'R',
  op_binunicode = 'X',
  op_append = 'a',
  op_build = 'b',
  op_global = 'c',
  op_dict = 'd',
  op_empty_dict = '}',
  op_appends = 'e',
  op_binget = 'h',
  op_long_binget = 'j',
  op_list = 'l',
  op_empty_list = ']',
  op_binput = 'q',
  op_long_binput = 'r',
  op_setitem = 's',
  op_tuple = 't',
  op_empty_tuple = ')',
  op_setitems = 'u',
  op_binbytes = 'B',
  op_short_binbytes = 'C',
  op_proto = 0x80,
  op_newobj = 0x81,
  op_tuple1 = 0x85,
  op_tuple2 = 0x86,
  op_tuple3 = 0x87,
  op_newtrue = 0x88,
  op_newfalse = 0x89,
  op_long1 = 0x8a,
  op_long4 = 0x8b,
  op_short_binunicode = 0x8c,
  op_binunicode8 = 0x8d,
  op_binbytes8 = 0x8e,
  op_empty_set = 0x8f,
  op_additems = 0x90,
  op_frozenset = 0x91,
  op_newobj_ex = 0x92,
  op_stack_global = 0x93,
  op_memoize = 0x94,
  op_frame = 0x95,
  op_bytearray8 = 0x96,
};

constexpr unsigned char newest_protocol = 5;
// Digits of an integer that nothing here uses; keeps LONG4 from being a way to hide data.
constexpr std::uint64_t big_integer_bytes = 1024;

}  // namespace

PickleMachine::PickleMachine(std::vector<std::byte> bytes, const FileLimits& limits)
    : limits_(limits), tree_(std::move(bytes)), input_(tree_.bytes_) {
  // Slot 0 serves every value without children.
  tree_.children_.emplace_back();
}

void PickleMachine::fail(const std::string& what) const {
  throw Fault{FileErrorCode::malformed,
              "The pickle is not sound: " + what + " (before byte " + std::to_string(at_) + ")."};
}

std::expected<PickleTree, FileError> PickleMachine::run() {
  try {
    const Bytes proto = take(2, "a pickle's head");
    if (static_cast<unsigned char>(proto[0]) != op_proto) {
      fail("it does not begin with a protocol number of 2 or more");
    }
    const auto protocol = static_cast<unsigned char>(proto[1]);
    if (protocol < 2 || protocol > newest_protocol) {
      fail("protocol " + std::to_string(protocol) + " is unknown; 2 to 5 are read");
    }
    for (std::size_t operations = 0;; ++operations) {
      if (operations >= limits_.pickle_operations) {
        throw Fault{FileErrorCode::over_limit,
                    "The pickle has more than " + std::to_string(limits_.pickle_operations) + " operations."};
      }
      if (at_ >= input_.size()) {
        fail("it ends without STOP");
      }
      const auto opcode = static_cast<unsigned char>(input_[at_++]);
      if (opcode == op_stop) {
        break;
      }
      step(opcode);
    }
    if (at_ != input_.size()) {
      fail("there are bytes after STOP");
    }
    if (!marks_.empty() || stack_.size() != 1) {
      fail("it ends with " + std::to_string(stack_.size()) + " values and " + std::to_string(marks_.size()) +
           " open marks instead of one value");
    }
    tree_.root_ = stack_.back();
    check_graph();
    check_keys();
    return std::move(tree_);
  } catch (Fault& fault) {
    return file_error(fault.code, std::move(fault.message));
  }
}

Bytes PickleMachine::take(std::uint64_t length, const char* what) {
  if (!fits(at_, length, input_.size())) {
    fail(std::string(what) + " reaches past the end");
  }
  const Bytes taken = input_.subspan(at_, length);
  at_ += length;
  return taken;
}

template <typename Integer>
Integer PickleMachine::take_integer() {
  return load_little_endian<Integer>(take(sizeof(Integer), "a number"), 0);
}

std::string_view PickleMachine::take_line() {
  const std::string_view rest = as_text(input_.subspan(at_));
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    fail("a name reaches past the end");
  }
  at_ += end + 1;
  return rest.substr(0, end);
}

std::string_view PickleMachine::take_utf8(std::uint64_t length) {
  const std::string_view text = as_text(take(length, "a string"));
  if (!is_utf8(text)) {
    fail("a string is not UTF-8");
  }
  return text;
}

PickleRef PickleMachine::add(PickleValue value) {
  tree_.values_.push_back(value);
  return static_cast<PickleRef>(tree_.values_.size() - 1);
}

PickleRef PickleMachine::add_container(PickleKind kind, std::vector<PickleRef> children) {
  tree_.children_.push_back(std::move(children));
  return add({.kind = kind, .children = static_cast<std::uint32_t>(tree_.children_.size() - 1)});
}

void PickleMachine::push(PickleRef ref) {
  stack_.push_back(ref);
}

void PickleMachine::push_value(PickleValue value) {
  push(add(value));
}

PickleRef PickleMachine::pop() {
  const PickleRef ref = top();
  stack_.pop_back();
  return ref;
}

PickleRef PickleMachine::top() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) {
    fail("its stack underflows");
  }
  return stack_.back();
}

std::vector<PickleRef> PickleMachine::pop_many(std::size_t count) {
  if (stack_.size() - (marks_.empty() ? 0 : marks_.back()) < count) {
    fail("its stack underflows");
  }
  std::vector<PickleRef> taken(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
  stack_.resize(stack_.size() - count);
  return taken;
}

std::vector<PickleRef> PickleMachine::pop_to_mark() {
  if (marks_.empty()) {
    fail("a mark is missing");
  }
  std::vector<PickleRef> taken = pop_many(stack_.size() - marks_.back());
  marks_.pop_back();
  return taken;
}

void PickleMachine::remember(std::uint64_t slot) {
  if (slot >= limits_.pickle_memo_slots) {
    throw Fault{FileErrorCode::over_limit, "The pickle names memo slot " + std::to_string(slot) +
                                               "; at most " + std::to_string(limits_.pickle_memo_slots) +
                                               " are allowed."};
  }
  if (slot >= memo_.size()) {
    memo_.resize(slot + 1, no_value);
  }
  memo_count_ += memo_[slot] == no_value ? 1 : 0;
  memo_[slot] = top();
}

void PickleMachine::recall(std::uint64_t slot) {
  if (slot >= memo_.size() || memo_[slot] == no_value) {
    fail("memo slot " + std::to_string(slot) + " is empty");
  }
  push(memo_[slot]);
}

void PickleMachine::step(unsigned char opcode) {
  switch (opcode) {
    case op_mark:
      marks_.push_back(stack_.size());
      return;
    case op_pop:
      // Python's POP takes a mark if that is on top.
      if (!marks_.empty() && marks_.back() == stack_.size()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return;
    case op_pop_mark:
      pop_to_mark();
      return;
    case op_dup:
      push(top());
      return;
    case op_none:
      return push_value({.kind = PickleKind::none});
    case op_newtrue:
    case op_newfalse:
      return push_value({.kind = PickleKind::boolean, .integer = opcode == op_newtrue ? 1 : 0});
    case op_binput:
      return remember(take_integer<std::uint8_t>());
    case op_long_binput:
      return remember(take_integer<std::uint32_t>());
    case op_memoize:
      return remember(memo_count_);
    case op_binget:
      return recall(take_integer<std::uint8_t>());
    case op_long_binget:
      return recall(take_integer<std::uint32_t>());
    case op_frame:
      // A hint about the reads ahead; it has to be true all the same.
      if (const auto length = take_integer<std::uint64_t>(); !fits(at_, length, input_.size())) {
        fail("a frame reaches past the end");
      }
      return;
    default:
      step_number(opcode);
  }
}

void PickleMachine::step_number(unsigned char opcode) {
  switch (opcode) {
    case op_binint:
      return push_value({.kind = PickleKind::integer, .integer = take_integer<std::int32_t>()});
    case op_binint1:
      return push_value({.kind = PickleKind::integer, .integer = take_integer<std::uint8_t>()});
    case op_binint2:
      return push_value({.kind = PickleKind::integer, .integer = take_integer<std::uint16_t>()});
    case op_binfloat:
      return push_value({.kind = PickleKind::real,
                         .real = std::bit_cast<double>(__builtin_bswap64(take_integer<std::uint64_t>()))});
    case op_long1:
      return push_long(take_integer<std::uint8_t>());
    case op_long4: {
      const auto length = take_integer<std::int32_t>();
      if (length < 0) {
        fail("an integer has a negative length");
      }
      return push_long(static_cast<std::uint64_t>(length));
    }
    default:
      step_text(opcode);
  }
}

void PickleMachine::push_long(std::uint64_t length) {
  const Bytes digits = take(length, "an integer");
  if (length > big_integer_bytes) {
    fail("an integer has " + std::to_string(length) + " bytes");
  }
  if (length > sizeof(std::int64_t)) {
    return push_value({.kind = PickleKind::big_integer});
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < length; ++i) {
    value |= static_cast<std::uint64_t>(digits[i]) << (8 * i);
  }
  if (length > 0 && length < sizeof value && (static_cast<unsigned char>(digits[length - 1]) & 0x80) != 0) {
    value |= ~std::uint64_t{0} << (8 * length);
  }
  push_value({.kind = PickleKind::integer, .integer = static_cast<std::int64_t>(value)});
}

void PickleMachine::step_text(unsigned char opcode) {
  const auto push_string = [&](std::uint64_t length) {
    push_value({.kind = PickleKind::string, .text = take_utf8(length)});
  };
  const auto push_bytes = [&](std::uint64_t length) {
    push_value({.kind = PickleKind::bytes, .text = as_text(take(length, "a byte string"))});
  };
  switch (opcode) {
    case op_short_binunicode:
      return push_string(take_integer<std::uint8_t>());
    case op_binunicode:
      return push_string(take_integer<std::uint32_t>());
    case op_binunicode8:
      return push_string(take_integer<std::uint64_t>());
    case op_short_binbytes:
      return push_bytes(take_integer<std::uint8_t>());
    case op_binbytes:
      return push_bytes(take_integer<std::uint32_t>());
    case op_binbytes8:
    case op_bytearray8:
      return push_bytes(take_integer<std::uint64_t>());
    case op_global: {
      const std::string_view module = take_line();
      return push_global(module, take_line());
    }
    case op_stack_global: {
      const auto parts = pop_many(2);
      if (tree_[parts[0]].kind != PickleKind::string || tree_[parts[1]].kind != PickleKind::string) {
        fail("a global's name is not a string");
      }
      return push_global(tree_[parts[0]].text, tree_[parts[1]].text);
    }
    default:
      step_container(opcode);
  }
}

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  std::string full = std::string(module) + "." + std::string(name);
  if (full.size() > 1024 || !is_utf8(full)) {
    fail("a global's name is overlong or not UTF-8");
  }
  if (global_use(module, name) == GlobalUse::forbidden) {
    throw Fault{
        FileErrorCode::forbidden,
        "The pickle names " + printable(full) +
            ", which belongs to Python and to no model. If it comes from an attribute of your module, "
            "remove that before saving."};
  }
  tree_.names_.push_back(std::move(full));
  // How far the module reaches in "module.name" tells whether it may be called.
  push_value({.kind = PickleKind::global,
              .integer = static_cast<std::int64_t>(module.size()),
              .text = tree_.names_.back()});
}

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
    case PickleKind::object: {
      auto& children = tree_.children_[target.children];
      children.insert(children.end(), items.begin(), items.end());
      return;
    }
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
  auto& children = tree_.children_[target.children];
  children.insert(children.end(), items.begin(), items.end());
}

void PickleMachine::step_construction(unsigned char opcode) {
  switch (opcode) {
    case op_binpersid:
      return push(add_container(PickleKind::persistent, pop_many(1)));
    case op_reduce:
      return reduce();
    case op_newobj:
      return new_object();
    case op_newobj_ex: {
      // Keyword arguments become the last child of the tuple's sibling: kept, never interpreted.
      const auto parts = pop_many(3);
      push(parts[0]);
      push(parts[1]);
      new_object();
      return append(std::span(parts).last(1));
    }
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
}

// Cycles and depth, with a stack of its own: input decides how deep this goes.
void PickleMachine::check_graph() const {
  constexpr std::uint32_t unseen = 0;
  constexpr std::uint32_t open = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> height(tree_.size(), unseen);
  struct Frame {
    PickleRef ref;
    std::size_t next;
    std::uint32_t below;
  };
  std::vector<Frame> frames;
  for (PickleRef start = 0; start < tree_.size(); ++start) {
    if (height[start] != unseen) {
      continue;
    }
    height[start] = open;
    frames.push_back({start, 0, 0});
    while (!frames.empty()) {
      Frame& frame = frames.back();
      const auto children = tree_.children(frame.ref);
      const PickleRef state = tree_[frame.ref].state;
      const std::size_t count = children.size() + (state == no_value ? 0 : 1);
      if (frame.next == count) {
        height[frame.ref] = frame.below + 1;
        if (frame.below >= limits_.nesting_depth) {
          throw Fault{FileErrorCode::over_limit, "The pickle's values are nested deeper than " +
                                                     std::to_string(limits_.nesting_depth) + " levels."};
        }
        const std::uint32_t finished = height[frame.ref];
        frames.pop_back();
        if (!frames.empty()) {
          frames.back().below = std::max(frames.back().below, finished);
        }
        continue;
      }
      const PickleRef child = frame.next < children.size() ? children[frame.next] : state;
      ++frame.next;
      if (height[child] == open) {
        throw Fault{
            FileErrorCode::unsupported,
            "The pickle holds a value that contains itself. Remove the attribute that refers back to its "
            "owner before saving."};
      }
      if (height[child] == unseen) {
        height[child] = open;
        frames.push_back({child, 0, 0});
      } else {
        frame.below = std::max(frame.below, height[child]);
      }
    }
  }
}

void PickleMachine::check_keys() const {
  std::unordered_set<std::string_view> keys;
  for (PickleRef ref = 0; ref < tree_.size(); ++ref) {
    if (tree_[ref].kind != PickleKind::dict) {
      continue;
    }
    keys.clear();
    const auto items = tree_.children(ref);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const PickleValue& key = tree_[items[i]];
      if (key.kind == PickleKind::string && !keys.insert(key.text).second) {
        throw Fault{FileErrorCode::malformed,
                    "The pickle has a dict with the key \"" + printable(key.text) + "\" twice."};
      }
    }
  }
}

}  // namespace fedlog::ml
