#pragma once

#include <exception>
#include <string>
#include <string_view>

namespace fedlog::ml {

// The one sentence of a torch exception that its reader needs: without the C++ backtrace, the TorchScript
// traceback and the source excerpt.
[[nodiscard]] std::string failure_message(const std::exception& failure);

// The same for the text of one.
[[nodiscard]] std::string shorten_failure(std::string_view text);

// Whether torch says that memory ran out.
[[nodiscard]] bool is_out_of_memory(const std::exception& failure);

// Whether torch says that it wanted whole numbers (indices) and got something else.
[[nodiscard]] bool wants_whole_numbers(std::string_view message);

}  // namespace fedlog::ml
