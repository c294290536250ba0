#pragma once

#include <cstdint>

namespace fedlog::ml {

// Takes from the calling thread, for good, every access by path and to the network that this kernel's
// Landlock knows of, signals to others included. Returns Landlock's version; 0 when the kernel has none and
// nothing changed. no_new_privs must be set.
[[nodiscard]] std::uint32_t restrict_by_landlock();

}  // namespace fedlog::ml
