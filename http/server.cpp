#include "http/server.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "http/client_table.h"
#include "http/exchange.h"
#include "http/listener.h"
#include "http/transports.h"
#include "http/under_way.h"
#include "http/waits.h"
#include "http/worker_pool.h"

namespace fedlog::http {

namespace {

using Clock = std::chrono::steady_clock;
using Progress = Connection::Progress;
using State = Client::State;
using std::chrono::milliseconds;

constexpr std::size_t accepts_per_event = 64;
constexpr std::size_t discarded_per_event_bytes = 256 * 1024;
constexpr std::size_t received_at_once_bytes = 16 * 1024;
// Workers park connections without waking the loop, so it may notice a deadline this much too late.
constexpr milliseconds longest_nap{1000};

}  // namespace

class Server::Implementation {
 public:
  Implementation(ServerOptions options, ServerCallbacks callbacks)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        exchanges_(options_, callbacks_),
        transports_(options_.tls),
        listener_(options_.host, options_.port),
        port_(listener_.port()),
        clients_({options_.connections_max, options_.connections_per_address_max}),
        wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        workers_(options_.threads_max, std::max<std::size_t>(options_.upload_threads_max, 1)) {
    if (!wake_.is_open()) throw std::runtime_error("cannot create an event descriptor");
    clients_.watch(listener_.fd(), &listener_);
    clients_.watch(wake_.get(), &wake_);
    loop_ = std::thread{[this] { run(); }};
  }

  ~Implementation() { stop(); }

  void stop() {
    const std::scoped_lock once{stop_mutex_};
    if (!loop_.joinable()) return;
    stopping_ = true;
    wake_loop();
    if (!serving_.wait_for_none(milliseconds{options_.stop_timeout_ms})) {
      cut_ = true;
      clients_.shut_down_sockets();
      if (callbacks_.on_cut) callbacks_.on_cut();
    }
    workers_.stop();
    finished_ = true;
    wake_loop();
    loop_.join();
    clients_.clear();
  }

  [[nodiscard]] std::expected<void, std::string> reload_certificate() { return transports_.reload(); }

  [[nodiscard]] int port() const { return port_; }

  [[nodiscard]] Statistics statistics() const {
    const auto counts = clients_.counts();
    return {counts.connections, workers_.threads(), requests_, counts.refused};
  }

 private:
  void wake_loop() const { ::eventfd_write(wake_.get(), 1); }

  // The loop's thread.

  void run() {
    bool closed_idle = false;
    const auto nap_max = std::min(longest_nap, milliseconds{options_.keep_alive_idle_ms});
    while (!finished_) {
      for (const auto& event : clients_.wait(nap_max)) {
        auto* tag = event.data.ptr;
        if (tag == &listener_) {
          if (!stopping_) accept_waiting();
        } else if (tag == &wake_) {
          ::eventfd_t value = 0;
          ::eventfd_read(wake_.get(), &value);
        } else {
          auto* client = static_cast<Client*>(tag);
          clients_.unpark(client);
          go_on(client);
        }
      }
      // After the events: one of a client that is answered now would find it in other hands.
      follow_waits();
      while (auto* client = clients_.take_expired()) end_expired(client);
      if (stopping_ && !closed_idle) {
        for (auto* client : waits_.all()) answer_waiting(client);
        listener_.close();
        clients_.close_idle();
        closed_idle = true;
      }
    }
  }

  void accept_waiting() {
    for (std::size_t accepted = 0; accepted < accepts_per_event; ++accepted) {
      auto incoming = listener_.accept();
      if (!incoming) return;
      const bool trusted = exchanges_.trusted_proxies().contains(incoming->remote_address);
      auto origin = origin_of(incoming->remote_address);
      auto* client =
          clients_.add(std::make_unique<Client>(transports_.make(std::move(incoming->socket)),
                                                std::move(incoming->remote_address), std::move(origin)),
                       trusted);
      if (client == nullptr) continue;
      // Who is refused is told so soon, or not at all.
      client->step_deadline = Clock::now() + milliseconds{client->refusal ? options_.linger_pause_ms
                                                                          : options_.header_timeout_ms};
      shake_hands(client);
    }
  }

