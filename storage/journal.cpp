#include "storage/journal.h"

#include <future>
#include <utility>

namespace fedlog::storage {

Committed Journal::append_and_wait(Commit commit) {
  std::promise<Committed> promise;
  auto result = promise.get_future();
  append(std::move(commit), [&](Committed committed) { promise.set_value(std::move(committed)); });
  return result.get();
}

}  // namespace fedlog::storage
