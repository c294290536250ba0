#include "ml/script_code.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ml/memory_budget.h"

namespace fedlog::ml {
namespace {

bool is_identifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The name in the text that no module may use, if there is one. Spaces around dots do not hide it.
std::optional<std::string> forbidden_name(std::string_view code) {
  std::string_view owner;
  bool after_dot = false;
  for (std::size_t at = 0; at < code.size();) {
    const char c = code[at];
    if (!is_identifier(c)) {
      after_dot = c == '.' || (after_dot && (c == ' ' || c == '\t'));
      owner = after_dot || c == ' ' || c == '\t' ? owner : std::string_view{};
      ++at;
      continue;
    }
    const std::size_t start = at;
    while (at < code.size() && is_identifier(code[at])) {
      ++at;
    }
    const std::string_view word = code.substr(start, at - start);
    if (word == "__setstate__") {
      return "__setstate__";
    }
    if (after_dot && (owner == "torch" || owner == "aten") && (word == "save" || word == "from_file")) {
      return "aten::" + std::string(word);
    }
    owner = word;
    after_dot = false;
  }
  return std::nullopt;
}

// The strings of `["weight", "bias", ]`.
std::expected<std::vector<std::string>, FileError> names_in_list(std::string_view list,
                                                                 MemoryBudget& budget) {
  std::vector<std::string> names;
  for (std::size_t at = list.find('"'); at != std::string_view::npos; at = list.find('"', at)) {
    const std::size_t end = list.find('"', at + 1);
    if (end == std::string_view::npos) {
      break;
    }
    // Vectors double.
    if (auto taken = budget.take(2 * sizeof(std::string) + (end - at)); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
    names.emplace_back(list.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return names;
}

std::expected<void, FileError> read_declarations(std::string_view code, const std::string& module,
                                                 MemoryBudget& budget, ScriptClasses& classes) {
  constexpr std::string_view class_head = "class ";
  constexpr std::string_view parameters_head = "  __parameters__ = [";
  constexpr std::string_view buffers_head = "  __buffers__ = [";
  ScriptClass* current = nullptr;
  while (!code.empty()) {
    const std::size_t end = std::min(code.find('\n'), code.size());
    const std::string_view line = code.substr(0, end);
    code.remove_prefix(std::min(end + 1, code.size()));
    if (line.starts_with(class_head)) {
      const std::size_t bracket = line.find('(');
      const std::string_view base = line.substr(std::min(bracket, line.size()));
      const std::string_view name = line.substr(class_head.size(), bracket - class_head.size());
      constexpr std::uint64_t map_node_bytes = 64;
      if (auto taken =
              budget.take(map_node_bytes + sizeof(ScriptClasses::value_type) + module.size() + name.size());
          !taken) {
        return taken;
      }
      current = &classes[module + "." + std::string(name)];
      current->is_module = base.starts_with("(Module)");
      continue;
    }
    const bool parameters = line.starts_with(parameters_head);
    if (current == nullptr || (!parameters && !line.starts_with(buffers_head))) {
      continue;
    }
    auto names = names_in_list(line, budget);
    if (!names) {
      return std::unexpected(std::move(names.error()));
    }
    (parameters ? current->parameters : current->buffers) = std::move(*names);
  }
  return {};
}

// The path below code/ of a record that holds code.
std::optional<std::string_view> code_path(const TorchArchive& archive, const ZipEntry& entry) {
  constexpr std::string_view folder = "code/";
  constexpr std::string_view suffix = ".py";
  std::string_view path = archive.path_of(entry);
  if (!path.starts_with(folder) || !path.ends_with(suffix) || path.size() < folder.size() + suffix.size()) {
    return std::nullopt;
  }
  path.remove_prefix(folder.size());
  path.remove_suffix(suffix.size());
  return path;
}

}  // namespace

std::expected<ScriptClasses, FileError> read_script_classes(const TorchArchive& archive,
                                                            const FileLimits& limits) {
  std::uint64_t code_bytes = 0;
  for (const ZipEntry& entry : archive.zip().entries()) {
    code_bytes += code_path(archive, entry) ? entry.size_bytes : 0;
    if (code_bytes > limits.code_size_bytes) {
      return file_error(FileErrorCode::over_limit, "The archive has more than " +
                                                       std::to_string(limits.code_size_bytes) +
                                                       " bytes of TorchScript code.");
    }
  }
  MemoryBudget budget(limits, code_bytes);
  ScriptClasses classes;
  for (const ZipEntry& entry : archive.zip().entries()) {
    const auto path = code_path(archive, entry);
    if (!path) {
      continue;
    }
    const auto bytes = archive.zip().read(entry);
    const std::string_view code = as_text(bytes);
    if (const auto found = forbidden_name(code)) {
      return file_error(FileErrorCode::forbidden,
                        "The TorchScript code \"" + printable(archive.path_of(entry)) + "\" uses " + *found +
                            ", which reaches beyond the module. Remove it and save the module again.");
    }
    std::string module(*path);
    std::ranges::replace(module, '/', '.');
    if (auto read = read_declarations(code, module, budget, classes); !read) {
      return std::unexpected(std::move(read.error()));
    }
  }
  return classes;
}

}  // namespace fedlog::ml
