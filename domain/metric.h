#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"

namespace fedlog::domain {

// One named result that a user reported: a number, or bytes kept as a blob. Exactly one of the two is set.
struct Metric {
  std::string name;
  std::optional<double> number;
  std::optional<BlobId> blob;

  static constexpr auto fields() {
    return std::tuple{field("name", &Metric::name), field("number", &Metric::number),
                      field("blob", &Metric::blob)};
  }
  bool operator==(const Metric&) const = default;
};

// The same for the same metrics in the same order, on every machine; for others most likely another. 0: none.
[[nodiscard]] std::uint64_t fingerprint(const std::vector<Metric>& metrics);

}  // namespace fedlog::domain
