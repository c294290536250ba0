#include "http/fair_queue.h"

#include <utility>

namespace fedlog::http {

void FairQueue::push(std::string_view origin, std::function<void()> job) {
  auto lane = lanes_.find(origin);
  if (lane == lanes_.end()) {
    lane = lanes_.try_emplace(std::string{origin}).first;
    turns_.push_back(lane);
  }
  lane->second.push_back(std::move(job));
  ++size_;
}

FairQueue::Entry FairQueue::take(Turns::iterator turn) {
  const auto lane = *turn;
  Entry entry{lane->first, std::move(lane->second.front())};
  lane->second.pop_front();
  --size_;
  if (lane->second.empty()) {
    turns_.erase(turn);
    lanes_.erase(lane);
  } else {
    turns_.splice(turns_.end(), turns_, turn);
  }
  return entry;
}

}  // namespace fedlog::http
