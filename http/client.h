#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/exchange.h"

namespace fedlog::http {

// A connection and where it stands. Owned by one thread at a time: the loop's while it is parked, else the
// one that goes on with it.
//
//   accept -> shaking_hands -> reading_head -> reading_body -> serving -> answering -> reading_head ...
//                                   |               |         |      ^        |
//                                   |               |         v      |        +--> lingering -> closed
//                                   |               |         waiting
//                                   +---------------+------> answering
//
// A state that has nothing to wait for is passed at once.
struct Client {
  enum class State {
    shaking_hands,
    reading_head,
    reading_body,
    serving,    // queued for a worker, or with it
    waiting,    // its answer waits for something
    answering,  // the client takes its time to read
    lingering,  // a connection that we end is read on for a while, so that closing does not reset it
  };

  Client(std::unique_ptr<Transport> transport, std::string remote_address, std::string client_origin)
      : connection(std::move(transport), std::move(remote_address)),
        origin(std::move(client_origin)),
        exchange(connection) {}

  Connection connection;
  // Of the connection: what its limits count.
  std::string origin;
  State state = State::shaking_hands;
  // Why it is refused from the start, if it is: it only waits for that answer to arrive.
  std::optional<HeadError> refusal;
  // It counts among its origin's connections.
  bool counted_by_origin = false;

  Exchange exchange;
  // Of the input, what find_head_end has looked at.
  std::size_t scanned_bytes = 0;
  bool had_a_request = false;
  // A handler was called: stop() waits for the answer to be out.
  bool served = false;
  // When the handshake, the head or the lingering must be over at the latest.
  std::chrono::steady_clock::time_point step_deadline = std::chrono::steady_clock::time_point::max();

  // While it is parked. `watched`: it is known to epoll, armed or not.
  bool watched = false;
  std::chrono::steady_clock::time_point parked_at;
  std::chrono::steady_clock::time_point deadline;
  std::size_t unsent_bytes = 0;
  // While it is waiting: the number that its wait is known by.
  std::uint64_t wait = 0;
};

// Until when a client that is parked now may take.
[[nodiscard]] std::chrono::steady_clock::time_point deadline_of(const Client& client,
                                                                const ServerOptions& options);

}  // namespace fedlog::http
