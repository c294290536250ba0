#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "actors/endpoint.h"

namespace fedlog::actors {

// An IP address; IPv4 as "::ffff:a.b.c.d".
using IpAddress = std::array<std::uint8_t, 16>;

// Lets other threads end waits for receivers, once and for all.
class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  void raise();
  [[nodiscard]] int descriptor() const { return descriptor_; }  // readable once it is raised

 private:
  int descriptor_;
};

// Whom a connection may lead to, and how long it may take.
struct ConnectionOptions {
  std::chrono::milliseconds connect_timeout{3'000};    // for each address, and again for TLS
  std::chrono::milliseconds read_timeout{30'000};      // of each pause
  std::chrono::milliseconds total_timeout{45'000};     // from the beginning, for everything
  std::function<bool(const IpAddress&)> permits = {};  // empty: everyone
  std::function<std::expected<std::vector<IpAddress>, std::string>(const std::string& host)> resolve =
      {};                             // empty: the system's resolver
  std::string authorities_file = {};  // PEM; empty: the system's authorities
  std::shared_ptr<const Interruption> interruption = {};
};

struct ConnectionError {
  std::string message;       // names neither host nor address
  std::string in_full = {};  // the same with them; empty: there is nothing to add
  bool denied = false;       // no address of the host is permitted
};

class TlsClients;
[[nodiscard]] std::shared_ptr<const TlsClients> make_tls_clients(const std::string& authorities_file);

// A connection to a receiver, which is not trusted. The host's name is resolved once; only its permitted
// addresses are connected to, one after the other until one accepts, and TLS proves the name. All calls block
// until they are done or time is up; the process must ignore SIGPIPE. The options and `cut_off` must outlive
// it.
class ReceiverConnection {
 public:
  using Clock = std::chrono::steady_clock;

  // `tls` is used where the endpoint says so. `cut_off` ends the waits of this connection alone; may be null.
  [[nodiscard]] static std::expected<ReceiverConnection, ConnectionError> open(
      const Endpoint& endpoint, const ConnectionOptions& options, const TlsClients& tls,
      const Interruption* cut_off = nullptr);
  ReceiverConnection(ReceiverConnection&&) noexcept;
  ReceiverConnection& operator=(ReceiverConnection&&) = delete;
  ~ReceiverConnection();

  // Everything, or why not.
  [[nodiscard]] std::expected<void, std::string> send(std::string_view bytes);
  // At least one byte; 0: the receiver has ended the connection.
  [[nodiscard]] std::expected<std::size_t, std::string> receive(std::span<char> bytes);

 private:
  struct State;
  explicit ReceiverConnection(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace fedlog::actors
