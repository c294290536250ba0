#include "tools/password_input.h"

#include <termios.h>
#include <unistd.h>

#include <iostream>

namespace fedlog::tools {
namespace {

// What is typed is not shown as long as this lives.
class Silence {
 public:
  Silence() {
    silent_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
    if (!silent_) return;
    auto quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Silence() {
    if (!silent_) return;
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
    std::cerr << '\n';
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  termios before_{};
  bool silent_ = false;
};

}  // namespace

bool can_prompt() {
  return ::isatty(STDIN_FILENO) == 1;
}

std::expected<std::string, std::string> read_line(const std::string& prompt) {
  if (can_prompt()) std::cerr << prompt << std::flush;
  std::string line;
  if (!std::getline(std::cin, line))
    return std::unexpected("Standard input ended before " + prompt + " came.");
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

std::expected<std::string, std::string> read_password(const std::string& prompt) {
  if (!can_prompt()) return read_line(prompt);
  const Silence silence;
  return read_line(prompt);
}

std::expected<std::string, std::string> read_new_password(const std::string& prompt) {
  auto password = read_password(prompt);
  if (!password || !can_prompt()) return password;
  const auto again = read_password("Once more: ");
  if (!again) return again;
  if (*again != *password) return std::unexpected("The two passwords differ.");
  return password;
}

}  // namespace fedlog::tools
