#include "ml/aggregation.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ml/checksum.h"
#include "ml/compatibility.h"
#include "ml/file_descriptor.h"
#include "ml/mapped_file.h"
#include "ml/mean_accumulator.h"
#include "ml/model_file.h"

namespace fedlog::ml {
namespace {

using Done = std::expected<void, FileError>;

// Elements of one step: their sums stay in the second-level cache, and of each update there is enough to read
// that mapping and releasing it is worth it.
constexpr std::size_t step_elements = 64 * 1024;
// Updates that are added, and mapped, at once.
constexpr std::size_t updates_at_once = 4;
constexpr std::size_t copy_block_bytes = std::size_t{1} << 20;
// Weights and their sum are exact in double up to here.
constexpr std::uint64_t total_limit = std::uint64_t{1} << 53;

// A tensor of the base that gets a mean: a dense run of elements in the output.
struct Target {
  std::string name;
  DType dtype;
  std::uint64_t count;
  std::uint64_t file_offset;
  // Dimensions from the largest stride of the base to the smallest: the order of its memory.
  std::vector<std::size_t> dimensions;
};

// Where an update holds the elements of a target.
struct Source {
  std::uint64_t file_offset = 0;  // of a run in the target's order, unless `scattered`
  std::optional<TensorRecord> scattered;
  std::size_t storage = 0;
};

struct Participant {
  MappedFile file;
  std::uint64_t weight;
  std::vector<Source> sources;
  // Kept only for an update whose strides differ from the base's.
  std::optional<ModelFile> mapped;
};

std::vector<std::size_t> memory_order(const TensorRecord& tensor) {
  std::vector<std::size_t> order(tensor.shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::ranges::sort(order, [&](std::size_t i, std::size_t j) {
    return tensor.strides[i] != tensor.strides[j] ? tensor.strides[i] > tensor.strides[j] : i < j;
  });
  return order;
}

std::vector<Target> targets_of(const ModelFile& base) {
  std::vector<Target> targets;
  const auto first = first_of_same_view(base);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const TensorRecord& tensor = base.tensors()[i];
    const std::uint64_t count = element_count(tensor.shape).value();
    if (first[i] != i || count == 0 || tensor.dtype == DType::boolean) {
      continue;
    }
    targets.push_back(
        {.name = tensor.name,
         .dtype = tensor.dtype,
         .count = count,
         .file_offset = base.storages()[tensor.storage].file_offset +
                        static_cast<std::uint64_t>(tensor.offset_elements) * size_bytes(tensor.dtype),
         .dimensions = memory_order(tensor)});
  }
  return targets;
}

Source source_of(const Target& target, const ModelFile& update) {
  const TensorRecord& tensor = *update.find(target.name);
  TensorRecord ordered = tensor;
  for (std::size_t i = 0; i < target.dimensions.size(); ++i) {
    ordered.shape[i] = tensor.shape[target.dimensions[i]];
    ordered.strides[i] = tensor.strides[target.dimensions[i]];
  }
  Source source{.file_offset = update.storages()[tensor.storage].file_offset +
                               static_cast<std::uint64_t>(tensor.offset_elements) * size_bytes(tensor.dtype),
                .scattered = std::nullopt,
                .storage = tensor.storage};
  if (!is_contiguous(ordered)) {
    source.scattered = std::move(ordered);
  }
  return source;
}

std::expected<Participant, FileError> open_participant(const ModelFile& base,
                                                       const std::vector<Target>& targets,
                                                       const WeightedUpdate& update,
                                                       const FileLimits& limits) {
  auto model = ModelFile::open(update.file, limits);
  if (!model) {
    return std::unexpected(std::move(model.error()));
  }
  if (auto checked = check_update(base, *model, false); !checked) {
    return file_error(FileErrorCode::incompatible, std::move(checked.error()));
  }
  auto file = MappedFile::open(update.file);
  if (!file) {
    return std::unexpected(std::move(file.error()));
  }
  if (file->bytes().size() != model->bytes().size()) {
    return file_error(FileErrorCode::io, "The file has changed while it was read.");
  }
  Participant participant{
      .file = std::move(*file), .weight = update.sample_size, .sources = {}, .mapped = std::nullopt};
  participant.sources.reserve(targets.size());
  bool scattered = false;
  for (const Target& target : targets) {
    participant.sources.push_back(source_of(target, *model));
    scattered = scattered || participant.sources.back().scattered;
  }
  if (scattered) {
    participant.mapped = std::move(*model);
  }
  return participant;
}

struct Step {
  std::size_t target;
  std::uint64_t begin;
  std::size_t count;
};

std::vector<Step> steps_of(const std::vector<Target>& targets) {
  std::vector<Step> steps;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    for (std::uint64_t begin = 0; begin < targets[i].count; begin += step_elements) {
      steps.push_back(
          {i, begin,
           static_cast<std::size_t>(std::min<std::uint64_t>(step_elements, targets[i].count - begin))});
    }
  }
  return steps;
}

// Calls work(i) for each i below `count`, on that many threads; the first error ends it.
template <typename MakeWork>
Done on_threads(unsigned threads, std::size_t count, const MakeWork& make_work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Done outcome;
  const auto run = [&] {
    auto work = make_work();
    for (std::size_t i = next++; i < count; i = next++) {
      if (auto done = work(i); !done) {
        const std::lock_guard lock(mutex);
        outcome = std::move(done);
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> others;
    for (unsigned i = 1; i < std::min<std::size_t>(threads, count); ++i) {
      others.emplace_back(run);
    }
    run();
  }
  return outcome;
}

// One thread's buffers. Takes steps until none is left.
class Worker {
 public:
  Worker(const std::vector<Target>& targets, const std::vector<Participant>& participants,
         std::uint64_t total, const FileDescriptor& output)
      : targets_(targets), participants_(participants), total_(total), output_(output) {}

  Done run(const Step& step) {
    const Target& target = targets_[step.target];
    const std::size_t width = size_bytes(target.dtype);
    auto& accumulator = accumulators_[target.dtype];
    if (accumulator == nullptr) {
      accumulator = MeanAccumulator::make(target.dtype, step_elements);
    }
    accumulator->start(step.count);
    std::size_t added = 0;
    for (std::size_t i = 0; i < participants_.size(); ++i) {
      runs_.push_back(run_of(participants_[i], step, width));
      // What was gathered is overwritten by the next.
      const bool gathered = participants_[i].sources[step.target].scattered.has_value();
      if (gathered || i == 0 || runs_.size() == updates_at_once || i + 1 == participants_.size()) {
        accumulator->add(runs_);
        runs_.clear();
        for (; added <= i; ++added) {
          release(participants_[added], step, width);
        }
      }
    }
    means_.resize(step.count * width);
    accumulator->mean(total_, means_);
    return output_.write_at(target.file_offset + step.begin * width, means_);
  }

 private:
  MeanAccumulator::Weighted run_of(const Participant& participant, const Step& step, std::size_t width) {
    const Source& source = participant.sources[step.target];
    if (!source.scattered) {
      const auto run =
          participant.file.bytes().subspan(source.file_offset + step.begin * width, step.count * width);
      return {run.data(), participant.weight};
    }
    gathered_.resize(step.count * width);
    const Bytes storage = participant.mapped->storage_bytes(source.storage);
    ElementWalk walk(*source.scattered);
    walk.seek(step.begin);
    for (std::size_t i = 0; i < step.count; ++i, walk.advance()) {
      const Bytes element = storage.subspan(static_cast<std::uint64_t>(walk.position()) * width, width);
      std::ranges::copy(element, gathered_.begin() + static_cast<std::ptrdiff_t>(i * width));
    }
    return {gathered_.data(), participant.weight};
  }

  static void release(const Participant& participant, const Step& step, std::size_t width) {
    const Source& source = participant.sources[step.target];
    if (!source.scattered) {
      participant.file.release_pages(source.file_offset + step.begin * width, step.count * width);
    }
  }

  const std::vector<Target>& targets_;
  const std::vector<Participant>& participants_;
  std::uint64_t total_;
  const FileDescriptor& output_;
  std::map<DType, std::unique_ptr<MeanAccumulator>> accumulators_;
  std::vector<MeanAccumulator::Weighted> runs_;
  std::vector<std::byte> gathered_;
  std::vector<std::byte> means_;
};

Done run_steps(const std::vector<Target>& targets, const std::vector<Participant>& participants,
               std::uint64_t total, const FileDescriptor& output, unsigned threads) {
  const auto steps = steps_of(targets);
  return on_threads(threads, steps.size(), [&] {
    return [&, worker = Worker(targets, participants, total, output)](std::size_t i) mutable {
      return worker.run(steps[i]);
    };
  });
}

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
Done copy_rest(const ModelFile& base, const std::vector<Target>& targets, const FileDescriptor& to) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> replaced;
  for (const Target& target : targets) {
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

Done write_mean(const ModelFile& base, const std::vector<Participant>& participants,
                const std::vector<Target>& targets, std::uint64_t total, const std::filesystem::path& path,
                unsigned threads) {
  const auto output = FileDescriptor::create(path);
  if (!output) {
    return std::unexpected(output.error());
  }
  if (auto copied = copy_rest(base, targets, *output); !copied) {
    return copied;
  }
  if (auto run = run_steps(targets, participants, total, *output, threads); !run) {
    return run;
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
  const std::vector<Target> targets = targets_of(*base);
  std::vector<Participant> participants;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    if (updates[i].sample_size > total_limit - total) {
      return file_error(FileErrorCode::over_limit, "The updates' sample sizes sum to more than 2^53.");
    }
    total += updates[i].sample_size;
    auto participant = open_participant(*base, targets, updates[i], options.limits);
    if (!participant) {
      return file_error(participant.error().code, "Update " + std::to_string(i + 1) + " of " +
                                                      std::to_string(updates.size()) + ": " +
                                                      participant.error().message);
    }
    if (updates[i].sample_size > 0) {
      participants.push_back(std::move(*participant));
    }
  }
  if (total == 0) {
    return file_error(FileErrorCode::incompatible, "There is no update with a sample size above 0.");
  }
  auto written = write_mean(*base, participants, targets, total, output, options.threads);
  if (!written) {
    std::error_code ignored;
    std::filesystem::remove(output, ignored);
  }
  return written;
}

}  // namespace fedlog::ml