  // The client was parked, and what it waited for has come.
  void go_on(Client* client) {
    client->connection.add_wait(std::chrono::duration_cast<milliseconds>(Clock::now() - client->parked_at));
    switch (client->state) {
      case State::shaking_hands:
        // Cryptography takes its time, though it waits for nobody.
        return submit_step(client, [this, client] { shake_hands(client); });
      case State::reading_head:
      case State::reading_body:
        return read_on(client);
      case State::answering:
        unsent_bytes_ -= std::exchange(client->unsent_bytes, 0);
        // Reading the file may wait for the disk.
        if (client->exchange.answer.has_file())
          return submit_step(client, [this, client] { send_on(client); });
        return send_on(client);
      case State::waiting:
        return listen_on(client);
      case State::lingering:
        return linger_on(client);
      case State::serving:
        break;
    }
  }

  void submit_step(Client* client, std::function<void()> step) {
    if (!workers_.submit(client->origin, WorkerPool::Kind::quick, std::move(step))) give_up(client);
  }

  void follow_waits() {
    for (auto* client : waits_.take_handed_over()) wait_for_answer(client);
    for (auto* client : waits_.ready()) answer_waiting(client);
  }

  void wait_for_answer(Client* client) {
    client->state = State::waiting;
    client->step_deadline = client->exchange.deferred->deferral->until;
    if (stopping_) return complete(client);
    park(client);
    waits_.add(client);
  }

  void answer_waiting(Client* client) {
    clients_.take_back(client);
    waits_.remove(client);
    complete(client);
  }

  void complete(Client* client) {
    client->state = State::serving;
    submit_step(client, [this, client] {
      exchanges_.complete(client->exchange, stopping_);
      client->connection.start_transfer();
      send_on(client);
    });
  }

  // A client that sends something while it waits has its next request ready; one that goes away is forgotten.
  void listen_on(Client* client) {
    const auto progress = client->connection.receive_now(received_at_once_bytes);
    const bool sends_much = client->connection.input().size() > options_.collected_body_bytes_max;
    if (progress != Progress::closed && !sends_much) return park(client);
    waits_.remove(client);
    progress == Progress::closed ? give_up(client) : complete(client);
  }

  void linger_on(Client* client) {
    const auto progress = client->connection.discard_now(discarded_per_event_bytes);
    progress == Progress::closed ? clients_.close(client) : park(client);
  }

  void end_expired(Client* client) {
    if (client->state == State::reading_head && !client->connection.input().empty()) {
      refuse(client, {408, "The request's head came too slowly."});
    } else if (client->state == State::reading_body) {
      refuse(client, {408, "The request's body came too slowly."});
    } else if (client->state == State::waiting) {
      answer_waiting(client);
    } else {
      give_up(client);
    }
  }

  // Any thread, for a client that it owns. Each of these gives the client away.

  void park(Client* client) { clients_.park(client, deadline_of(*client, options_)); }

  void shake_hands(Client* client) {
    switch (client->connection.shake_hands_now()) {
      case Progress::waits:
        return park(client);
      case Progress::closed:
        return clients_.close(client);
      case Progress::done:
        if (client->refusal) return refuse(client, *client->refusal);
        client->state = State::reading_head;
        client->step_deadline = Clock::time_point::max();
        client->exchange = Exchange{client->connection};
        return read_on(client);
    }
  }

  void read_on(Client* client) {
    while (true) {
      if (advance(client)) return;
      switch (client->connection.receive_now(received_at_once_bytes)) {
        case Progress::done:
          start_head_time(client);
          break;
        case Progress::waits:
          return park(client);
        case Progress::closed:
          return clients_.close(client);
      }
    }
  }

  void start_head_time(Client* client) const {
    if (client->state == State::reading_head && client->step_deadline == Clock::time_point::max()) {
      client->step_deadline = Clock::now() + milliseconds{options_.header_timeout_ms};
    }
  }

