#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <expected>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "ml/file_error.h"

namespace fedlog::ml {

// Calls work(i) for each i below `count`, on up to that many threads, the caller's among them; each has a
// `work` of its own from make_work(). The first error ends it and is the outcome; the first exception ends it
// and is thrown here. Where the system has no more threads to give, fewer do it.
template <typename MakeWork>
[[nodiscard]] std::expected<void, FileError> on_threads(unsigned threads, std::size_t count,
                                                        const MakeWork& make_work) {
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::expected<void, FileError> outcome;
  std::exception_ptr thrown;
  const auto run = [&] {
    try {
      auto work = make_work();
      for (std::size_t i = next++; i < count; i = next++) {
        if (auto done = work(i); !done) {
          const std::lock_guard lock(mutex);
          if (outcome) outcome = std::move(done);
          next = count;
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!thrown) thrown = std::current_exception();
      next = count;
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned i = 1; i < std::min<std::size_t>(threads, count); ++i) others.emplace_back(run);
    } catch (const std::system_error&) {  // no thread to be had
    }
    run();
  }
  if (thrown) std::rethrow_exception(thrown);
  return outcome;
}

}  // namespace fedlog::ml
