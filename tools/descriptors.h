#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/settings.h"

// Connections, database files and the files of requests each take a descriptor, and the usual soft limit of
// 1,024 is too low for them.
namespace fedlog::tools {

// Raises this process's limit as far as the system allows, and gives what it is then.
[[nodiscard]] std::uint64_t raise_descriptor_limit();

// What a server needs that has as many connections as its settings allow.
[[nodiscard]] std::uint64_t descriptors_needed(const config::Settings& settings);

// What to tell whoever runs a server under a limit that is too low for its settings.
[[nodiscard]] std::optional<std::string> descriptor_warning(std::uint64_t limit,
                                                            const config::Settings& settings);

}  // namespace fedlog::tools
