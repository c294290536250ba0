#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/actors/watched.h"

namespace fedlog::actors::testing {

// A participant's end of the notifications: an HTTP server on 127.0.0.1 that writes down what it gets.
class Receiver {
 public:
  struct Call {
    std::string target;
    std::string content_type;
    std::string delivery;  // X-Fedlog-Delivery
    int answered = 0;
    nlohmann::json body;
  };

  Receiver();
  ~Receiver();

  [[nodiscard]] std::string url(const std::string& target) const;

  // What it answers from now on; 200 at first.
  void set_status(int status);
  // Its answers have a body that never ends.
  void answer_without_end();

  [[nodiscard]] std::vector<Call> calls();

  // Waits until `target` accepted a notification of `kind`, of `round` where one is given.
  void wait_for(const std::string& target, const std::string& kind, std::optional<std::int64_t> round = {});

  // Waits for calls until `condition` holds for them.
  template <class Condition>
  std::vector<Call> wait(const Condition& condition) {
    return calls_.wait(condition);
  }

 private:
  struct Server;

  Watched<std::vector<Call>> calls_;
  std::unique_ptr<Server> server_;
};

}  // namespace fedlog::actors::testing
