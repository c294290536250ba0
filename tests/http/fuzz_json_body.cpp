// What our parser accepts, nlohmann's must accept too, and give the same value (ours refuses a little more).

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "http/json_body.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto parsed = fedlog::http::parse_json(text);
  if (!parsed) return 0;
  const auto other = nlohmann::json::parse(text, nullptr, false);
  if (other.is_discarded() || *parsed != other) std::abort();
  return 0;
}
