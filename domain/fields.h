#pragma once

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

// How values and events tell their fields: by name, once, so that encoding, decoding, hashing and printing
// need no code of their own for each. A described struct has `static constexpr auto fields()` that returns a
// tuple of `field(...)`. The names are stored in the event log; never rename, never reuse.
namespace fedlog::domain {

template <class Owner, class Value>
struct Field {
  std::string_view name;
  Value Owner::* member;
};

template <class Owner, class Value>
constexpr Field<Owner, Value> field(std::string_view name, Value Owner::* member) {
  return {name, member};
}

template <class T>
concept Described = requires { T::fields(); };

// Calls visit(name, value) for each field, in the order of their description.
template <Described T, class Value, class Visit>
void for_each_field(Value& value, Visit&& visit) {
  std::apply([&](const auto&... each) { (visit(each.name, value.*(each.member)), ...); }, T::fields());
}

// Text about a person (a name, an e-mail address, an endpoint). It is encrypted under that person's key
// wherever it is stored in the event log, so that destroying the key erases it from a log that is never
// rewritten.
struct Personal {
  std::string text;
  auto operator<=>(const Personal&) const = default;
};

// The stored names of an enumeration's values; specialised beside each enumeration.
template <class Enum>
struct Names;

template <class Enum>
concept Named = requires { Names<Enum>::all; };

template <Named Enum>
constexpr std::string_view name_of(Enum value) {
  for (const auto& [candidate, name] : Names<Enum>::all) {
    if (candidate == value) return name;
  }
  return "";
}

}  // namespace fedlog::domain
