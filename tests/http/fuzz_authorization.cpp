// Whatever comes in, user names and passwords come out as valid UTF-8.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/basic_credentials.h"
#include "http/form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedlog::http;
  const auto credentials = parse_authorization({reinterpret_cast<const char*>(data), size});
  if (!credentials) return 0;
  if (const auto* basic = std::get_if<BasicCredentials>(&*credentials)) {
    if (!is_valid_utf8(basic->username) || !is_valid_utf8(basic->password)) std::abort();
  }
  return 0;
}
