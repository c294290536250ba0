#include "http/waits.h"

#include <utility>

namespace fedlog::http {

void Waits::hand_over(Client* client) {
  {
    const std::scoped_lock lock{mutex_};
    handed_over_.push_back(client);
  }
  wake_();
}

std::vector<Client*> Waits::take_handed_over() {
  const std::scoped_lock lock{mutex_};
  return std::exchange(handed_over_, {});
}

// A client is gone long before its number comes again, so a number that is late finds nobody.
void Waits::add(Client* client) {
  client->wait = ++last_number_;
  waiting_.emplace(client->wait, client);
  client->exchange.deferred->deferral->listen([this, number = client->wait] {
    {
      const std::scoped_lock lock{mutex_};
      ready_.push_back(number);
    }
    wake_();
  });
}

std::vector<Client*> Waits::ready() {
  std::vector<std::uint64_t> numbers;
  {
    const std::scoped_lock lock{mutex_};
    numbers.swap(ready_);
  }
  std::vector<Client*> clients;
  for (const auto number : numbers) {
    const auto found = waiting_.find(number);
    if (found != waiting_.end()) clients.push_back(found->second);
  }
  return clients;
}

std::vector<Client*> Waits::all() const {
  std::vector<Client*> clients;
  for (const auto& [number, client] : waiting_) clients.push_back(client);
  return clients;
}

}  // namespace fedlog::http
