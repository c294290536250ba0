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

#include "domain/training.h"
#include "storage/blob_store.h"

namespace fedlog::actors {

// Computes aggregations on its own threads, so that neither actors nor requests wait for them. Destroying it
// finishes what is running and drops what is waiting: the trainings ask again after a restart.
class AggregationWorker {
 public:
  // The new weights as a durable blob, or a sentence why there are none. Called on a thread of the worker.
  using Done = std::function<void(std::expected<domain::BlobId, std::string>)>;

  AggregationWorker(storage::BlobStore& blobs, std::filesystem::path scratch_folder, std::size_t threads);
  ~AggregationWorker();
  AggregationWorker(const AggregationWorker&) = delete;
  AggregationWorker& operator=(const AggregationWorker&) = delete;

  void aggregate(domain::Aggregation aggregation, Done done);

 private:
  struct Job {
    domain::Aggregation aggregation;
    Done done;
  };

  void work(const std::stop_token& stop);
  [[nodiscard]] std::expected<domain::BlobId, std::string> outcome_of(const domain::Aggregation& aggregation);
  [[nodiscard]] std::expected<domain::BlobId, std::string> compute(const domain::Aggregation& aggregation);

  storage::BlobStore& blobs_;
  std::filesystem::path scratch_folder_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  std::vector<std::jthread> threads_;
};

}  // namespace fedlog::actors
