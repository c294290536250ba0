#include "ml/aggregation.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "ml/checksum.h"
#include "ml/file_descriptor.h"
#include "ml/mean_sources.h"
#include "ml/mean_worker.h"
#include "ml/model_file.h"
#include "ml/on_threads.h"

namespace fedlog::ml {
namespace {

using Done = std::expected<void, FileError>;

constexpr std::size_t copy_block_bytes = std::size_t{1} << 20;
// Weights and their sum are exact in double up to here.
constexpr std::uint64_t total_limit = std::uint64_t{1} << 53;

Done copy_range(Bytes from, std::uint64_t begin, std::uint64_t end, const FileDescriptor& to) {
  for (std::uint64_t at = begin; at < end; at += copy_block_bytes) {
    const Bytes block = from.subspan(at, std::min<std::uint64_t>(copy_block_bytes, end - at));
    if (auto written = to.write_at(at, block); !written) {
      return written;
    }
  }
  return {};
}

// All of the base but the elements that get a mean.
Done copy_rest(const ModelFile& base, const std::vector<MeanTarget>& targets, const FileDescriptor& to) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> replaced;
  for (const MeanTarget& target : targets) {
    replaced.emplace_back(target.file_offset, target.file_offset + target.count * size_bytes(target.dtype));
  }
  replaced.emplace_back(base.bytes().size(), base.bytes().size());
  std::ranges::sort(replaced);
  std::uint64_t copied = 0;
  for (const auto& [begin, end] : replaced) {
    if (auto done = copy_range(base.bytes(), copied, begin, to); !done) {
      return done;
    }
    copied = std::max(copied, end);
  }
  return {};
}

// Reads every storage back, so that the checksum is that of what the file really holds.
Done patch_checksums(const ModelFile& base, const FileDescriptor& output, unsigned threads) {
  struct Piece {
    std::uint64_t offset;
    std::uint64_t size;
    std::uint32_t crc;
  };
  std::vector<Piece> pieces;
  for (const StorageRecord& storage : base.storages()) {
    for (std::uint64_t at = 0; !storage.crc_offsets.empty() && at < storage.size_bytes;
         at += copy_block_bytes) {
      pieces.push_back(
          {storage.file_offset + at, std::min<std::uint64_t>(copy_block_bytes, storage.size_bytes - at), 0});
    }
  }
  auto read = on_threads(threads, pieces.size(), [&] {
    return [&, block = std::vector<std::byte>(copy_block_bytes)](std::size_t i) mutable {
      const auto part = std::span(block).first(pieces[i].size);
      auto done = output.read_at(pieces[i].offset, part);
      pieces[i].crc = crc32_of(part, 0);
      return done;
    };
  });
  if (!read) {
    return read;
  }
  auto piece = pieces.begin();
  for (const StorageRecord& storage : base.storages()) {
    if (storage.crc_offsets.empty()) {
      continue;
    }
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < storage.size_bytes; at += piece->size, ++piece) {
      crc = crc32_of_both(crc, piece->crc, piece->size);
    }
    for (const std::uint64_t offset : storage.crc_offsets) {
      if (auto written = output.write_at(offset, std::as_bytes(std::span(&crc, 1))); !written) {
        return written;
      }
    }
  }
  return {};
}

Done write_mean(const ModelFile& base, const std::vector<MeanSource>& sources,
                const std::vector<MeanTarget>& targets, std::uint64_t total,
                const std::filesystem::path& path, unsigned threads) {
  const auto output = FileDescriptor::create(path);
  if (!output) {
    return std::unexpected(output.error());
  }
  if (auto copied = copy_rest(base, targets, *output); !copied) {
    return copied;
  }
  const auto batches = mean_batches(targets, sources);
  auto computed = on_threads(threads, batches.size(), [&] {
    return [&, worker = MeanWorker(targets, sources, total, *output)](std::size_t i) mutable {
      return worker.run(batches[i]);
    };
  });
  if (!computed) {
    return computed;
  }
  return patch_checksums(base, *output, threads);
}

}  // namespace

std::expected<void, FileError> weighted_mean(const std::filesystem::path& base_path,
                                             std::span<const WeightedUpdate> updates,
                                             const std::filesystem::path& output,
                                             const AggregationOptions& options) {
  // What the result takes over from the base gets a new checksum, so the old one is verified in any case.
  auto base_limits = options.limits;
  base_limits.checksums_verified = false;
  const auto base = ModelFile::open(base_path, base_limits);
  if (!base) {
    return std::unexpected(base.error());
  }
  const std::vector<MeanTarget> targets = mean_targets(*base);
  std::vector<MeanSource> sources;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    if (updates[i].sample_size > total_limit - total) {
      return file_error(FileErrorCode::over_limit, "The updates' sample sizes sum to more than 2^53.");
    }
    total += updates[i].sample_size;
    auto source = open_source(*base, targets, updates[i].file, updates[i].sample_size, options.limits);
    if (!source) {
      return file_error(source.error().code, "Update " + std::to_string(i + 1) + " of " +
                                                 std::to_string(updates.size()) + ": " +
                                                 source.error().message);
    }
    if (updates[i].sample_size > 0) {
      sources.push_back(std::move(*source));
    }
  }
  if (total == 0) {
    return file_error(FileErrorCode::incompatible, "There is no update with a sample size above 0.");
  }
  auto written = write_mean(*base, sources, targets, total, output, options.threads);
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(output, ignored);
  }
  return written;
}

}  // namespace fedlog::ml
