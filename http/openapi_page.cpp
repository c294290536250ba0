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

std::string below(const Body& schema);

std::string properties_table(const Body& schema) {
  if (!schema.contains("properties") || schema["properties"].empty()) return "";
  const auto required = schema.value("required", Body::array());
  std::string rows;
  for (const auto& [name, property] : schema["properties"].items()) {
    const bool needed = std::ranges::find(required, Body(name)) != required.end();
    rows += row(name, needed, property, text_of(property, "description") + below(property));
  }
  return "<table>\n" + rows + "</table>\n";
}

// What a schema says of its parts, however deep; what it only refers to has a section of its own.
std::string below(const Body& schema) {
  auto html = properties_table(schema);
  const auto add = [&](const Body& part) {
    html += element("p", text_of(part, "description")) + below(part);
  };
  for (const char* combination : {"anyOf", "allOf"}) {
    if (!schema.contains(combination)) continue;
    for (const auto& part : schema[combination]) add(part);
  }
  for (const char* each : {"items", "additionalProperties"}) {
    if (schema.contains(each) && schema[each].is_object()) add(schema[each]);
  }
  return html;
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
    html += element("p", text_of(content["schema"], "description")) + below(content["schema"]);
    if (content.contains("example")) html += element("pre", code(content["example"], 2));
    if (!content.contains("examples")) continue;
    for (const auto& [name, example] : content["examples"].items()) {
      html += element("p", text_of(example, "summary")) + element("pre", code(example["value"]));
    }
  }
  return html;
}

std::string headers_table(const Body& document, const Body& response) {
  if (!response.contains("headers")) return "";
  std::string rows;
  for (const auto& [name, each] : response["headers"].items()) {
    const auto& header = resolved(document, each);
    rows += row(name, false, header["schema"], text_of(header, "description"));
  }
  return element("p", "Headers") + "<table>\n" + rows + "</table>\n";
}

std::string body_and_responses(const Body& document, const Body& operation) {
  std::string html;
  if (operation.contains("requestBody")) {
    const auto& body = operation["requestBody"];
    html += element("p", "Body") + element("p", text_of(body, "description")) + content_of(body);
  }
  for (const auto& [status, each] : operation["responses"].items()) {
    const auto& response = resolved(document, each);
    auto inner =
        element("summary", "<b>" + escaped_html(status) + "</b> " + text_of(response, "description"));
    html += element("details", inner + headers_table(document, response) + content_of(response));
  }
  return html;
}

std::string in_capitals(std::string verb) {
  std::ranges::transform(verb, verb.begin(), [](char c) { return static_cast<char>(c - 'a' + 'A'); });
  return verb;
}

// What the server calls in turn.
std::string callbacks_of(const Body& document, const Body& operation) {
  if (!operation.contains("callbacks")) return "";
  std::string html;
  for (const auto& [name, paths] : operation["callbacks"].items()) {
    for (const auto& [url, calls] : paths.items()) {
      for (const auto& [verb, call] : calls.items()) {
        html += element("p", "Calls back (" + escaped_html(name) + "): <code>" + in_capitals(verb) + " " +
                                 escaped_html(url) + "</code>") +
                element("p", text_of(call, "summary")) + element("p", text_of(call, "description")) +
                parameters_table(document, call) + body_and_responses(document, call);
      }
    }
  }
  return html;
}

// "none or tokenAuth or basicAuth"
std::string credentials_of(const Body& document, const Body& operation) {
  const auto& holder = operation.contains("security") ? operation : document;
  if (!holder.contains("security")) return "";
  std::string words;
  for (const auto& way : holder["security"]) {
    std::string all;
    for (const auto& [name, scopes] : way.items()) all += (all.empty() ? "" : " with ") + escaped_html(name);
    words += (words.empty() ? "" : " or ") + (all.empty() ? "none" : all);
  }
  return element("p", "Credentials: <a href=\"#credentials\">" + words + "</a>");
}

std::string operation_section(const Body& document, const std::string& path, const std::string& verb,
                              const Body& operation) {
  return "<h3 id=\"" + text_of(operation, "operationId") + "\"><code>" + in_capitals(verb) + " " +
         escaped_html(path) + "</code></h3>\n" + element("p", text_of(operation, "summary")) +
         element("p", text_of(operation, "description")) + credentials_of(document, operation) +
         parameters_table(document, operation) + body_and_responses(document, operation) +
         callbacks_of(document, operation);
}

std::string credentials_section(const Body& components) {
  if (!components.contains("securitySchemes")) return "";
  std::string html = "<h2 id=\"credentials\">Credentials</h2>\n";
  for (const auto& [name, scheme] : components["securitySchemes"].items()) {
    auto way = text_of(scheme, "type");
    for (const char* detail : {"scheme", "in", "name"}) {
      if (scheme.contains(detail)) way += ", " + text_of(scheme, detail);
    }
    html += element("h3", escaped_html(name)) + element("p", text_of(scheme, "description")) +
            element("p", "(" + way + ")");
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
  html += credentials_section(document["components"]);
  html += element("h2", "Schemas");
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    html += "<h3 id=\"" + escaped_html(name) + "\">" + escaped_html(name) + "</h3>\n" +
            element("p", text_of(schema, "description")) + element("p", words_of(schema)) + below(schema);
  }
  return html + "</body>\n</html>\n";
}

}  // namespace fedlog::http
