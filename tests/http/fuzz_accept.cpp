// Whatever an Accept header or ?format= holds, what is chosen was offered; and who accepts all gets
// something.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "http/negotiation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedlog::http;
  static const std::vector<Renderer> offered{{"application/vnd.oai.openapi", "yaml"},
                                             {"application/vnd.oai.openapi+json", "json"},
                                             {"application/json", "json"},
                                             {"text/html", "html"}};
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const auto known = [](const Renderer& chosen) {
    return std::ranges::any_of(offered, [&](const Renderer& each) { return each.format == chosen.format; });
  };
  if (const auto chosen = negotiate(offered, input); chosen && !known(*chosen)) std::abort();
  if (!negotiate(offered, "*/*, " + std::string{input})) std::abort();
  for (const auto& renderer : renderers_of_format(offered, input)) {
    if (renderer.format != input) std::abort();
  }
  (void)parse_media_type(input);
  return 0;
}
