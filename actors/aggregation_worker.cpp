#include "actors/aggregation_worker.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>

#include "ml/aggregation.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t copy_bytes = 1 << 20;

// A file name that is free, and gone with this object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& folder) {
    static std::atomic<std::uint64_t> count{0};
    path_ = folder / ("aggregation-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
  }
  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string sentence(storage::BlobError error) {
  switch (error) {
    case storage::BlobError::disk_full:
      return "the disk is full";
    case storage::BlobError::missing:
      return "a file that the round needs is missing from the blob store; `fedlog verify` names it";
    case storage::BlobError::failed:
      break;
  }
  return "a file could not be read or written (an error of the disk or its file system)";
}

// One that throws (there is no memory for it) costs its own round only.
template <class Compute>
auto guarded(const Compute& compute) -> decltype(compute()) {
  try {
    return compute();
  } catch (const std::exception& error) {
    return std::unexpected(std::string("it ended early: ") + error.what());
  }
}

}  // namespace

AggregationWorker::AggregationWorker(storage::BlobStore& blobs, std::filesystem::path scratch_folder,
                                     std::size_t threads)
    : blobs_(blobs),
      scratch_folder_(std::move(scratch_folder)),
      threads_a_round_(static_cast<unsigned>(threads)) {
  for (std::size_t index = 0; index < threads; ++index) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

AggregationWorker::~AggregationWorker() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void AggregationWorker::aggregate(domain::Aggregation aggregation, Done<domain::BlobId> done) {
  take([this, aggregation = std::move(aggregation), done = std::move(done)] {
    tell(done, [&] { return weights_of(aggregation); });
  });
}

void AggregationWorker::average(domain::Averaging averaging, Done<domain::AveragedMoments> done) {
  take([this, averaging = std::move(averaging), done = std::move(done)] {
    tell(done, [&] { return moments_of(averaging); });
  });
}

template <class T, class Compute>
void AggregationWorker::tell(const Done<T>& done, const Compute& compute) {
  auto made = guarded(compute);
  if (!made) return done(std::unexpected(std::move(made.error())), nullptr);
  done(std::move(made->value), std::move(made->hold));
}

void AggregationWorker::take(Job job) {
  const std::lock_guard lock{mutex_};
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void AggregationWorker::work(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stop.stop_requested()) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
  }
}

AggregationWorker::Outcome<AggregationWorker::Made<domain::BlobId>> AggregationWorker::weights_of(
    const domain::Aggregation& aggregation) {
  std::vector<Part> parts;
  for (const auto& update : aggregation.updates) parts.push_back({update.weights, update.sample_size});
  return mean(aggregation.base, parts);
}

AggregationWorker::Outcome<AggregationWorker::Made<domain::AveragedMoments>> AggregationWorker::moments_of(
    const domain::Averaging& averaging) {
  std::vector<Part> first;
  std::vector<Part> second;
  for (const auto& moments : averaging.moments) {
    first.push_back({moments.first_moment, moments.sample_size});
    second.push_back({moments.second_moment, moments.sample_size});
  }
  auto first_mean = mean(first.front().file, first);
  if (!first_mean) return std::unexpected(std::move(first_mean.error()));
  auto second_mean = mean(second.front().file, second);
  if (!second_mean) return std::unexpected(std::move(second_mean.error()));
  return Made<domain::AveragedMoments>{
      .value = {.first_moment = first_mean->value, .second_moment = second_mean->value},
      .hold = std::make_shared<std::array<storage::BlobHold, 2>>(
          std::array{std::move(first_mean->hold), std::move(second_mean->hold)})};
}

AggregationWorker::Outcome<AggregationWorker::Made<domain::BlobId>> AggregationWorker::mean(
    domain::BlobId base, const std::vector<Part>& parts) {
  const auto base_path = blobs_.path(base);
  if (!base_path) return std::unexpected(sentence(base_path.error()));
  std::vector<ml::WeightedUpdate> updates;
  for (const auto& part : parts) {
    const auto path = blobs_.path(part.file);
    if (!path) return std::unexpected(sentence(path.error()));
    updates.push_back({*path, static_cast<std::uint64_t>(part.sample_size)});
  }
  const ScratchFile result{scratch_folder_};
  // Updates were checked when they came, and are named by their contents since.
  const ml::AggregationOptions options{.threads = threads_a_round_, .limits = {.checksums_verified = true}};
  if (auto written = ml::weighted_mean(*base_path, updates, result.path(), options); !written) {
    return std::unexpected(written.error().message);
  }
  return keep(result.path());
}

AggregationWorker::Outcome<AggregationWorker::Made<domain::BlobId>> AggregationWorker::keep(
    const std::filesystem::path& file) {
  auto writer = blobs_.create();
  if (!writer) return std::unexpected(sentence(writer.error()));
  std::ifstream input(file, std::ios::binary);
  std::vector<char> buffer(copy_bytes);
  while (input.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), input.gcount() > 0) {
    const auto read = std::as_bytes(std::span{buffer}.first(static_cast<std::size_t>(input.gcount())));
    if (auto written = (*writer)->write(read); !written) return std::unexpected(sentence(written.error()));
  }
  if (!input.eof()) return std::unexpected("the result cannot be read again from " + file.string());
  auto blob = (*writer)->commit();
  if (!blob) return std::unexpected(sentence(blob.error()));
  return Made<domain::BlobId>{.value = *blob, .hold = (*writer)->hold()};
}

}  // namespace fedlog::actors
