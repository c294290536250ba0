// Whatever a body holds, its fields come out as valid UTF-8 and within the limits, its files as long as they
// say, and what is refused is refused with an answer. The first line of the input is the Content-Type.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "http/form.h"
#include "http/form_data.h"

namespace {

using namespace fedlog::http;

// A body that comes in pieces of no round size.
class Pieces final : public BodyReader {
 public:
  explicit Pieces(std::string_view content) : content_(content) {}
  std::expected<std::size_t, BodyError> read(std::span<char> buffer) override {
    constexpr std::size_t piece_bytes = 37;
    const auto count = std::min({buffer.size(), content_.size(), piece_bytes});
    std::memcpy(buffer.data(), content_.data(), count);
    content_.remove_prefix(count);
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> declared_size_bytes() const override { return std::nullopt; }
  void set_limit(std::uint64_t) override {}

 private:
  std::string_view content_;
};

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  const auto line_end = std::min(input.find('\n'), input.size());
  Request request;
  request.method = "POST";
  request.headers.add("Content-Type", std::string{input.substr(0, line_end)});
  Pieces body{input.substr(std::min(line_end + 1, input.size()))};
  FormLimits limits;
  limits.fields_bytes_max = 1000;
  limits.fields_max = 20;
  limits.json_bytes_max = 1000;
  limits.multipart.parts_max = 30;
  constexpr std::size_t file_bytes_max = 100;
  const auto form = read_form_data(
      request, body, limits, [&](const PartHead&) { return std::make_unique<MemorySink>(file_bytes_max); });
  if (!form) {
    require(form.error().status >= 400 && form.error().status < 500);
    require(!std::get<std::string>(form.error().body).empty());
    return 0;
  }
  require(form->fields.size() <= limits.fields_max);
  std::size_t fields_bytes = 0;
  for (const auto& [name, value] : form->fields) {
    require(is_valid_utf8(name) && is_valid_utf8(value));
    fields_bytes += value.size();
  }
  // A byte that is no UTF-8 becomes three.
  require(fields_bytes <= 3 * limits.fields_bytes_max);
  for (const auto& file : form->files) {
    require(file.size_bytes <= file_bytes_max);
    const auto& sink = dynamic_cast<const MemorySink&>(*file.sink);
    require(sink.content().size() == file.size_bytes);
  }
  return 0;
}
