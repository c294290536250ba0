#include "http/openapi_page.h"

#include <algorithm>

namespace fedlog::http {

namespace {

std::string text_of(const Body& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? escaped_html(found->get_ref<const std::string&>())
                                                     : "";
}

std::string element(std::string_view name, const std::string& content) {
  if (content.empty()) return "";
  const std::string tag{name};
  return "<" + tag + ">" + content + "</" + tag + ">\n";
}

std::string code(const Body& value, int indent = -1) {
  return "<code>" + escaped_html(value.is_string() ? value.get<std::string>() : value.dump(indent)) +
         "</code>";
}

const Body& resolved(const Body& document, const Body& node) {
  const auto reference = node.find("$ref");
  if (reference == node.end()) return node;
  // "#/components/..."
  return document.at(Body::json_pointer{reference->get<std::string>().substr(1)});
}

// "User", "list of User", "integer", "string (uuid), at most 150 characters": a schema in a few words.
std::string words_of(const Body& schema) {
  if (const auto reference = schema.find("$ref"); reference != schema.end()) {
    const auto path = reference->get<std::string>();
    const auto name = escaped_html(path.substr(path.rfind('/') + 1));
    return "<a href=\"#" + name + "\">" + name + "</a>";
  }
  for (const char* combination : {"anyOf", "allOf"}) {
    if (!schema.contains(combination)) continue;
    std::string words;
    for (const auto& part : schema[combination]) {
      words += (words.empty() ? "" : combination[1] == 'n' ? " or " : " with ") + words_of(part);
    }
    return words;
  }
  if (schema.contains("items")) return "list of " + words_of(schema["items"]);
  auto words = schema.contains("type") ? text_of(schema, "type") : std::string{"anything"};
  if (schema.contains("format")) words += " (" + text_of(schema, "format") + ")";
  if (schema.value("nullable", false)) words += " or null";
  if (schema.contains("enum")) words += ", one of " + escaped_html(schema["enum"].dump());
  if (schema.contains("minimum")) words += ", at least " + schema["minimum"].dump();
  if (schema.contains("maxLength")) words += ", at most " + schema["maxLength"].dump() + " characters";
  if (schema.contains("maxItems")) words += ", at most " + schema["maxItems"].dump() + " items";
  if (schema.contains("default")) words += ", by default " + code(schema["default"]);
  return words;
}

std::string row(const std::string& name, bool required, const Body& schema, const std::string& description) {
  return "<tr><td><code>" + escaped_html(name) + "</code>" + (required ? " *" : "") + "</td><td>" +
         words_of(schema) + "</td><td>" + description + "</td></tr>\n";
}

std::string properties_table(const Body& schema) {
  if (!schema.contains("properties") || schema["properties"].empty()) return "";
  const auto required = schema.value("required", Body::array());
  std::string rows;
  for (const auto& [name, property] : schema["properties"].items()) {
    const bool needed = std::ranges::find(required, Body(name)) != required.end();
    rows += row(name, needed, property, text_of(property, "description"));
  }
  return "<table>\n" + rows + "</table>\n";
}

std::string parameters_table(const Body& document, const Body& operation) {
  if (!operation.contains("parameters")) return "";
  std::string rows;
  for (const auto& each : operation["parameters"]) {
    const auto& parameter = resolved(document, each);
    rows += row(parameter.value("name", ""), parameter.value("required", false), parameter["schema"],
                text_of(parameter, "description") + " (" + text_of(parameter, "in") + ")");
  }
  return element("p", "Parameters") + "<table>\n" + rows + "</table>\n";
}

std::string content_of(const Body& holder) {
  if (!holder.contains("content")) return "";
  std::string html;
  for (const auto& [media_type, content] : holder["content"].items()) {
    html += element("p", "<code>" + escaped_html(media_type) + "</code>: " + words_of(content["schema"]));
    html += properties_table(content["schema"]);
    if (content.contains("example")) html += element("pre", code(content["example"], 2));
    if (!content.contains("examples")) continue;
    for (const auto& [name, example] : content["examples"].items())
      html += element("pre", code(example["value"]));
  }
  return html;
}

std::string operation_section(const Body& document, const std::string& path, const std::string& verb,
                              const Body& operation) {
  auto method = verb;
  std::ranges::transform(method, method.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  auto html = "<h3 id=\"" + text_of(operation, "operationId") + "\"><code>" + method + " " +
              escaped_html(path) + "</code></h3>\n" + element("p", text_of(operation, "summary")) +
              element("p", text_of(operation, "description")) + parameters_table(document, operation);
  if (operation.contains("requestBody")) html += element("p", "Body") + content_of(operation["requestBody"]);
  for (const auto& [status, each] : operation["responses"].items()) {
    const auto& response = resolved(document, each);
    auto inner = element("summary", "<b>" + status + "</b> " + text_of(response, "description"));
    html += element("details", inner + content_of(response));
  }
  return html;
}

}  // namespace

std::string escaped_html(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result.push_back(c);
    }
  }
  return result;
}

std::string openapi_page(const Body& document, std::string_view how_to_get_more) {
  const auto title = text_of(document["info"], "title");
  auto html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + title +
              "</title>\n<link rel=\"stylesheet\" href=\"../files/plain.css\">\n</head>\n<body>\n" +
              element("h1", title) + element("p", escaped_html(how_to_get_more)) +
              "<p>For programs: <a href=\"../\">YAML</a>, <a href=\"../?format=json\">JSON</a>.</p>\n" +
              element("pre", text_of(document["info"], "description"));
  for (const auto& tag : document["tags"]) {
    html += element("h2", text_of(tag, "name"));
    for (const auto& [path, operations] : document["paths"].items()) {
      for (const auto& [verb, operation] : operations.items()) {
        if (operation["tags"][0] == tag["name"]) html += operation_section(document, path, verb, operation);
      }
    }
  }
  html += element("h2", "Schemas");
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    html += "<h3 id=\"" + escaped_html(name) + "\">" + escaped_html(name) + "</h3>\n" +
            element("p", text_of(schema, "description")) + element("p", words_of(schema)) +
            properties_table(schema);
  }
  return html + "</body>\n</html>\n";
}

}  // namespace fedlog::http
