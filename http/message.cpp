#include "http/message.h"

#include <algorithm>
#include <array>

namespace fedlog::http {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

bool equals_ignoring_case(std::string_view left, std::string_view right) {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

std::string to_lower(std::string_view text) {
  std::string result{text};
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

const std::string* Headers::find(std::string_view name) const {
  const auto found = std::ranges::find_if(
      fields_, [&](const NameValue& field) { return equals_ignoring_case(field.first, name); });
  return found == fields_.end() ? nullptr : &found->second;
}

std::string_view Headers::get(std::string_view name) const {
  const auto* value = find(name);
  return value ? std::string_view{*value} : std::string_view{};
}

std::size_t Headers::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      fields_, [&](const NameValue& field) { return equals_ignoring_case(field.first, name); }));
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string_view name, std::string value) {
  erase(name);
  fields_.emplace_back(std::string{name}, std::move(value));
}

void Headers::set_if_absent(std::string_view name, std::string_view value) {
  if (!contains(name)) fields_.emplace_back(std::string{name}, std::string{value});
}

void Headers::erase(std::string_view name) {
  std::erase_if(fields_, [&](const NameValue& field) { return equals_ignoring_case(field.first, name); });
}

std::optional<std::string_view> Request::query_parameter(std::string_view name) const {
  for (auto parameter = query.rbegin(); parameter != query.rend(); ++parameter) {
    if (parameter->first == name) return parameter->second;
  }
  return std::nullopt;
}

std::expected<std::string, BodyError> BodyReader::read_all(std::uint64_t limit_bytes) {
  if (const auto declared = declared_size_bytes(); declared && *declared > limit_bytes) {
    return std::unexpected{BodyError::too_large};
  }
  std::string content;
  std::array<char, 16 * 1024> buffer;
  while (true) {
    const auto count = read(buffer);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return content;
    if (*count > limit_bytes - content.size()) return std::unexpected{BodyError::too_large};
    content.append(buffer.data(), *count);
  }
}

}  // namespace fedlog::http
