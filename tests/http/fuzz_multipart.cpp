// Feeds a body in two pieces and whole: both must give the same parts, and neither may hang or read out of
// bounds.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/multipart.h"

namespace {

std::string parse(std::string_view body, std::size_t split) {
  std::string seen;
  fedlog::http::MultipartParser parser{"B",
                                       {.on_part =
                                            [&](const fedlog::http::PartHead& head) {
                                              seen +=
                                                  "[" + head.name + "|" + head.filename.value_or("-") + "]";
                                              return true;
                                            },
                                        .on_data =
                                            [&](std::string_view data) {
                                              seen += data;
                                              return true;
                                            },
                                        .on_part_end =
                                            [&] {
                                              seen += "[end]";
                                              return true;
                                            }},
                                       {.parts_max = 100, .part_head_bytes_max = 1 << 20}};
  const bool whole = parser.feed(body.substr(0, split)) && parser.feed(body.substr(split)) && parser.finish();
  return whole ? seen : "refused";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body{reinterpret_cast<const char*>(data), size};
  if (parse(body, size / 2) != parse(body, size)) std::abort();
  return 0;
}
