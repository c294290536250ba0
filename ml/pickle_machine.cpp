#include "ml/pickle_machine.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "ml/pickle_globals.h"
#include "ml/pickle_opcodes.h"

namespace fedlog::ml {
namespace {

constexpr unsigned char newest_protocol = 5;
// Digits of an integer that nothing here uses; keeps LONG4 from being a way to hide data.
constexpr std::uint64_t big_integer_bytes = 1024;
// What an allocation costs beyond its bytes.
constexpr std::uint64_t allocation_bytes = 16;

}  // namespace

PickleMachine::PickleMachine(std::vector<std::byte> bytes, const FileLimits& limits)
    : limits_(limits), budget_(limits, bytes.size()), tree_(std::move(bytes)), input_(tree_.bytes_) {
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

void PickleMachine::charge(std::uint64_t bytes) {
  if (const auto taken = budget_.take(bytes); !taken) {
    throw Fault{taken.error().code, taken.error().message};
  }
}

PickleRef PickleMachine::add(PickleValue value) {
  // What the checks at the end keep of each value counts as well.
  charge(sizeof value + 4 * sizeof(PickleRef));
  tree_.values_.push_back(value);
  levels_.push_back(1);
  return static_cast<PickleRef>(tree_.values_.size() - 1);
}

PickleRef PickleMachine::add_container(PickleKind kind, std::vector<PickleRef> children) {
  const PickleRef container = add({.kind = kind});
  if (!children.empty()) {
    charge(allocation_bytes + sizeof children + children.size() * sizeof(PickleRef));
    put_above(container, children);
    tree_.children_.push_back(std::move(children));
    tree_.values_[container].children = static_cast<std::uint32_t>(tree_.children_.size() - 1);
  }
  return container;
}

void PickleMachine::add_children(PickleRef parent, std::span<const PickleRef> children) {
  PickleValue& value = tree_.values_[parent];
  if (value.children == 0) {
    charge(allocation_bytes + sizeof tree_.children_.front());
    tree_.children_.emplace_back();
    value.children = static_cast<std::uint32_t>(tree_.children_.size() - 1);
  }
  // Vectors double.
  charge(2 * children.size() * sizeof(PickleRef));
  put_above(parent, children);
  auto& all = tree_.children_[value.children];
  all.insert(all.end(), children.begin(), children.end());
}

void PickleMachine::put_above(PickleRef parent, std::span<const PickleRef> children) {
  for (const PickleRef child : children) {
    levels_[parent] = std::max(levels_[parent], levels_[child] + 1);
  }
  if (levels_[parent] > limits_.nesting_depth) {
    fail_too_deep();
  }
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
    charge((slot + 1 - memo_.size()) * sizeof(PickleRef));
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
      // Whatever is open is a level.
      if (marks_.size() >= limits_.nesting_depth) {
        fail_too_deep();
      }
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
  std::string full;
  full.reserve(module.size() + 1 + name.size());
  full.append(module).append(".").append(name);
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
  auto known = tree_.names_.find(full);
  if (known == tree_.names_.end()) {
    charge(2 * allocation_bytes + 2 * sizeof full + full.size());
    known = tree_.names_.insert(std::move(full)).first;
  }
  // How far the module reaches in "module.name" tells whether it may be called.
  push_value(
      {.kind = PickleKind::global, .integer = static_cast<std::int64_t>(module.size()), .text = *known});
}

}  // namespace fedlog::ml
