#include "http/client.h"

#include <algorithm>

namespace fedlog::http {

std::chrono::steady_clock::time_point deadline_of(const Client& client, const ServerOptions& options) {
  using std::chrono::milliseconds;
  const auto now = std::chrono::steady_clock::now();
  switch (client.state) {
    case Client::State::reading_head:
      return std::min(client.step_deadline,
                      now + milliseconds{client.had_a_request ? options.keep_alive_idle_ms
                                                              : options.first_byte_timeout_ms});
    case Client::State::reading_body:
      return now + client.connection.patience({options.body_timeout_ms, options.bytes_per_second_min});
    case Client::State::answering:
      return now + client.connection.patience({options.write_timeout_ms, options.bytes_per_second_min});
    case Client::State::lingering:
      return std::min(client.step_deadline, now + milliseconds{options.linger_pause_ms});
    case Client::State::shaking_hands:
    case Client::State::serving:
    case Client::State::waiting:
      break;
  }
  return client.step_deadline;
}

}  // namespace fedlog::http
