#pragma once

#include <condition_variable>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "domain/training_commands.h"
#include "storage/blob_store.h"

namespace fedlog::actors {

// Computes aggregations, and averages of moments, on its own threads (several rounds at once, and each of
// them on several threads), so that neither actors nor requests wait for them. Destroying it finishes what is
// running and drops what is waiting: the trainings ask again after a restart.
class AggregationWorker {
 public:
  // The result as durable blobs, or a sentence why there is none.
  template <class T>
  using Outcome = std::expected<T, std::string>;
  // Called on a thread of the worker. The blobs stay while the hold lives, or something refers to them.
  template <class T>
  using Done = std::function<void(Outcome<T>, storage::BlobHold)>;

  AggregationWorker(storage::BlobStore& blobs, std::filesystem::path scratch_folder, std::size_t threads);
  ~AggregationWorker();
  AggregationWorker(const AggregationWorker&) = delete;
  AggregationWorker& operator=(const AggregationWorker&) = delete;

  void aggregate(domain::Aggregation aggregation, Done<domain::BlobId> done);
  void average(domain::Averaging averaging, Done<domain::AveragedMoments> done);

 private:
  using Job = std::function<void()>;

  void take(Job job);
  void work(const std::stop_token& stop);
  // A result that is held.
  template <class T>
  struct Made {
    T value;
    storage::BlobHold hold;
  };
  template <class T, class Compute>
  static void tell(const Done<T>& done, const Compute& compute);
  [[nodiscard]] Outcome<Made<domain::BlobId>> weights_of(const domain::Aggregation& aggregation);
  [[nodiscard]] Outcome<Made<domain::AveragedMoments>> moments_of(const domain::Averaging& averaging);

  struct Part {
    domain::BlobId file;
    std::int64_t sample_size = 0;
  };
  [[nodiscard]] Outcome<Made<domain::BlobId>> mean(domain::BlobId base, const std::vector<Part>& parts);
  [[nodiscard]] Outcome<Made<domain::BlobId>> keep(const std::filesystem::path& file);

  storage::BlobStore& blobs_;
  std::filesystem::path scratch_folder_;
  unsigned threads_a_round_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  std::vector<std::jthread> threads_;
};

}  // namespace fedlog::actors
