#include "http/server.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include "http/connection.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/worker_pool.h"

namespace fedlog::http {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A connection that the server ends is read on for a while: closing a socket with unread input resets it, and
// the client might never see its answer.
constexpr milliseconds linger_time{2000};
// Those that were refused because the table is full may linger too, but only so many.
constexpr std::size_t refused_lingering_max = 256;
constexpr std::size_t accepts_per_event = 64;
constexpr std::size_t discarded_per_event_bytes = 256 * 1024;
// Workers park connections without waking the loop, so it may notice an idle time's end this much too late.
constexpr milliseconds longest_nap{1000};

}  // namespace

// A connection is either parked (in epoll, with a deadline; the loop's thread owns it) or served (a worker
// owns it):
//
//   accept -> reading_head -> serving -> reading_head ...
//                  |             |
//                  +--> lingering <--+      -> closed
//
// `mutex_` is held where one side hands a connection to the other.
class Server::Implementation {
 public:
  Implementation(ServerOptions options, ServerCallbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        exchanges_(options_, callbacks_),
        listener_(options_.host, options_.port),
        port_(listener_.port()),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        workers_(options_.threads_max) {
    if (!epoll_.is_open() || !wake_.is_open()) throw std::runtime_error("cannot create an epoll instance");
    watch(listener_.fd(), &listener_);
    watch(wake_.get(), &wake_);
    loop_ = std::thread{[this] { run(); }};
  }

  ~Implementation() { stop(); }

  void stop() {
    const std::scoped_lock once{stop_mutex_};
    if (!loop_.joinable()) return;
    stopping_ = true;
    wake_loop();
    {
      std::unique_lock lock{mutex_};
      const auto none_serving = [this] { return serving_ == 0; };
      if (!nothing_served_.wait_for(lock, milliseconds{options_.stop_timeout_ms}, none_serving)) {
        cut_ = true;
        for (auto& [parked, owner] : connections_) ::shutdown(parked->connection.fd(), SHUT_RDWR);
      }
    }
    workers_.stop();
    finished_ = true;
    wake_loop();
    loop_.join();
    connections_.clear();
  }

  [[nodiscard]] int port() const { return port_; }

  [[nodiscard]] Statistics statistics() const {
    const std::scoped_lock lock{mutex_};
    return {counted_, workers_.threads(), requests_, refused_};
  }

 private:
  enum class State { reading_head, serving, lingering };

  struct Client {
    Client(Accepted accepted, bool is_refused)
        : connection(std::move(accepted.socket), std::move(accepted.remote_address)), refused(is_refused) {}
    Connection connection;
    State state = State::reading_head;
    // Known to epoll; while it is served it is not armed there.
    bool watched = false;
    // Over the limit of connections: it only waits for its 503 to arrive.
    bool refused;
    std::size_t scanned_bytes = 0;
    Clock::time_point deadline;
    // When the head that is being read must be there.
    Clock::time_point head_deadline = Clock::time_point::max();
  };
  using Deadlines = std::set<std::pair<Clock::time_point, Client*>>;

  void watch(int fd, void* tag) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = tag;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      throw std::runtime_error("cannot watch a socket");
    }
  }

  void wake_loop() const { ::eventfd_write(wake_.get(), 1); }

  // The loop's thread.

  void run() {
    std::array<epoll_event, 256> events;
    bool closed_all = false;
    while (!finished_) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), nap_ms());
      for (int index = 0; index < count; ++index) {
        auto* tag = events[static_cast<std::size_t>(index)].data.ptr;
        if (tag == &listener_) {
          if (!stopping_) accept_waiting();
        } else if (tag == &wake_) {
          ::eventfd_t value = 0;
          ::eventfd_read(wake_.get(), &value);
        } else {
          auto* client = static_cast<Client*>(tag);
          unpark(client);
          client->state == State::lingering ? linger_on(client) : read_head(client);
        }
      }
      end_expired();
      if (stopping_ && !closed_all) {
        listener_.close();
        close_parked();
        closed_all = true;
      }
    }
  }

  [[nodiscard]] int nap_ms() const {
    const std::scoped_lock lock{mutex_};
    if (connections_.empty()) return -1;
    const auto longest = std::min(longest_nap, milliseconds{options_.keep_alive_idle_ms});
    if (deadlines_.empty()) return static_cast<int>(longest.count());
    const auto left = std::chrono::ceil<milliseconds>(deadlines_.begin()->first - Clock::now());
    return static_cast<int>(std::clamp(left, milliseconds{0}, longest).count());
  }

  void accept_waiting() {
    for (std::size_t accepted = 0; accepted < accepts_per_event; ++accepted) {
      auto incoming = listener_.accept();
      if (!incoming) return;
      Client* client = nullptr;
      {
        const std::scoped_lock lock{mutex_};
        const bool refused = counted_ >= options_.connections_max;
        if (refused) {
          ++refused_;
          if (connections_.size() - counted_ >= refused_lingering_max) continue;
        } else {
          ++counted_;
        }
        auto owner = std::make_unique<Client>(std::move(*incoming), refused);
        client = owner.get();
        connections_.emplace(client, std::move(owner));
      }
      if (client->refused) {
        refuse(client, {503, "The server has as many connections as it takes. Try again later."});
      } else {
        read_head(client);
      }
    }
  }

  void read_head(Client* client) {
    while (true) {
      if (advance(client)) return;
      switch (client->connection.receive_now(options_.header_bytes_max)) {
        case Connection::Received::some:
          if (client->head_deadline == Clock::time_point::max()) {
            client->head_deadline = Clock::now() + milliseconds{options_.header_timeout_ms};
          }
          break;
        case Connection::Received::nothing_now:
          return park(client);
        case Connection::Received::closed:
          return close(client);
      }
    }
  }

  void linger_on(Client* client) {
    if (client->connection.discard_now(discarded_per_event_bytes) == Connection::Received::closed)
      return close(client);
    park(client);
  }

  void end_expired() {
    while (true) {
      Client* client = nullptr;
      {
        const std::scoped_lock lock{mutex_};
        if (deadlines_.empty() || deadlines_.begin()->first > Clock::now()) return;
        client = deadlines_.begin()->second;
        deadlines_.erase(deadlines_.begin());
      }
      // It is armed in epoll, but only this thread takes events.
      if (client->state == State::reading_head && !client->connection.input().empty()) {
        refuse(client, {408, "The request's head came too slowly."});
      } else {
        close(client);
      }
    }
  }

  void close_parked() {
    const std::scoped_lock lock{mutex_};
    for (const auto& [deadline, client] : deadlines_) forget(client);
    deadlines_.clear();
  }

  // Either thread, for a connection that it owns.

  // Hands a connection whose head is there to a worker, or refuses it. False: more has to come.
  [[nodiscard]] bool advance(Client* client) {
    if (client->connection.input().empty()) return false;
    const auto end = find_head_end(client->connection.input(), client->scanned_bytes,
                                   {options_.header_bytes_max, options_.header_fields_max});
    if (!end) {
      refuse(client, end.error());
      return true;
    }
    if (!*end) return false;
    client->state = State::serving;
    client->scanned_bytes = 0;
    client->head_deadline = Clock::time_point::max();
    {
      const std::scoped_lock lock{mutex_};
      ++serving_;
      ++requests_;
    }
    if (!workers_.submit([this, client, head_bytes = **end] { serve(client, head_bytes); })) {
      refuse(client, {503, "The server has no thread for this request. Try again later."});
      count_served();
    }
    return true;
  }

  void refuse(Client* client, const HeadError& error) {
    exchanges_.refuse_now(client->connection, error);
    linger(client);
  }

  void linger(Client* client) {
    ::shutdown(client->connection.fd(), SHUT_WR);
    client->state = State::lingering;
    client->head_deadline = Clock::now() + linger_time;
    park(client);
  }

  // The loop's thread owns the connection from here on.
  void park(Client* client) {
    const std::scoped_lock lock{mutex_};
    if (stopping_) {
      forget(client);
      return;
    }
    client->deadline =
        std::min(client->head_deadline, Clock::now() + milliseconds{options_.keep_alive_idle_ms});
    deadlines_.emplace(client->deadline, client);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.ptr = client;
    const int operation = client->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    client->watched = true;
    // The deadline is what ends a connection that could not be watched.
    ::epoll_ctl(epoll_.get(), operation, client->connection.fd(), &event);
  }

  void unpark(Client* client) {
    const std::scoped_lock lock{mutex_};
    deadlines_.erase({client->deadline, client});
  }

  void close(Client* client) {
    const std::scoped_lock lock{mutex_};
    forget(client);
  }

  // Closes the socket. `mutex_` is held.
  void forget(Client* client) {
    if (!client->refused) --counted_;
    // Closing alone is not enough: while a model worker is being started, its process shares our sockets for
    // a moment, and epoll would go on telling of this one.
    if (client->watched) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, client->connection.fd(), nullptr);
    connections_.erase(client);
  }

  // A worker.

  void serve(Client* client, std::size_t head_bytes) {
    auto after = Exchanges::After::close;
    if (!cut_) after = exchanges_.serve(client->connection, head_bytes, stopping_);
    if (after == Exchanges::After::close) {
      linger(client);
    } else {
      // What is there already may hold the start of the next request, or all of it.
      client->state = State::reading_head;
      if (!client->connection.input().empty()) {
        client->head_deadline = Clock::now() + milliseconds{options_.header_timeout_ms};
      }
      if (!advance(client)) park(client);
    }
    count_served();
  }

  void count_served() {
    const std::scoped_lock lock{mutex_};
    if (--serving_ == 0) nothing_served_.notify_all();
  }

  const ServerOptions options_;
  const ServerCallbacks callbacks_;
  const Exchanges exchanges_;
  Listener listener_;
  const int port_;
  const FileDescriptor epoll_;
  FileDescriptor wake_;

  mutable std::mutex mutex_;
  std::condition_variable nothing_served_;
  std::unordered_map<Client*, std::unique_ptr<Client>> connections_;
  // Of those that are parked.
  Deadlines deadlines_;
  // Connections that are not refused ones.
  std::size_t counted_ = 0;
  std::size_t serving_ = 0;
  std::uint64_t requests_ = 0;
  std::uint64_t refused_ = 0;

  std::atomic<bool> stopping_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> finished_ = false;
  std::mutex stop_mutex_;
  WorkerPool workers_;
  std::thread loop_;
};

Server::Server(ServerOptions options, ServerCallbacks callbacks)
    : implementation_(std::make_unique<Implementation>(std::move(options), std::move(callbacks))) {}

Server::~Server() = default;

void Server::stop() {
  implementation_->stop();
}

int Server::port() const {
  return implementation_->port();
}

Server::Statistics Server::statistics() const {
  return implementation_->statistics();
}

}  // namespace fedlog::http
