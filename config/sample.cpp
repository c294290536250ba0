#include <string>
#include <string_view>
#include <variant>

#include "config/keys.h"

namespace fedlog::config {
namespace {

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + '"';
}

std::string toml(const Value& value) {
  if (const bool* boolean = std::get_if<bool>(&value)) return *boolean ? "true" : "false";
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const std::string* text = std::get_if<std::string>(&value)) return in_quotes(*text);
  std::string list;
  for (const std::string& entry : std::get<std::vector<std::string>>(value)) {
    list += (list.empty() ? "" : ", ") + in_quotes(entry);
  }
  return "[" + list + "]";
}

}  // namespace

std::string sample() {
  std::string text =
      "# Every key of fedlog-server's configuration, with its default. Take a line's leading # away to "
      "change it.\n"
      "#\n"
      "# Each key is an environment variable too: section.key is FEDLOG_SECTION__KEY (a list is separated by "
      "commas), and\n"
      "# wins over this file; flags of the command line win over both.\n";
  std::string_view section;
  for (const Key& key : keys()) {
    const std::size_t dot = key.name.find('.');
    if (key.name.substr(0, dot) != section) {
      section = key.name.substr(0, dot);
      text += "\n[" + std::string(section) + "]\n";
    }
    text += "\n# " + std::string(key.documentation) + "\n# Allowed: " + allowed(key) + ".\n";
    text += "#" + std::string(key.name.substr(dot + 1)) + " = " + toml(key.get(Settings{})) + "\n";
  }
  return text;
}

}  // namespace fedlog::config
