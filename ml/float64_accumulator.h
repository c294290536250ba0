#pragma once

#include "ml/mean_accumulator.h"

namespace fedlog::ml {

// Sums of float64 in two doubles each, with a bound of what even these lose. The mean of nearly all elements
// can be told from that to be the exact one, rounded once; of the others the indexes are answered.
class Float64Accumulator final : public MeanAccumulator {
 public:
  void add(Part part, std::span<const Weighted> runs, bool starts) override;
  [[nodiscard]] std::vector<std::size_t> mean(Part part, std::uint64_t total_weight,
                                              std::span<std::byte> out) override;

 private:
  std::vector<double> high_;
  std::vector<double> low_;
  std::vector<double> lost_;
  std::vector<double> open_;
};

}  // namespace fedlog::ml
