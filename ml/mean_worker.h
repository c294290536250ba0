#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "ml/file_descriptor.h"
#include "ml/mean_accumulator.h"
#include "ml/mean_sources.h"

namespace fedlog::ml {

// One thread's part of a mean, with its buffers. What it is given must outlive it.
class MeanWorker {
 public:
  // `total` is the sum of the sources' weights.
  MeanWorker(const std::vector<MeanTarget>& targets, const std::vector<MeanSource>& sources,
             std::uint64_t total, const FileDescriptor& output);

  // Writes the means of a batch into the output.
  [[nodiscard]] std::expected<void, FileError> run(const MeanBatch& batch);

 private:
  [[nodiscard]] MeanAccumulator& accumulator(const MeanPiece& piece);
  void add(std::span<const MeanSource> sources, const MeanBatch& batch, bool starts);
  [[nodiscard]] MeanAccumulator::Weighted run_of(const MeanSource& source, const MeanPiece& piece,
                                                 std::vector<std::byte>& gathered) const;
  [[nodiscard]] std::expected<void, FileError> write(const MeanPiece& piece);
  // Puts the exact means of these elements of the piece into means_.
  void settle(const MeanPiece& piece, std::span<const std::size_t> indexes);
  void release(const MeanSource& source, const MeanBatch& batch) const;

  const std::vector<MeanTarget>& targets_;
  const std::vector<MeanSource>& sources_;
  std::uint64_t total_;
  const FileDescriptor& output_;
  std::map<DType, std::unique_ptr<MeanAccumulator>> accumulators_;
  std::vector<MeanAccumulator::Weighted> runs_;
  // Elements that are not one run in their file, for each source that is added at once.
  std::vector<std::vector<std::byte>> gathered_;
  std::vector<std::byte> means_;
};

}  // namespace fedlog::ml
