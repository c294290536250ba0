#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>

#include "config/keys.h"

namespace fedlog::config {
namespace {

using Problem = std::optional<std::string>;  // what is wrong, without where
// Where each key was set last, as a message begins with it.
using Places = std::map<std::string_view, std::string>;

const Key* find_key(std::string_view name) {
  const auto found = std::ranges::find(keys(), name, &Key::name);
  return found == keys().end() ? nullptr : &*found;
}

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The key that was probably meant: the nearest by spelling, or one of the same name in another section.
std::string unknown_key(std::string_view name) {
  std::string text = "unknown key \"" + std::string(name.substr(0, 100)) + "\"";
  if (name.size() > 100) return text;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  const Key* nearest = nullptr;
  std::size_t least = 4;
  for (const Key& key : keys()) {
    const bool same_last = key.name.substr(key.name.find('.') + 1) == last;
    const std::size_t distance = same_last ? 1 : edit_distance(name, key.name);
    if (distance < least) {
      least = distance;
      nearest = &key;
    }
  }
  if (nearest != nullptr) return text + "; did you mean \"" + std::string(nearest->name) + "\"?";
  return text + "; config/fedlog.toml names every key";
}

std::string must_be(const Key& key, std::string_view found) {
  std::string shown(found.substr(0, 100));
  return std::string(key.name) + " must be " + allowed(key) + ", not " + shown;
}

// Sets a value that has the key's type already.
Problem set(Settings& settings, const Key& key, const Value& value) {
  if (const std::int64_t* number = std::get_if<std::int64_t>(&value);
      number != nullptr && (*number < key.range.min || *number > key.range.max)) {
    return must_be(key, std::to_string(*number));
  }
  if (const std::string* text = std::get_if<std::string>(&value)) {
    const bool known = key.choices.empty() || std::ranges::find(key.choices, *text) != key.choices.end();
    const bool well_formed = key.has_form == nullptr || key.has_form(*text);
    if (!known || !well_formed) return must_be(key, '"' + *text + '"');
  }
  if (const auto* list = std::get_if<std::vector<std::string>>(&value); list && key.has_form != nullptr) {
    for (const std::string& entry : *list) {
      if (!key.has_form(entry)) return must_be(key, '"' + entry + '"');
    }
  }
  key.set(settings, value);
  return std::nullopt;
}

Problem set_text(Settings& settings, const Key& key, const std::string& text) {
  Value value = key.get(settings);
  if (bool* boolean = std::get_if<bool>(&value)) {
    if (text != "true" && text != "false") return must_be(key, '"' + text + '"');
    *boolean = text == "true";
  } else if (std::int64_t* number = std::get_if<std::int64_t>(&value)) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    if (error != std::errc() || end != text.data() + text.size()) return must_be(key, '"' + text + '"');
  } else if (auto* list = std::get_if<std::vector<std::string>>(&value)) {
    list->clear();
    std::istringstream entries(text);
    for (std::string entry; std::getline(entries, entry, ',');) {
      const std::size_t first = entry.find_first_not_of(' ');
      list->push_back(
          first == std::string::npos ? "" : entry.substr(first, entry.find_last_not_of(' ') - first + 1));
    }
  } else {
    value = text;
  }
  return set(settings, key, value);
}

// "of type integer"; of a list that has another entry than texts, what that is.
std::string words_of_type(const toml::node& node) {
  std::ostringstream words;
  if (const auto* list = node.as_array()) {
    for (const toml::node& entry : *list) {
      if (entry.is_string()) continue;
      words << "a list with an entry of type " << entry.type();
      return words.str();
    }
  }
  words << "of type " << node.type();
  return words.str();
}

Problem set_toml(Settings& settings, const Key& key, const toml::node& node) {
  Value value = key.get(settings);
  if (std::holds_alternative<bool>(value) && node.is_boolean()) {
    value = node.as_boolean()->get();
  } else if (std::holds_alternative<std::int64_t>(value) && node.is_integer()) {
    value = node.as_integer()->get();
  } else if (std::holds_alternative<std::string>(value) && node.is_string()) {
    value = node.as_string()->get();
  } else if (auto* list = std::get_if<std::vector<std::string>>(&value);
             list != nullptr && node.is_array() &&
             (node.as_array()->empty() || node.as_array()->is_homogeneous<std::string>())) {
    list->clear();
    for (const toml::node& entry : *node.as_array()) list->push_back(entry.as_string()->get());
  } else {
    return must_be(key, words_of_type(node));
  }
  return set(settings, key, value);
}

std::string position(const std::filesystem::path& file, const toml::source_region& source) {
  return file.string() + ":" + std::to_string(source.begin.line) + ":" + std::to_string(source.begin.column) +
         ": ";
}

Problem read_section(Settings& settings, Places& places, const std::filesystem::path& file,
                     std::string_view section, const toml::table& table) {
  for (const auto& [name, node] : table) {
    const std::string full = std::string(section) + "." + std::string(name.str());
    const Key* key = find_key(full);
    if (key == nullptr) return position(file, name.source()) + unknown_key(full);
    const auto place = position(file, node.source());
    if (const Problem problem = set_toml(settings, *key, node)) return place + *problem;
    places[key->name] = place;
  }
  return std::nullopt;
}

Problem read_table(Settings& settings, Places& places, const std::filesystem::path& file,
                   const toml::table& root) {
  for (const auto& [name, node] : root) {
    const std::string section(name.str());
    const bool known =
        std::ranges::any_of(keys(), [&](const Key& key) { return key.name.starts_with(section + "."); });
    if (!known || !node.is_table()) {
      return position(file, name.source()) +
             (node.is_table()
                  ? "unknown section [" + section.substr(0, 100) + "]; config/fedlog.toml names every one"
              : known ? "\"" + section + "\" is a section: write [" + section + "] and its keys below"
                      : unknown_key(section));
    }
    if (const Problem problem = read_section(settings, places, file, section, *node.as_table())) {
      return problem;
    }
  }
  return std::nullopt;
}

Problem read_file(Settings& settings, Places& places, const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream content;
  // Of an empty file nothing is inserted, which would look like a failure.
  const bool empty = stream && stream.peek() == std::ifstream::traits_type::eof() && !stream.bad();
  if (!empty && (!stream || !(content << stream.rdbuf()))) {
    return file.string() + ": cannot read the configuration: " + std::strerror(errno);
  }
  try {
    return read_table(settings, places, file, toml::parse(content.str()));
  } catch (const toml::parse_error& error) {
    return position(file, error.source()) + std::string(error.description());
  }
}

// With one underscore where two should be.
bool is_almost(const std::string& variable, const Key& key) {
  auto name = variable_name(key.name);
  name.erase(name.find("__"), 1);
  return name == variable;
}

Problem read_variable(Settings& settings, Places& places, const std::string& variable,
                      const std::string& text) {
  if (!variable.starts_with("FEDLOG_")) return std::nullopt;
  const auto meant = std::ranges::find_if(keys(), [&](const Key& key) { return is_almost(variable, key); });
  if (meant != keys().end()) return variable + ": did you mean " + variable_name(meant->name) + "?";
  if (!variable.contains("__")) return std::nullopt;
  const auto found =
      std::ranges::find_if(keys(), [&](const Key& key) { return variable_name(key.name) == variable; });
  if (found != keys().end()) {
    const Problem problem = set_text(settings, *found, text);
    places[found->name] = variable + ": ";
    return problem ? Problem(variable + ": " + *problem) : std::nullopt;
  }
  std::string name = variable.substr(std::strlen("FEDLOG_"));
  name.replace(name.find("__"), 2, ".");
  std::ranges::transform(name, name.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return variable + ": " + unknown_key(name);
}

Problem read_flag(Settings& settings, Places& places, const std::string& name, const std::string& text) {
  const Key* key = find_key(name);
  if (key != nullptr) places[key->name] = "command line: ";
  const Problem problem = key == nullptr ? unknown_key(name) : set_text(settings, *key, text);
  return problem ? Problem("command line: " + *problem) : std::nullopt;
}

// Begins with where one of the two keys was set.
Problem contradiction(const Settings& settings, const Places& places) {
  const auto at = [&](std::string_view key, std::string_view other) -> std::string {
    const auto found = places.contains(key) ? places.find(key) : places.find(other);
    return found == places.end() ? "" : found->second;
  };
  if (settings.notifications.retry_first_ms > settings.notifications.retry_max_ms) {
    return at("notifications.retry_max_ms", "notifications.retry_first_ms") +
           "notifications.retry_first_ms (" + std::to_string(settings.notifications.retry_first_ms) +
           ") must not exceed notifications.retry_max_ms (" +
           std::to_string(settings.notifications.retry_max_ms) + ")";
  }
  if (settings.limits.list_memory_bytes_max / 2 < settings.limits.list_bytes_max) {
    return at("limits.list_memory_bytes_max", "limits.list_bytes_max") + "limits.list_memory_bytes_max (" +
           std::to_string(settings.limits.list_memory_bytes_max) +
           ") must be at least twice limits.list_bytes_max (" +
           std::to_string(settings.limits.list_bytes_max) + "), which one list can take";
  }
  if (settings.tls.certificate.empty() != settings.tls.key.empty()) {
    return at("tls.certificate", "tls.key") +
           (settings.tls.key.empty()
                ? "tls.key is missing: tls.certificate is set, and needs its key"
                : "tls.certificate is missing: tls.key is set, and needs its certificate");
  }
  return std::nullopt;
}

}  // namespace

std::expected<Settings, std::string> load(const std::optional<std::filesystem::path>& file,
                                          const Texts& environment, const Texts& flags) {
  Settings settings;
  Places places;
  if (file) {
    if (const Problem problem = read_file(settings, places, *file)) return std::unexpected(*problem);
  }
  for (const auto& [variable, text] : environment) {
    if (const Problem problem = read_variable(settings, places, variable, text))
      return std::unexpected(*problem);
  }
  for (const auto& [name, text] : flags) {
    if (const Problem problem = read_flag(settings, places, name, text)) return std::unexpected(*problem);
  }
  if (const Problem problem = contradiction(settings, places)) return std::unexpected(*problem);
  return settings;
}

Texts fedlog_environment() {
  Texts variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (text.starts_with("FEDLOG_") && equals != std::string_view::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.contains(':')) {
    return std::nullopt;
  }
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  const bool number = error == std::errc() && end == port_text.data() + port_text.size();
  const bool plain =
      std::ranges::none_of(host, [](unsigned char letter) { return letter <= ' ' || letter > '~'; });
  if (host.empty() || !plain || !number) return std::nullopt;
  return ListenAddress{.host = std::string(host), .port = port};
}

std::optional<MinUpdates> parse_min_updates(std::string_view text) {
  constexpr std::int64_t count_max = 2000;
  const char* const end = text.data() + text.size();
  MinUpdates result;
  if (text.contains('.')) {
    const auto [stop, error] = std::from_chars(text.data(), end, result.fraction, std::chars_format::fixed);
    const bool share = result.fraction > 0 && result.fraction <= 1;
    return error == std::errc() && stop == end && share ? std::optional(result) : std::nullopt;
  }
  const auto [stop, error] = std::from_chars(text.data(), end, result.count);
  const bool number = error == std::errc() && stop == end && result.count >= 1 && result.count <= count_max;
  return number ? std::optional(result) : std::nullopt;
}

bool is_origin(std::string_view text) {
  if (text == "*") return true;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto consists_of = [](std::string_view part, std::string_view others) {
    return !part.empty() && std::ranges::all_of(part, [&](char letter) {
      return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || others.contains(letter);
    });
  };
  return consists_of(text.substr(0, colon), "+-.") && consists_of(text.substr(colon + 3), "-.:[]_");
}

}  // namespace fedlog::config
