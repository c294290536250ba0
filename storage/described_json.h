#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "domain/fields.h"
#include "storage/described.h"

namespace fedlog::storage {

// A described value for people and tools: fields by name, in the order of their description.
template <class T>
nlohmann::ordered_json json_of(const T& value) {
  if constexpr (described::is_optional<T>) {
    return value ? json_of(*value) : nlohmann::ordered_json();
  } else if constexpr (described::is_vector<T>) {
    auto list = nlohmann::ordered_json::array();
    for (const auto& element : value) list.push_back(json_of(element));
    return list;
  } else if constexpr (domain::Described<T>) {
    auto object = nlohmann::ordered_json::object();
    domain::for_each_field<T>(
        value, [&](std::string_view name, const auto& field) { object[std::string(name)] = json_of(field); });
    return object;
  } else if constexpr (domain::Named<T>) {
    return std::string(domain::name_of(value));
  } else if constexpr (std::same_as<T, domain::Personal>) {
    return value.text;
  } else if constexpr (std::same_as<T, domain::GroupId>) {
    return value.number;
  } else if constexpr (requires { value.text(); }) {
    return value.text();
  } else {
    return value;
  }
}

}  // namespace fedlog::storage
