#pragma once

#include <expected>
#include <string>

namespace fedlog::tools {

// A password from standard input: on a terminal asked for, and not shown; else the first line. Passwords are
// never arguments, which every user of the machine can see. The error is a sentence.
[[nodiscard]] std::expected<std::string, std::string> read_password(const std::string& prompt);

// The same, asked for twice on a terminal.
[[nodiscard]] std::expected<std::string, std::string> read_new_password(const std::string& prompt);

[[nodiscard]] bool can_prompt();
[[nodiscard]] std::expected<std::string, std::string> read_line(const std::string& prompt);

}  // namespace fedlog::tools
