#include "http/negotiation.h"

#include <algorithm>

#include "http/message.h"

namespace fedlog::http {

namespace {

// Splits at `separator` outside of quoted strings.
std::vector<std::string_view> split_outside_quotes(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t position = 0; position < text.size(); ++position) {
    const char c = text[position];
    if (quoted && c == '\\') {
      ++position;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      parts.push_back(text.substr(start, position - start));
      start = position + 1;
    }
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::string unquoted(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return std::string{value};
  std::string result;
  for (std::size_t position = 1; position + 1 < value.size(); ++position) {
    if (value[position] == '\\' && position + 2 < value.size()) ++position;
    result.push_back(value[position]);
  }
  return result;
}

// DRF's order of precedence: */* < type/* < type/subtype < type/subtype with parameters other than q.
int precedence(const MediaType& range) {
  if (range.type == "*/*") return 0;
  if (range.type.ends_with("/*")) return 1;
  const bool refined =
      std::ranges::any_of(range.parameters, [](const auto& parameter) { return parameter.first != "q"; });
  return refined ? 3 : 2;
}

bool accepts(const MediaType& range, std::string_view media_type) {
  if (range.type == "*/*" || range.type == media_type) return true;
  const auto slash = media_type.find('/');
  return range.type.ends_with("/*") &&
         range.type.substr(0, range.type.size() - 2) == media_type.substr(0, slash);
}

}  // namespace

Renderer json_renderer() {
  return {"application/json", "json"};
}

std::optional<Renderer> negotiate(const std::vector<Renderer>& renderers, std::string_view accept) {
  std::vector<MediaType> ranges;
  for (const auto part : split_outside_quotes(accept, ',')) {
    if (!trimmed(part).empty()) ranges.push_back(parse_media_type(part));
  }
  if (ranges.empty()) ranges.push_back({"*/*", {}});
  for (int level = 3; level >= 0; --level) {
    for (const auto& renderer : renderers) {
      const bool accepted = std::ranges::any_of(ranges, [&](const MediaType& range) {
        return precedence(range) == level && accepts(range, renderer.media_type);
      });
      if (accepted) return renderer;
    }
  }
  return std::nullopt;
}

std::vector<Renderer> renderers_of_format(const std::vector<Renderer>& renderers, std::string_view format) {
  std::vector<Renderer> matching;
  std::ranges::copy_if(renderers, std::back_inserter(matching),
                       [&](const Renderer& renderer) { return renderer.format == format; });
  return matching;
}

std::optional<std::string_view> MediaType::parameter(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return std::nullopt;
}

MediaType parse_media_type(std::string_view value) {
  MediaType result;
  bool first = true;
  for (const auto part : split_outside_quotes(value, ';')) {
    if (first) {
      result.type = to_lower(trimmed(part));
      first = false;
      continue;
    }
    const auto equals = part.find('=');
    const auto name = trimmed(part.substr(0, equals));
    if (name.empty()) continue;
    const auto text =
        equals == std::string_view::npos ? std::string_view{} : trimmed(part.substr(equals + 1));
    result.parameters.emplace_back(to_lower(name), unquoted(text));
  }
  return result;
}

}  // namespace fedlog::http
