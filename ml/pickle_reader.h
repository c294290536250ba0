#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ml/byte_reader.h"
#include "ml/file_error.h"
#include "ml/file_limits.h"

namespace fedlog::ml {

// Index of a value in its PickleTree.
using PickleRef = std::uint32_t;
inline constexpr PickleRef no_value = std::numeric_limits<PickleRef>::max();

enum class PickleKind : std::uint8_t {
  none,
  boolean,
  integer,
  big_integer,  // outside 64 bits: its value is not kept
  real,
  string,  // UTF-8
  bytes,
  tuple,  // children: the elements; so for list and set
  list,
  dict,  // children: key, value, key, value...; OrderedDict too
  set,
  global,      // text: "module.name"
  call,        // children: the global, the tuple of arguments, then elements added later
  object,      // children: the class (a global), the tuple of arguments, then elements added later
  persistent,  // children: the persistent id
};

struct PickleValue {
  PickleKind kind = PickleKind::none;
  // What BUILD gave it: an object's attributes.
  PickleRef state = no_value;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text = {};
  std::uint32_t children = 0;
};

// The values that a pickle describes: plain data, in which calls and objects are descriptions. Acyclic, but
// values may be shared, so a walk must visit each once or bound its work. Every value that occurred is here,
// also those that the pickle dropped. Owns its bytes; move-only.
class PickleTree {
 public:
  PickleTree(PickleTree&&) = default;
  PickleTree& operator=(PickleTree&&) = default;

  [[nodiscard]] std::size_t source_bytes() const { return bytes_.size(); }
  [[nodiscard]] PickleRef root() const { return root_; }
  [[nodiscard]] PickleRef size() const { return static_cast<PickleRef>(values_.size()); }
  [[nodiscard]] const PickleValue& operator[](PickleRef ref) const { return values_[ref]; }
  [[nodiscard]] std::span<const PickleRef> children(PickleRef ref) const {
    return children_[values_[ref].children];
  }

  // "module.name" of a call's function or an object's class; empty for other kinds.
  [[nodiscard]] std::string_view callee(PickleRef ref) const;
  // The value at a string key of a dict; no_value if there is none or `dict` is no dict.
  [[nodiscard]] PickleRef find(PickleRef dict, std::string_view key) const;
  // An attribute of an object or call; no_value if absent.
  [[nodiscard]] PickleRef attribute(PickleRef object, std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(PickleRef ref) const;

 private:
  friend class PickleMachine;
  explicit PickleTree(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::vector<std::byte> bytes_;
  // Containers that stay where they are as they grow, without twice their size in between.
  std::unordered_set<std::string> names_;
  std::deque<PickleValue> values_;
  std::deque<std::vector<PickleRef>> children_;
  PickleRef root_ = no_value;
};

// Reads a pickle of protocol 2 to 5 (Python's pickletools.py describes the opcodes) without importing or
// calling anything. Globals follow global_use; only its callables may be called, with what content_of allows.
// Refuses text opcodes, INST, OBJ, EXT, cycles, duplicate string keys of a dict, bytes after STOP, and
// whatever exceeds the limits.
[[nodiscard]] std::expected<PickleTree, FileError> read_pickle(std::vector<std::byte> bytes,
                                                               const FileLimits& limits = {});

}  // namespace fedlog::ml
