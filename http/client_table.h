#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "http/client.h"

namespace fedlog::http {

// Owns all connections and the epoll instance in which the parked ones wait, each with a deadline. Its mutex
// is what hands a client from one thread to the other.
class ClientTable {
 public:
  using Clock = std::chrono::steady_clock;
  struct Limits {
    std::size_t connections_max;
    std::size_t connections_per_origin_max;
  };

  explicit ClientTable(Limits limits);

  // The loop's thread.
  void watch(int fd, void* tag) const;
  // Gives the tags of what has an event, a client's being its address. Ends at the next deadline; the
  // deadline of a client that another thread parks meanwhile is noticed up to `nap_max` late.
  [[nodiscard]] std::span<const epoll_event> wait(std::chrono::milliseconds nap_max);
  // A client over a limit has a refusal, unless too many of these are here already: null.
  [[nodiscard]] Client* add(std::unique_ptr<Client> client, bool any_number_from_its_origin);
  void unpark(Client* client);
  // For a client whose event has not come: it does not come any more.
  void take_back(Client* client);
  // A client whose deadline has passed, unparked; null when there is none.
  [[nodiscard]] Client* take_expired();
  // Closes what is parked, and from now on whatever is to be parked, except for answers on their way.
  void close_idle();

  // Any thread that owns the client; it gives it away.
  void park(Client* client, Clock::time_point deadline);
  void close(Client* client);

  // Any thread.
  // Ends all transfers, but leaves the connections to their owners.
  void shut_down_sockets();
  struct Counts {
    std::size_t connections;
    std::uint64_t refused;
  };
  [[nodiscard]] Counts counts() const;
  // No other thread is at work any more.
  void clear();

 private:
  // `mutex_` is held.
  void forget(Client* client);

  const Limits limits_;
  const FileDescriptor epoll_;
  std::array<epoll_event, 256> events_{};

  mutable std::mutex mutex_;
  std::unordered_map<Client*, std::unique_ptr<Client>> clients_;
  std::set<std::pair<Clock::time_point, Client*>> deadlines_;
  std::map<std::string, std::size_t, std::less<>> by_origin_;
  // Without those that are refused.
  std::size_t connections_ = 0;
  std::uint64_t refused_ = 0;
  bool closing_ = false;
};

}  // namespace fedlog::http
