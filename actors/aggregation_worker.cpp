#include "actors/aggregation_worker.h"

#include <unistd.h>

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
  return "the blob store failed; the server's log has the details";
}

std::expected<domain::BlobId, std::string> keep(storage::BlobStore& blobs,
                                                const std::filesystem::path& file) {
  auto writer = blobs.create();
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
  return *blob;
}

}  // namespace

AggregationWorker::AggregationWorker(storage::BlobStore& blobs, std::filesystem::path scratch_folder,
                                     std::size_t threads)
    : blobs_(blobs), scratch_folder_(std::move(scratch_folder)) {
  for (std::size_t index = 0; index < threads; ++index) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

AggregationWorker::~AggregationWorker() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void AggregationWorker::aggregate(domain::Aggregation aggregation, Done done) {
  const std::lock_guard lock{mutex_};
  jobs_.push_back({std::move(aggregation), std::move(done)});
  changed_.notify_one();
}

void AggregationWorker::work(const std::stop_token& stop) {
  while (true) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stop.stop_requested()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.done(outcome_of(job.aggregation));
  }
}

// One that throws (there is no memory for it) costs its own round only.
std::expected<domain::BlobId, std::string> AggregationWorker::outcome_of(
    const domain::Aggregation& aggregation) {
  try {
    return compute(aggregation);
  } catch (const std::exception& error) {
    return std::unexpected(std::string("it ended early: ") + error.what());
  }
}

std::expected<domain::BlobId, std::string> AggregationWorker::compute(
    const domain::Aggregation& aggregation) {
  const auto base = blobs_.path(aggregation.base);
  if (!base) return std::unexpected(sentence(base.error()));
  std::vector<ml::WeightedUpdate> updates;
  for (const auto& update : aggregation.updates) {
    const auto path = blobs_.path(update.weights);
    if (!path) return std::unexpected(sentence(path.error()));
    updates.push_back({*path, static_cast<std::uint64_t>(update.sample_size)});
  }
  const ScratchFile result{scratch_folder_};
  if (auto written = ml::weighted_mean(*base, updates, result.path()); !written) {
    return std::unexpected(written.error().message);
  }
  return keep(blobs_, result.path());
}

}  // namespace fedlog::actors
