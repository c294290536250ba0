#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "http/client.h"

namespace fedlog::http {

// The clients whose answers are deferred: on their way from the workers that found that out to the loop, and
// waiting there. Owns none of them.
class Waits {
 public:
  // `wake` makes the loop call what follows; any thread may call it.
  explicit Waits(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Any thread that owns the client.
  void hand_over(Client* client);

  // The loop's thread.
  [[nodiscard]] std::vector<Client*> take_handed_over();
  // From now on the client may be among the ready ones, and is until it is removed.
  void add(Client* client);
  void remove(const Client* client) { waiting_.erase(client->wait); }
  // Those of which some are ready; once each.
  [[nodiscard]] std::vector<Client*> ready();
  [[nodiscard]] std::vector<Client*> all() const;

 private:
  const std::function<void()> wake_;
  std::map<std::uint64_t, Client*> waiting_;
  std::uint64_t last_number_ = 0;

  std::mutex mutex_;
  std::vector<Client*> handed_over_;
  std::vector<std::uint64_t> ready_;
};

}  // namespace fedlog::http
