#pragma once

#include <functional>
#include <string>
#include <utility>

#include "actors/gateway.h"

namespace fedlog::actors {

// The one answer that a command's sender waits for. If it is dropped unanswered (its actor crashed with the
// command in hand or in its mailbox), the sender hears of an internal error instead of waiting for ever.
// Move-only.
class Reply {
 public:
  using Function = std::function<void(Result<std::string>)>;

  Reply() = default;
  explicit Reply(Function function) : function_(std::move(function)) {}
  Reply(Reply&& other) noexcept : function_(std::exchange(other.function_, nullptr)) {}
  Reply& operator=(Reply&& other) noexcept {
    if (this != &other) {
      abandon();
      function_ = std::exchange(other.function_, nullptr);
    }
    return *this;
  }
  ~Reply() { abandon(); }

  void operator()(Result<std::string> result) {
    if (auto function = std::exchange(function_, nullptr)) function(std::move(result));
  }

 private:
  void abandon() {
    (*this)(std::unexpected(domain::Rejection{
        domain::Reason::internal,
        "The command was interrupted; whether it took effect can be seen in the event log."}));
  }

  Function function_;
};

}  // namespace fedlog::actors
