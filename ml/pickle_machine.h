#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ml/memory_budget.h"
#include "ml/pickle_reader.h"

namespace fedlog::ml {

// The stack machine behind read_pickle. Used once.
class PickleMachine {
 public:
  PickleMachine(std::vector<std::byte> bytes, const FileLimits& limits);

  [[nodiscard]] std::expected<PickleTree, FileError> run();

 private:
  // Thrown inside, turned into run's error.
  struct Fault {
    FileErrorCode code;
    std::string message;
  };

  [[noreturn]] void fail(const std::string& what) const;
  void step(unsigned char opcode);
  void step_number(unsigned char opcode);
  void step_text(unsigned char opcode);
  void step_container(unsigned char opcode);
  void step_construction(unsigned char opcode);

  Bytes take(std::uint64_t length, const char* what);
  template <typename Integer>
  Integer take_integer();
  std::string_view take_line();
  std::string_view take_utf8(std::uint64_t length);

  void charge(std::uint64_t bytes);
  PickleRef add(PickleValue value);
  PickleRef add_container(PickleKind kind, std::vector<PickleRef> children);
  void add_children(PickleRef parent, std::span<const PickleRef> children);
  void put_above(PickleRef parent, std::span<const PickleRef> children);
  void push(PickleRef ref);
  void push_value(PickleValue value);
  void push_long(std::uint64_t length);
  void push_global(std::string_view module, std::string_view name);
  PickleRef pop();
  PickleRef top();
  std::vector<PickleRef> pop_to_mark();
  std::vector<PickleRef> pop_many(std::size_t count);
  void remember(std::uint64_t slot);
  void recall(std::uint64_t slot);
  void append(std::span<const PickleRef> items);
  void set_items(std::span<const PickleRef> items);
  void reduce();
  void new_object();
  void build();
  [[noreturn]] void fail_too_deep() const;
  void check_graph();
  void check_keys() const;

  const FileLimits& limits_;
  MemoryBudget budget_;
  PickleTree tree_;
  // How many levels each value is high. While values are made, a lower bound: what is below may still grow.
  std::vector<std::uint32_t> levels_;
  Bytes input_;
  std::size_t at_ = 0;
  std::vector<PickleRef> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleRef> memo_;
  std::uint32_t memo_count_ = 0;
};

}  // namespace fedlog::ml
