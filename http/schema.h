#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/fields.h"
#include "http/body.h"

// OpenAPI 3.0 schemas of what is answered, in a few words each.
namespace fedlog::http::schema {

[[nodiscard]] Body text(std::string_view description = {});
[[nodiscard]] Body uuid(std::string_view description = {});
[[nodiscard]] Body url(std::string_view description = {});
[[nodiscard]] Body integer(std::string_view description = {});
[[nodiscard]] Body number(std::string_view description = {});
[[nodiscard]] Body boolean(std::string_view description = {});
[[nodiscard]] Body base64(std::string_view description = {});
[[nodiscard]] Body bytes(std::string_view description = {});
[[nodiscard]] Body choice(const std::vector<std::string_view>& values, std::string_view description = {});
// One of the enumeration's names.
template <domain::Named Enum>
[[nodiscard]] Body named(std::string_view description = {}) {
  std::vector<std::string_view> names;
  names.reserve(std::size(domain::Names<Enum>::all));
  for (const auto& [value, name] : domain::Names<Enum>::all) names.push_back(name);
  return choice(names, description);
}
[[nodiscard]] Body list(Body items, std::string_view description = {});
// Whatever JSON there is.
[[nodiscard]] Body anything(std::string_view description = {});

// The same schema, with null allowed; the same with an example.
[[nodiscard]] Body nullable(Body schema);
[[nodiscard]] Body with_example(Body schema, Body example);

// "#/components/schemas/<name>": one of those in openapi_components.cpp.
[[nodiscard]] Body ref(std::string_view name);
[[nodiscard]] Body list_of(std::string_view name);
// The whole list, or the page that ?limit= or ?offset= asks for.
[[nodiscard]] Body listing_of(std::string_view name);

struct Property {
  std::string name;
  Body schema;
  bool required = true;
};
[[nodiscard]] Body object(std::vector<Property> properties, std::string_view description = {});

// {"detail": "<message>"} with that message as its example.
[[nodiscard]] Body detail(std::string_view message);

}  // namespace fedlog::http::schema
