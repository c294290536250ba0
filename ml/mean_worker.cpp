#include "ml/mean_worker.h"

#include <algorithm>
#include <cstring>

#include "ml/exact_sum.h"

namespace fedlog::ml {
namespace {

// Sources that are added, and mapped, at once.
constexpr std::size_t sources_at_once = 4;
// Elements that are settled at once: their exact sums take little memory beside the other buffers.
constexpr std::size_t settled_at_once = 1024;

// The strides in a source of the dimensions that the piece's box has.
Dimensions strides_of(const MeanSource& source, const MeanTarget& target, const MeanPiece& piece) {
  if (const auto found = source.strides.find(piece.target); found != source.strides.end()) {
    return found->second;
  }
  return piece.box.size.size() == target.shape.size() ? contiguous_strides(target.shape) : Dimensions{1};
}

// The sizes of those dimensions.
Dimensions shape_of(const MeanTarget& target, const MeanPiece& piece) {
  return piece.box.size.size() == target.shape.size() ? target.shape
                                                      : Dimensions{static_cast<std::int64_t>(target.count)};
}

}  // namespace

MeanWorker::MeanWorker(const std::vector<MeanTarget>& targets, const std::vector<MeanSource>& sources,
                       std::uint64_t total, const FileDescriptor& output)
    : targets_(targets), sources_(sources), total_(total), output_(output), gathered_(sources_at_once) {}

std::expected<void, FileError> MeanWorker::run(const MeanBatch& batch) {
  const std::span all(sources_);
  for (std::size_t at = 0; at < all.size(); at += sources_at_once) {
    add(all.subspan(at, std::min(sources_at_once, all.size() - at)), batch, at == 0);
  }
  for (const MeanPiece& piece : batch) {
    means_.resize(piece.count * size_bytes(targets_[piece.target].dtype));
    settle(piece, accumulator(piece).mean({piece.begin, piece.count}, total_, means_));
    if (auto written = write(piece); !written) {
      return written;
    }
  }
  return {};
}

MeanAccumulator& MeanWorker::accumulator(const MeanPiece& piece) {
  auto& accumulator = accumulators_[targets_[piece.target].dtype];
  if (accumulator == nullptr) {
    accumulator = MeanAccumulator::make(targets_[piece.target].dtype);
  }
  return *accumulator;
}

void MeanWorker::add(std::span<const MeanSource> sources, const MeanBatch& batch, bool starts) {
  for (const MeanPiece& piece : batch) {
    runs_.clear();
    for (const MeanSource& source : sources) {
      runs_.push_back(run_of(source, piece, gathered_[runs_.size()]));
    }
    accumulator(piece).add({piece.begin, piece.count}, runs_, starts);
  }
  for (const MeanSource& source : sources) {
    release(source, batch);
  }
}

MeanAccumulator::Weighted MeanWorker::run_of(const MeanSource& source, const MeanPiece& piece,
                                             std::vector<std::byte>& gathered) const {
  const MeanTarget& target = targets_[piece.target];
  const Dimensions strides = strides_of(source, target, piece);
  const Bytes elements = source.file.bytes().subspan(source.offsets[piece.target]);
  const std::uint64_t begin = position_in(piece.box, strides, 0);
  if (source.is_in_order(piece.target) && row_length(piece.box, shape_of(target, piece)) == piece.count) {
    return {elements.subspan(begin * size_bytes(target.dtype)).data(), source.weight};
  }
  gathered.resize(piece.count * size_bytes(target.dtype));
  copy_elements({.name = {},
                 .dtype = target.dtype,
                 .shape = piece.box.size,
                 .strides = strides,
                 .offset_elements = static_cast<std::int64_t>(begin)},
                elements, gathered.data());
  return {gathered.data(), source.weight};
}

std::expected<void, FileError> MeanWorker::write(const MeanPiece& piece) {
  const MeanTarget& target = targets_[piece.target];
  const std::size_t width = size_bytes(target.dtype);
  const Dimensions shape = shape_of(target, piece);
  const Dimensions strides = contiguous_strides(shape);
  const std::uint64_t length = row_length(piece.box, shape);
  for (std::uint64_t at = 0; at < piece.count; at += length) {
    const auto row = std::span(means_).subspan(at * width, length * width);
    const std::uint64_t offset = target.file_offset + position_in(piece.box, strides, at) * width;
    if (auto written = output_.write_at(offset, row); !written) {
      return written;
    }
  }
  return {};
}

void MeanWorker::settle(const MeanPiece& piece, std::span<const std::size_t> indexes) {
  const MeanTarget& target = targets_[piece.target];
  std::vector<ExactSum> sums;
  for (; !indexes.empty(); indexes = indexes.subspan(sums.size())) {
    sums.assign(std::min(settled_at_once, indexes.size()), ExactSum{});
    for (const MeanSource& source : sources_) {
      const Dimensions strides = strides_of(source, target, piece);
      const Bytes elements = source.file.bytes().subspan(source.offsets[piece.target]);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        double value = 0;
        std::memcpy(&value, &elements[position_in(piece.box, strides, indexes[i]) * sizeof value],
                    sizeof value);
        sums[i].add(value, source.weight);
      }
      release(source, {piece});
    }
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double mean = sums[i].mean(total_);
      std::memcpy(&means_[indexes[i] * sizeof mean], &mean, sizeof mean);
    }
  }
}

void MeanWorker::release(const MeanSource& source, const MeanBatch& batch) const {
  // Neighbours in the file are released together.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  for (const MeanPiece& piece : batch) {
    const MeanTarget& target = targets_[piece.target];
    const Dimensions strides = strides_of(source, target, piece);
    const std::size_t width = size_bytes(target.dtype);
    const std::uint64_t first = source.offsets[piece.target] + position_in(piece.box, strides, 0) * width;
    const std::uint64_t last =
        source.offsets[piece.target] + position_in(piece.box, strides, piece.count - 1) * width;
    constexpr std::uint64_t near_bytes = 64 * 1024;
    if (begin == end || first < begin || first > end + near_bytes) {
      if (begin != end) {
        source.file.release_pages(begin, end - begin);
      }
      begin = first;
      end = first;
    }
    end = std::max(end, last + width);
  }
  source.file.release_pages(begin, end - begin);
}

}  // namespace fedlog::ml
