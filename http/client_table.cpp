#include "http/client_table.h"

#include <sys/socket.h>

#include <algorithm>
#include <stdexcept>

namespace fedlog::http {

namespace {

// Those that are refused wait for their answer's arrival, but only so many.
constexpr std::size_t refused_lingering_max = 256;

}  // namespace

ClientTable::ClientTable(Limits limits) : limits_(limits), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) throw std::runtime_error("cannot create an epoll instance");
}

void ClientTable::watch(int fd, void* tag) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = tag;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::runtime_error("cannot watch a socket");
  }
}

std::span<const epoll_event> ClientTable::wait(std::chrono::milliseconds nap_max) {
  using std::chrono::milliseconds;
  int nap_ms = -1;
  {
    const std::scoped_lock lock{mutex_};
    if (!deadlines_.empty()) {
      const auto left = std::chrono::ceil<milliseconds>(deadlines_.begin()->first - Clock::now());
      nap_ms = static_cast<int>(std::clamp(left, milliseconds{0}, nap_max).count());
    } else if (!clients_.empty()) {
      nap_ms = static_cast<int>(nap_max.count());
    }
  }
  const int count = ::epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), nap_ms);
  return std::span{events_}.first(static_cast<std::size_t>(std::max(count, 0)));
}

Client* ClientTable::add(std::unique_ptr<Client> client, bool any_number_from_its_origin) {
  const std::scoped_lock lock{mutex_};
  if (connections_ >= limits_.connections_max) {
    client->refusal = {503, "The server has as many connections as it takes. Try again later."};
  } else if (!any_number_from_its_origin) {
    auto& count = by_origin_[client->origin];
    if (count >= limits_.connections_per_origin_max) {
      client->refusal = {429, "Your address has as many connections as the server takes from one (" +
                                  std::to_string(limits_.connections_per_origin_max) +
                                  "). Close some, or try again later."};
    } else {
      ++count;
      client->counted_by_origin = true;
    }
  }
  if (client->refusal) {
    ++refused_;
    if (clients_.size() - connections_ >= refused_lingering_max) return nullptr;
  } else {
    ++connections_;
  }
  auto* added = client.get();
  clients_.emplace(added, std::move(client));
  return added;
}

void ClientTable::park(Client* client, Clock::time_point deadline) {
  const std::scoped_lock lock{mutex_};
  if (closing_ && !(client->served && client->state == Client::State::answering)) {
    forget(client);
    return;
  }
  client->parked_at = Clock::now();
  client->deadline = deadline;
  deadlines_.emplace(deadline, client);
  epoll_event event{};
  event.events = EPOLLONESHOT | (client->connection.waits_for_output() ? EPOLLOUT : EPOLLIN);
  event.data.ptr = client;
  const int operation = client->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  client->watched = true;
  // The deadline is what ends a connection that could not be watched.
  ::epoll_ctl(epoll_.get(), operation, client->connection.fd(), &event);
}

void ClientTable::unpark(Client* client) {
  const std::scoped_lock lock{mutex_};
  deadlines_.erase({client->deadline, client});
}

void ClientTable::take_back(Client* client) {
  const std::scoped_lock lock{mutex_};
  deadlines_.erase({client->deadline, client});
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->connection.fd(), nullptr);
  client->watched = false;
}

Client* ClientTable::take_expired() {
  const std::scoped_lock lock{mutex_};
  if (deadlines_.empty() || deadlines_.begin()->first > Clock::now()) return nullptr;
  auto* client = deadlines_.begin()->second;
  // It is armed in epoll, but only this thread takes events.
  deadlines_.erase(deadlines_.begin());
  return client;
}

void ClientTable::close_idle() {
  const std::scoped_lock lock{mutex_};
  closing_ = true;
  std::erase_if(deadlines_, [this](const auto& parked) {
    auto* client = parked.second;
    if (client->served && client->state == Client::State::answering) return false;
    forget(client);
    return true;
  });
}

void ClientTable::close(Client* client) {
  const std::scoped_lock lock{mutex_};
  forget(client);
}

void ClientTable::forget(Client* client) {
  if (!client->refusal) --connections_;
  if (client->counted_by_origin) {
    const auto count = by_origin_.find(client->origin);
    if (--count->second == 0) by_origin_.erase(count);
  }
  // Closing alone is not enough: while a model worker is being started, its process shares our sockets for
  // a moment, and epoll would go on telling of this one.
  if (client->watched) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->connection.fd(), nullptr);
  clients_.erase(client);
}

void ClientTable::shut_down_sockets() {
  const std::scoped_lock lock{mutex_};
  for (auto& [client, owner] : clients_) ::shutdown(client->connection.fd(), SHUT_RDWR);
}

ClientTable::Counts ClientTable::counts() const {
  const std::scoped_lock lock{mutex_};
  return {connections_, refused_};
}

void ClientTable::clear() {
  const std::scoped_lock lock{mutex_};
  deadlines_.clear();
  clients_.clear();
}

}  // namespace fedlog::http
