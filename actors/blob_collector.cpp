#include "actors/blob_collector.h"

#include <spdlog/spdlog.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>
#include <variant>

#include "storage/unused_blobs.h"

namespace fedlog::actors {
namespace {

// What may have become unused: everything there is, what a stream names, or one blob.
struct Everything {};
using Task = std::variant<Everything, storage::StreamName, domain::BlobId>;

// A failure costs one blob its removal; the next start tries again.
bool remove(storage::Storage& storage, domain::BlobId blob) {
  const auto removed = storage::remove_if_unused(storage, blob);
  if (!removed) spdlog::warn("{}; the next start tries again", removed.error());
  return removed.value_or(false);
}

}  // namespace

// Shared with whoever lets go of a blob, who may outlive the collector.
struct BlobCollector::Queue {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<Task> tasks{Everything{}};
  bool busy = false;

  void add(Task task) {
    const std::lock_guard lock{mutex};
    tasks.push_back(std::move(task));
    changed.notify_all();
  }
};

BlobCollector::BlobCollector(storage::Storage& storage)
    : storage_(storage),
      queue_(std::make_shared<Queue>()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {
  storage_.blobs().when_let_go([queue = queue_](domain::BlobId blob) { queue->add(blob); });
}

BlobCollector::~BlobCollector() {
  storage_.blobs().when_let_go({});
}

void BlobCollector::deleted(storage::StreamName stream) {
  queue_->add(std::move(stream));
}

void BlobCollector::wait_until_done() {
  std::unique_lock lock{queue_->mutex};
  queue_->changed.wait(lock, [&] { return queue_->tasks.empty() && !queue_->busy; });
}

void BlobCollector::work(const std::stop_token& stop) {
  auto& queue = *queue_;
  std::unique_lock lock{queue.mutex};
  while (queue.changed.wait(lock, stop, [&] { return !queue.tasks.empty(); }) && !stop.stop_requested()) {
    const auto task = std::move(queue.tasks.front());
    queue.tasks.pop_front();
    queue.busy = true;
    lock.unlock();
    try {
      if (const auto* blob = std::get_if<domain::BlobId>(&task)) {
        remove(storage_, *blob);
      } else if (const auto* stream = std::get_if<storage::StreamName>(&task)) {
        for (const auto& each : storage::given_up_with(storage_, *stream)) remove(storage_, each);
      } else {
        remove_leftovers(stop);
      }
    } catch (const std::exception& error) {
      spdlog::error("unused blobs stay where they are: {}", error.what());
    }
    lock.lock();
    queue.busy = false;
    queue.changed.notify_all();
  }
}

void BlobCollector::remove_leftovers(const std::stop_token& stop) {
  std::size_t removed = 0;
  storage_.blobs().visit([&](domain::BlobId blob) {
    removed += remove(storage_, blob) ? 1U : 0U;
    return !stop.stop_requested();
  });
  if (removed > 0) spdlog::info("unused blobs were removed count={}", removed);
}

}  // namespace fedlog::actors
