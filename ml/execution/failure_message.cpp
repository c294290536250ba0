#include "ml/execution/failure_message.h"

#include <c10/util/Exception.h>
#include <torch/version.h>

#include <new>

#include "ml/worker_protocol.h"

namespace fedlog::ml {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// "condition INTERNAL ASSERT FAILED at "file":line, please report a bug to PyTorch. reason": the files that
// come here are strangers', so there is no bug to report.
std::string without_assertion(std::string_view text) {
  constexpr std::string_view mark = "INTERNAL ASSERT FAILED at ";
  constexpr std::string_view plea = "please report a bug to PyTorch.";
  const auto failed = text.find(mark);
  if (failed == std::string_view::npos) return std::string(text);
  const auto plea_begin = text.find(plea, failed);
  if (plea_begin != std::string_view::npos) {
    if (const auto reason = trim(text.substr(plea_begin + plea.size())); !reason.empty()) {
      return std::string(reason);
    }
  }
  return "PyTorch failed where it expects \"" + std::string(trim(text.substr(0, failed))) + "\"";
}

std::string of_unknown_operator(std::string_view text) {
  constexpr std::string_view mark = "Unknown builtin op: ";
  const auto begin = text.find(mark);
  if (begin == std::string_view::npos) return std::string(text);
  auto name = text.substr(begin + mark.size());
  name = name.substr(0, name.find(' '));
  if (name.ends_with('.')) name.remove_suffix(1);
  return "its code names the operator " + std::string(name) +
         ", which the server's PyTorch (" TORCH_VERSION ") does not have; write it with older ones";
}

}  // namespace

std::string shorten_failure(std::string_view text) {
  // "...Traceback...\n  <source> <--- HERE\nRuntimeError: mat1 and mat2 shapes cannot be multiplied
  // (...)\nException raised from ...": the interpreter puts the cause last, all else puts it first.
  text = text.substr(0, text.find("\nException raised from "));
  constexpr std::string_view cause = "Error: ";
  if (contains(text, "TorchScript interpreter")) {
    if (const auto found = text.rfind("\nRuntimeError: "); found != std::string_view::npos) {
      text = text.substr(found + 1 + std::string_view("RuntimeError: ").size());
    } else if (const auto other = text.rfind(cause); other != std::string_view::npos) {
      const auto line = text.rfind('\n', other);
      text = text.substr(line == std::string_view::npos ? 0 : line + 1);
    }
  }
  text = trim(text);
  text = trim(text.substr(0, text.find('\n')));
  if (text.ends_with(':')) text.remove_suffix(1);
  for (const std::string_view prefix : {"builtins.", "AssertionError: "}) {
    if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  }
  if (text.starts_with("[enforce fail at")) {
    const auto reason = text.find("] . ");
    if (reason != std::string_view::npos) text.remove_prefix(reason + 4);
  }
  return printable_line(of_unknown_operator(without_assertion(text)));
}

std::string failure_message(const std::exception& failure) {
  if (const auto* error = dynamic_cast<const c10::Error*>(&failure)) {
    return shorten_failure(error->what_without_backtrace());
  }
  return shorten_failure(failure.what());
}

bool is_out_of_memory(const std::exception& failure) {
  return dynamic_cast<const std::bad_alloc*>(&failure) != nullptr ||
         contains(failure.what(), "can't allocate memory") || contains(failure.what(), "not enough memory") ||
         contains(failure.what(), "std::bad_alloc");
}

bool wants_whole_numbers(std::string_view message) {
  return contains(message, "Long") || contains(message, "Int;") || contains(message, "Int ") ||
         contains(message, "must be integers") || contains(message, "must be long, byte or bool");
}

}  // namespace fedlog::ml
