#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "ml/pickle_reader.h"

namespace fedlog::ml {

// The most that is in a value or below it; each includes those before. What a function could be made to do
// depends on what it is given: iterating an object runs its class's code.
enum class Content : std::uint8_t {
  data,     // numbers, texts, and containers of them
  tensors,  // storages, arrays
  names,    // classes and functions by name
  objects,
};

// Whether a pickle may call module.name at all.
[[nodiscard]] bool may_call(std::string_view module, std::string_view name);

// What is in a value, `known` telling it of all that it holds. Refuses a call, an object's construction or an
// attribute that would run code in a program that unpickles the file.
[[nodiscard]] std::expected<Content, FileError> content_of(const PickleTree& tree, PickleRef ref,
                                                           std::span<const Content> known);

}  // namespace fedlog::ml