  // Hands a request that is there to a worker, or refuses it. False: more has to come.
  [[nodiscard]] bool advance(Client* client) {
    auto& connection = client->connection;
    if (client->state == State::reading_head) {
      if (connection.input().empty()) return false;
      const auto end = find_head_end(connection.input(), client->scanned_bytes,
                                     {options_.header_bytes_max, options_.header_fields_max});
      if (end && !*end) return false;
      client->had_a_request = true;
      const auto begun = end ? exchanges_.begin(connection, client->exchange, **end)
                             : std::expected<void, HeadError>{std::unexpected{end.error()}};
      if (!begun) {
        refuse(client, begun.error());
        return true;
      }
      client->state = State::reading_body;
      connection.start_transfer();
    }
    const auto body = exchanges_.look_for_body(connection, client->exchange);
    if (body == Exchanges::Body::to_collect) return false;
    submit_request(client,
                   body == Exchanges::Body::to_be_read ? WorkerPool::Kind::patient : WorkerPool::Kind::quick);
    return true;
  }

  void submit_request(Client* client, WorkerPool::Kind kind) {
    client->state = State::serving;
    client->served = true;
    serving_.add();
    ++requests_;
    const auto& address = client->exchange.head.request.remote_address;
    const bool direct = address == client->connection.remote_address();
    if (!workers_.submit(direct ? client->origin : origin_of(address), kind,
                         [this, client] { serve(client); })) {
      refuse(client, {503, "The server has no thread for this request. Try again later."});
    }
  }

  void refuse(Client* client, const HeadError& error) {
    exchanges_.refuse(client->connection, client->exchange, error);
    client->connection.start_transfer();
    send_on(client);
  }

  void serve(Client* client) {
    if (cut_) return give_up(client);
    exchanges_.serve(client->connection, client->exchange, stopping_);
    if (client->exchange.deferred) return waits_.hand_over(client);
    client->connection.start_transfer();
    send_on(client);
  }

  void send_on(Client* client) {
    client->state = State::answering;
    const auto progress = client->exchange.answer.send_now(client->connection);
    if (progress == Progress::closed) return give_up(client);
    if (progress == Progress::waits) {
      client->unsent_bytes = client->exchange.answer.held_bytes();
      const auto unsent_bytes = unsent_bytes_ += client->unsent_bytes;
      return unsent_bytes > options_.unsent_bytes_max ? give_up(client) : park(client);
    }
    exchanges_.log(client->connection, client->exchange);
    const bool served = std::exchange(client->served, false);
    client->exchange.answer.keeps_connection() ? await_request(client) : linger(client);
    if (served) serving_.remove();
  }

  void await_request(Client* client) {
    client->state = State::reading_head;
    client->scanned_bytes = 0;
    client->step_deadline = Clock::time_point::max();
    client->exchange = Exchange{client->connection};
    // What is there already may hold the start of the next request, or all of it.
    if (client->connection.has_buffered_input()) return read_on(client);
    if (!client->connection.input().empty()) start_head_time(client);
    if (!advance(client)) park(client);
  }

  void linger(Client* client) {
    client->connection.finish_sending();
    client->state = State::lingering;
    // Who had no place from the start does not get one by sending on.
    client->step_deadline =
        Clock::now() + milliseconds{client->refusal ? options_.linger_pause_ms : options_.linger_ms};
    park(client);
  }

  // Without an answer, or in the middle of it.
  void give_up(Client* client) {
    unsent_bytes_ -= std::exchange(client->unsent_bytes, 0);
    if (client->state == State::answering) exchanges_.log(client->connection, client->exchange);
    client->exchange.deferred.reset();
    const bool served = client->served;
    clients_.close(client);
    if (served) serving_.remove();
  }

  const ServerOptions options_;
  const ServerCallbacks callbacks_;
  Exchanges exchanges_;
  Transports transports_;
  Listener listener_;
  const int port_;
  ClientTable clients_;
  FileDescriptor wake_;
  Waits waits_{[this] { wake_loop(); }};

  // Requests that were handed to the workers and are not answered.
  UnderWay serving_;
  std::atomic<std::uint64_t> requests_ = 0;
  // Of answers that are parked.
  std::atomic<std::size_t> unsent_bytes_ = 0;

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

std::expected<void, std::string> Server::reload_certificate() {
  return implementation_->reload_certificate();
}

int Server::port() const {
  return implementation_->port();
}

Server::Statistics Server::statistics() const {
  return implementation_->statistics();
}

}  // namespace fedlog::http
