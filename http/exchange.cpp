#include "http/exchange.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <random>

#include "config/network.h"
#include "http/errors.h"
#include "http/framed_body.h"

namespace fedlog::http {

namespace {

using Clock = std::chrono::steady_clock;

std::string fresh_request_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id;
  for (auto bits = random(); id.size() < 16; bits >>= 4) id.push_back(digits[bits & 0xF]);
  return id;
}

// RFC 9110's form, which knows no locale.
std::string date_now() {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t cached_time = 0;
  thread_local std::string cached_text;
  const auto now = std::time(nullptr);
  if (now != cached_time) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                  utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    cached_time = now;
    cached_text = text.data();
  }
  return cached_text;
}

bool is_safe_in_a_header(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool has_safe_headers(const Response& response) {
  return std::ranges::all_of(response.headers, [](const NameValue& field) {
    return is_safe_in_a_header(field.first) && is_safe_in_a_header(field.second);
  });
}

// Does the chunked body end in `input`, be it that it is broken?
bool walk_chunks(Exchange& exchange, std::string_view input) {
  auto rest = input.substr(exchange.walked_bytes);
  while (true) {
    const auto at = exchange.chunks.next(rest);
    if (at == ChunkWalk::At::end || at == ChunkWalk::At::malformed) return true;
    if (at == ChunkWalk::At::needs_more || rest.empty()) break;
    const auto count = std::min<std::uint64_t>(rest.size(), exchange.chunks.left_bytes());
    exchange.chunks.take(count);
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  exchange.walked_bytes = input.size() - rest.size();
  return false;
}

}  // namespace

Exchanges::Exchanges(const ServerOptions& options, const ServerCallbacks& callbacks)
    : options_(options), callbacks_(callbacks), trusted_proxies_(options.trusted_proxies) {}

std::expected<void, HeadError> Exchanges::begin(Connection& connection, Exchange& exchange,
                                                std::size_t head_bytes) const {
  exchange.started = Clock::now();
  auto head = parse_request_head(connection.input().substr(0, head_bytes),
                                 {options_.header_bytes_max, options_.header_fields_max});
  connection.consume(head_bytes);
  if (!head) return std::unexpected{head.error()};
  exchange.head = std::move(*head);
  auto& request = exchange.head.request;
  request.remote_address = connection.remote_address();
  request.scheme = connection.scheme();
  trusted_proxies_.apply(request);
  if (request.id.empty()) request.id = fresh_request_id();
  return check_host(request);
}

// Answers repeat the name in links, and a page may have tricked a browser into believing that it is ours.
std::expected<void, HeadError> Exchanges::check_host(const Request& request) const {
  const auto host = request.headers.get("Host");
  if (host.empty()) return {};
  const auto name = config::host_name(host);
  if (!name) return std::unexpected{HeadError{400, "The header Host is no host name."}};
  const auto fits = [&](const std::string& pattern) { return config::fits_host_pattern(*name, pattern); };
  if (std::ranges::any_of(options_.allowed_hosts, fits)) return {};
  return std::unexpected{
      HeadError{400, "This server is not to be called by the name \"" + *name +
                         "\". Whoever runs it may add the name to its setting server.allowed_hosts."}};
}

Exchanges::Body Exchanges::look_for_body(const Connection& connection, Exchange& exchange) const {
  const auto& framing = exchange.head.framing;
  const auto input = connection.input();
  // Whoever waits to be asked sends nothing before.
  if (framing.expects_continue) return Body::to_be_read;
  if (framing.chunked) {
    if (walk_chunks(exchange, input)) return Body::collected;
  } else if (input.size() >= framing.length_bytes) {
    return Body::collected;
  }
  return input.size() > options_.collected_body_bytes_max ? Body::to_be_read : Body::to_collect;
}

void Exchanges::serve(Connection& connection, Exchange& exchange, const std::atomic<bool>& stopping) {
  const auto& request = exchange.head.request;
  FramedBody body{connection,
                  exchange.head.framing,
                  options_.body_bytes_max,
                  {options_.body_timeout_ms, options_.bytes_per_second_min}};
  Response response;
  FileDescriptor file;
  fill_in(exchange, response, file, [&](Response& out) { callbacks_.handle(request, body, out); });
  exchange.may_be_followed = exchange.head.keep_alive && !stopping &&
                             (body.is_complete() || (body.is_worth_draining() && body.drain()));
  if (response.deferral) {
    exchange.deferred = std::move(response);
  } else {
    write_answer(exchange, std::move(response), std::move(file), stopping);
  }
}

void Exchanges::complete(Exchange& exchange, const std::atomic<bool>& stopping) {
  auto response = *std::move(exchange.deferred);
  exchange.deferred.reset();
  const auto deferral = std::exchange(response.deferral, nullptr);
  FileDescriptor file;
  fill_in(exchange, response, file, deferral->complete);
  write_answer(exchange, std::move(response), std::move(file), stopping);
}

void Exchanges::fill_in(const Exchange& exchange, Response& response, FileDescriptor& file,
                        const std::function<void(Response&)>& fill) {
  const auto& request = exchange.head.request;
  const auto failed = [&](std::string_view what) {
    if (callbacks_.on_exception) callbacks_.on_exception(request, what);
    response = server_error_response();
    file.reset();
  };
  try {
    fill(response);
    if (!response.failure.empty() && callbacks_.on_exception) {
      callbacks_.on_exception(request, response.failure);
    }
    if (!has_safe_headers(response)) {
      failed("an answer's header has control characters");
    } else if (!AnswerWriter::open_file(response, file)) {
      failed("an answer's file is missing or too short");
    } else if (!response.deferral) {
      compression_.apply(request, response);
    }
  } catch (const std::exception& error) {
    failed(error.what());
  } catch (...) {
    failed("something that is no std::exception was thrown");
  }
}

void Exchanges::write_answer(Exchange& exchange, Response response, FileDescriptor file,
                             bool stopping) const {
  const auto& request = exchange.head.request;
  const bool keep = exchange.may_be_followed && !stopping;
  response.headers.set("X-Request-ID", request.id);
  response.headers.set_if_absent("Date", date_now());
  response.share.reset();
  exchange.answer = writer_.write(std::move(response), std::move(file), keep, request.method == "HEAD");
}

void Exchanges::refuse(Connection& connection, Exchange& exchange, const HeadError& error) const {
  auto& request = exchange.head.request;
  if (request.id.empty()) {
    exchange.started = Clock::now();
    request.remote_address = connection.remote_address();
    request.id = fresh_request_id();
  }
  connection.consume(connection.input().size());
  auto response = detail_response(error.status, error.detail);
  response.headers.set_if_absent("X-Content-Type-Options", "nosniff");
  if (error.status == 503 || error.status == 429) response.headers.set("Retry-After", "1");
  response.headers.set("X-Request-ID", request.id);
  response.headers.set_if_absent("Date", date_now());
  exchange.answer = writer_.write(std::move(response), {}, false, request.method == "HEAD");
}

void Exchanges::log(const Connection& connection, const Exchange& exchange) const {
  if (!callbacks_.on_access) return;
  const auto& request = exchange.head.request;
  const auto duration =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - exchange.started);
  callbacks_.on_access(
      {.method = request.method,
       .path = request.path,
       .status = exchange.answer.status(),
       .duration_us = static_cast<std::uint64_t>(duration.count()),
       .bytes_in = connection.bytes_received() - connection.input().size() - exchange.received_before,
       .bytes_out = connection.bytes_sent() - exchange.sent_before,
       .remote_address = request.remote_address,
       .request_id = request.id});
}

}  // namespace fedlog::http
