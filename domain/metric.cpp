#include "domain/metric.h"

#include <bit>
#include <span>

namespace fedlog::domain {
namespace {

// FNV-1a (Fowler, Noll, Vo), 64 bits wide.
class Digest {
 public:
  void add(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) add(static_cast<std::uint8_t>(number >> shift));
  }
  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    for (const char letter : text) add(static_cast<std::uint8_t>(letter));
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace

std::uint64_t fingerprint(const std::vector<Metric>& metrics) {
  if (metrics.empty()) return 0;
  Digest digest;
  for (const auto& metric : metrics) {
    digest.add(metric.name);
    digest.add(metric.number ? std::bit_cast<std::uint64_t>(*metric.number) : 0);
    digest.add(metric.blob ? metric.blob->text() : std::string{});
  }
  return digest.value();
}

}  // namespace fedlog::domain
