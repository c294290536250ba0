#pragma once

#include <expected>
#include <string>

namespace fedlog::ml {

// Leaves this thread (and what it starts, which is nothing) the system calls that computing with torch needs.
// no_new_privs must be set. See enter_sandbox for what the others do.
[[nodiscard]] std::expected<void, std::string> install_seccomp_filter();

}  // namespace fedlog::ml
