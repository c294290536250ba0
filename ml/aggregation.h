#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>

#include "ml/file_error.h"
#include "ml/file_limits.h"

namespace fedlog::ml {

struct WeightedUpdate {
  std::filesystem::path file;
  std::uint64_t sample_size = 0;
};

struct AggregationOptions {
  // The result does not depend on it.
  unsigned threads = 1;
  FileLimits limits = {};
};

// Federated averaging (McMahan et al. 2017): each element of the result is sum(n_i * x_i) / sum(n_i) over the
// updates.
//
// `output` becomes a byte copy of `base` in which the storages' bytes, and the archive's CRCs of them, are
// replaced: class names, code and metadata stay the base's, whatever format the updates have. Tensors are
// matched by name and must pass check_update (NaN is let through: the caller decides). The updates are summed
// in the given order, which makes the result the same to the bit on every run; arithmetic and rounding are
// MeanAccumulator's, and ExactSum's where that leaves a float64 open. Tied weights are averaged once. Bool
// tensors, and whatever no state_dict lists, keep the base's values. Updates of sample size 0 count for
// nothing.
//
// The files are mapped, and may not change meanwhile. Memory, mapped pages included, is bounded by the base's
// size and some 20 MiB a thread, whatever the number of updates; only what tells where an update's tensors
// stand is kept of each: 8 bytes a tensor, and some 100 for one of other strides than the base's. Where there
// are such strides, as much of four updates may be mapped at once as is between a block's rows. The output is
// complete but not synced when this returns; after an error it does not exist. Throws std::bad_alloc.
//
// Files with a single tensor (moments) are averaged the same way, with the first of them as the base.
[[nodiscard]] std::expected<void, FileError> weighted_mean(const std::filesystem::path& base,
                                                           std::span<const WeightedUpdate> updates,
                                                           const std::filesystem::path& output,
                                                           const AggregationOptions& options = {});

}  // namespace fedlog::ml
