#include "actors/webhook.h"

#include <array>
#include <chrono>
#include <string_view>

#include "actors/webhook_signature.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t head_bytes_max = 8 * 1024;

std::string host_field(const Endpoint& endpoint) {
  std::string field = endpoint.host.contains(':') ? "[" + endpoint.host + "]" : endpoint.host;
  if (endpoint.port != (endpoint.tls ? 443 : 80)) field += ":" + std::to_string(endpoint.port);
  return field;
}

// An endpoint's parts hold no control character, nor does an id.
std::string request_of(const Endpoint& endpoint, const WebhookMessage& message) {
  std::string request = "POST " + endpoint.target + " HTTP/1.1\r\nHost: " + host_field(endpoint) +
                        "\r\nUser-Agent: fedlog\r\nAccept: */*\r\nConnection: close"
                        "\r\nContent-Type: application/json\r\nContent-Length: " +
                        std::to_string(message.body.size()) + "\r\nX-Fedlog-Delivery: " + message.delivery;
  if (message.secret) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto timestamp_s = std::chrono::duration_cast<std::chrono::seconds>(now).count();
    request += "\r\nX-Fedlog-Signature: " + webhook_signature(*message.secret, timestamp_s, message.body);
  }
  return request + "\r\n\r\n" + message.body;
}

// "HTTP/1.1 200 OK": 200; anything else: 0.
int status_of(std::string_view line) {
  constexpr std::string_view start = "HTTP/1.";
  constexpr std::size_t digits_at = start.size() + 2;
  constexpr std::size_t end = digits_at + 3;
  if (line.size() < end || !line.starts_with(start) || line[digits_at - 1] != ' ') return 0;
  if (line.size() > end && line[end] != ' ' && line[end] != '\r') return 0;
  int status = 0;
  for (const char digit : line.substr(digits_at, 3)) {
    if (digit < '0' || digit > '9') return 0;
    status = status * 10 + (digit - '0');
  }
  return status >= 100 ? status : 0;
}

// Where the head ends that `text` begins with, behind its empty line; npos: it does not end yet.
std::size_t head_end(std::string_view text) {
  for (auto line_end = text.find('\n'); line_end != std::string_view::npos;
       line_end = text.find('\n', line_end + 1)) {
    const auto rest = text.substr(line_end + 1);
    if (rest.starts_with('\n')) return line_end + 2;
    if (rest.starts_with("\r\n")) return line_end + 3;
  }
  return std::string_view::npos;
}

// The status of the answer, past interim ones (1xx).
Attempt read_answer(ReceiverConnection& connection) {
  std::array<char, head_bytes_max> buffer{};
  std::size_t filled = 0;
  std::size_t begin = 0;
  while (true) {
    const std::string_view text{buffer.data() + begin, filled - begin};
    const auto end = head_end(text);
    if (end == std::string_view::npos) {
      if (filled == buffer.size()) return {.status = 0, .problem = "its answer's headers do not end"};
      const auto count = connection.receive(std::span{buffer}.subspan(filled));
      if (!count) return {.status = 0, .problem = count.error()};
      if (*count == 0) return {.status = 0, .problem = "it ended the connection without an answer"};
      filled += *count;
      continue;
    }
    const int status = status_of(text.substr(0, text.find('\n')));
    if (status == 0) return {.status = 0, .problem = "its answer is not HTTP"};
    if (status >= 200) return {.status = status, .problem = {}};
    begin += end;
  }
}

}  // namespace

Webhook::Webhook(ConnectionOptions options)
    : options_(std::move(options)), tls_(make_tls_clients(options_.authorities_file)) {}

Attempt Webhook::post(const Endpoint& endpoint, const WebhookMessage& message,
                      const Interruption* cut_off) const {
  auto connection = ReceiverConnection::open(endpoint, options_, *tls_, cut_off);
  if (!connection) {
    auto& error = connection.error();
    return {.status = 0,
            .problem = std::move(error.message),
            .obstacle = error.denied ? Obstacle::no_target : Obstacle::none,
            .posted = false,
            .in_full = std::move(error.in_full)};
  }
  if (const auto sent = connection->send(request_of(endpoint, message)); !sent) {
    return {.status = 0, .problem = sent.error()};
  }
  auto attempt = read_answer(*connection);
  attempt.posted = true;
  return attempt;
}

}  // namespace fedlog::actors
