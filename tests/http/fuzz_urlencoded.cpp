// Whatever comes in, names and values come out as valid UTF-8.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto fields = fedlog::http::parse_urlencoded({reinterpret_cast<const char*>(data), size}, 100);
  if (!fields) return 0;
  for (const auto& [name, value] : *fields) {
    if (!fedlog::http::is_valid_utf8(name) || !fedlog::http::is_valid_utf8(value)) std::abort();
  }
  return 0;
}
