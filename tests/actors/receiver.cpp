#include "tests/actors/receiver.h"

#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

namespace fedlog::actors::testing {

struct Receiver::Server {
  httplib::Server http;
  int port = 0;
  std::atomic<int> status{200};
  std::atomic<bool> endless{false};
  std::thread thread;
};

Receiver::Receiver() : server_(std::make_unique<Server>()) {
  auto& server = *server_;
  server.http.Post(".*", [this, &server](const httplib::Request& request, httplib::Response& response) {
    response.status = server.status;
    if (response.status == 302) response.set_header("Location", "/elsewhere");
    if (server.endless) {
      const std::string filling(4096, 'x');
      response.set_chunked_content_provider("text/plain", [filling](std::size_t, httplib::DataSink& sink) {
        return sink.write(filling.data(), filling.size());
      });
    }
    calls_.change([&](auto& calls) {
      calls.push_back({.target = request.target,
                       .content_type = request.get_header_value("Content-Type"),
                       .delivery = request.get_header_value("X-Fedlog-Delivery"),
                       .answered = response.status,
                       .body = nlohmann::json::parse(request.body, nullptr, false)});
    });
  });
  server.port = server.http.bind_to_any_port("127.0.0.1");
  server.thread = std::thread([&server] { server.http.listen_after_bind(); });
  while (!server.http.is_running()) std::this_thread::yield();
}

Receiver::~Receiver() {
  server_->http.stop();
  server_->thread.join();
}

std::string Receiver::url(const std::string& target) const {
  return "http://127.0.0.1:" + std::to_string(server_->port) + target;
}

void Receiver::set_status(int status) {
  server_->status = status;
}

void Receiver::answer_without_end() {
  server_->endless = true;
}

std::vector<Receiver::Call> Receiver::calls() {
  return calls_.value();
}

void Receiver::wait_for(const std::string& target, const std::string& kind,
                        std::optional<std::int64_t> round) {
  calls_.wait([&](const auto& calls) {
    return std::ranges::any_of(calls, [&](const Call& call) {
      return call.target == target && call.answered == 200 && call.body["notification_type"] == kind &&
             (!round || call.body["body"]["round"] == *round);
    });
  });
}

}  // namespace fedlog::actors::testing
