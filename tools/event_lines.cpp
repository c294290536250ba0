#include "tools/event_lines.h"

namespace fedlog::tools {
namespace {

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

// Values as they are, texts with spaces or control characters in JSON's quotes; empty lists and nulls are
// left out.
void append_fields(const nlohmann::ordered_json& object, const std::string& prefix, std::string& line) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_null() || (value.is_array() && value.empty())) continue;
    if (value.is_object()) {
      append_fields(value, prefix + name + ".", line);
      continue;
    }
    auto text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const bool bare = value.is_string() && text.size() > 2 && text.find_first_of(" \\") == std::string::npos;
    line += " " + prefix + name + "=" + (bare ? text.substr(1, text.size() - 2) : text);
  }
}

}  // namespace

std::string readable(const nlohmann::ordered_json& envelope) {
  const auto stream = envelope.at("stream").get<std::string>() + "@" +
                      std::to_string(envelope.at("version").get<std::uint64_t>());
  auto line = padded(std::to_string(envelope.at("position").get<std::uint64_t>()), 6) + " " +
              envelope.at("time").get<std::string>() + " " + padded(stream, 50) + " " +
              padded(envelope.at("type").get<std::string>(), 21);
  append_fields(envelope.at("payload"), {}, line);
  return line;
}

}  // namespace fedlog::tools
