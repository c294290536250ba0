// Whatever comes in, no control character gets through, and a head's end is found wherever the pieces are
// cut.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/form.h"
#include "http/request_head.h"

namespace {

void refuse_control_characters(std::string_view text) {
  if (std::ranges::any_of(
          text, [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; })) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedlog::http;
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  std::size_t scanned_bytes = 0;
  const auto whole = find_head_end(input, scanned_bytes, {});
  scanned_bytes = 0;
  auto pieces = find_head_end(input.substr(0, size / 2), scanned_bytes, {});
  if (pieces && !*pieces) pieces = find_head_end(input, scanned_bytes, {});
  if (whole.has_value() != pieces.has_value() || (whole && *whole != *pieces)) std::abort();
  if (!whole || !*whole) return 0;
  const auto head = parse_request_head(input.substr(0, **whole), {});
  if (!head) return 0;
  refuse_control_characters(head->request.method);
  refuse_control_characters(head->request.path);
  refuse_control_characters(head->request.raw_path);
  if (!is_valid_utf8(head->request.path)) std::abort();
  for (const auto& [name, value] : head->request.headers) {
    refuse_control_characters(name);
    refuse_control_characters(value);
  }
  return 0;
}
