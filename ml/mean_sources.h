#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <unordered_map>
#include <vector>

#include "ml/mapped_file.h"
#include "ml/model_file.h"
#include "ml/tensor_box.h"

namespace fedlog::ml {

// A tensor of the base that gets a mean: a dense run of elements in the output.
struct MeanTarget {
  std::string name;
  DType dtype;
  std::uint64_t count;
  std::uint64_t file_offset;
  // The base's dimensions of more than one element, from the largest stride to the smallest (the order of its
  // memory), and their sizes.
  std::vector<std::size_t> dimensions;
  Dimensions shape;
};

// An update and where it holds the elements of the targets.
struct MeanSource {
  MappedFile file;
  std::uint64_t weight;
  // Of each target's first element, in the file.
  std::vector<std::uint64_t> offsets;
  // By target, for the target's dimensions. Only of those whose elements are not in the target's order.
  std::unordered_map<std::size_t, Dimensions> strides;

  [[nodiscard]] bool is_in_order(std::size_t target) const { return !strides.contains(target); }
};

// Precondition: check_base lets the base through.
[[nodiscard]] std::vector<MeanTarget> mean_targets(const ModelFile& base);

// Checks the update against the base as check_update does, but for values that are not finite, and maps it.
[[nodiscard]] std::expected<MeanSource, FileError> open_source(const ModelFile& base,
                                                               const std::vector<MeanTarget>& targets,
                                                               const std::filesystem::path& path,
                                                               std::uint64_t weight,
                                                               const FileLimits& limits);

// A part of a target that is done at once.
struct MeanPiece {
  std::size_t target;
  // Of the target's dimensions; of its run of elements where all sources are in its order.
  TensorBox box;
  // The place among the sums of its batch, and the number of elements.
  std::size_t begin;
  std::size_t count;
};

using MeanBatch = std::vector<MeanPiece>;

// All targets, cut into what fits the buffers of one thread.
[[nodiscard]] std::vector<MeanBatch> mean_batches(const std::vector<MeanTarget>& targets,
                                                  const std::vector<MeanSource>& sources);

}  // namespace fedlog::ml
