#include "http/schema.h"

namespace fedlog::http::schema {

namespace {

Body typed(std::string_view type, std::string_view description, std::string_view format = {}) {
  Body schema = Body::object();
  schema["type"] = type;
  if (!format.empty()) schema["format"] = format;
  if (!description.empty()) schema["description"] = description;
  return schema;
}

}  // namespace

Body text(std::string_view description) {
  return typed("string", description);
}

Body uuid(std::string_view description) {
  return typed("string", description, "uuid");
}

Body url(std::string_view description) {
  return typed("string", description, "uri");
}

Body integer(std::string_view description) {
  return typed("integer", description, "int64");
}

Body number(std::string_view description) {
  return typed("number", description, "double");
}

Body boolean(std::string_view description) {
  return typed("boolean", description);
}

Body base64(std::string_view description) {
  return typed("string", description, "byte");
}

Body bytes(std::string_view description) {
  return typed("string", description, "binary");
}

Body choice(const std::vector<std::string_view>& values, std::string_view description) {
  auto schema = typed("string", description);
  schema["enum"] = values;
  return schema;
}

Body list(Body items, std::string_view description) {
  auto schema = typed("array", description);
  schema["items"] = std::move(items);
  return schema;
}

Body anything(std::string_view description) {
  Body schema = Body::object();
  if (!description.empty()) schema["description"] = description;
  return schema;
}

Body nullable(Body schema) {
  schema["nullable"] = true;
  return schema;
}

Body with_example(Body schema, Body example) {
  schema["example"] = std::move(example);
  return schema;
}

Body ref(std::string_view name) {
  Body schema = Body::object();
  schema["$ref"] = "#/components/schemas/" + std::string{name};
  return schema;
}

Body list_of(std::string_view name) {
  return list(ref(name));
}

Body listing_of(std::string_view name) {
  auto page = object({{"count", with_example(integer("Of all rows."), 1)},
                      {"next", with_example(nullable(text("Where the next page is.")), nullptr)},
                      {"previous", with_example(nullable(text("Where the page before is.")), nullptr)},
                      {"results", list_of(name)}},
                     "With `?limit=` or `?offset=`.");
  Body either = Body::object();
  either["anyOf"] = Body::array({list_of(name), std::move(page)});
  return either;
}

Body object(std::vector<Property> properties, std::string_view description) {
  auto schema = typed("object", description);
  Body required = Body::array();
  schema["properties"] = Body::object();
  for (auto& property : properties) {
    if (property.required) required.push_back(property.name);
    schema["properties"][property.name] = std::move(property.schema);
  }
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Body detail(std::string_view message) {
  return object({{"detail", with_example(text(), message)}});
}

}  // namespace fedlog::http::schema
