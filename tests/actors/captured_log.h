#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/actors/watched.h"

namespace fedlog::actors::testing {

// Takes what is logged while it lives. Nobody may log while it is made or goes.
class CapturedLog {
 public:
  CapturedLog() : usual_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("captured", std::make_shared<Sink>(text_)));
  }
  ~CapturedLog() { spdlog::set_default_logger(usual_); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  // All lines so far, once `part` is among them.
  [[nodiscard]] std::string wait_for(std::string_view part) {
    return text_.wait([&](const auto& text) { return text.contains(part); });
  }

 private:
  class Sink final : public spdlog::sinks::base_sink<std::mutex> {
   public:
    explicit Sink(Watched<std::string>& text) : text_(text) {}

   private:
    void sink_it_(const spdlog::details::log_msg& message) override {
      text_.change([&](auto& text) {
        text.append(message.payload.begin(), message.payload.end());
        text += '\n';
      });
    }
    void flush_() override {}

    Watched<std::string>& text_;
  };

  std::shared_ptr<spdlog::logger> usual_;
  Watched<std::string> text_;
};

}  // namespace fedlog::actors::testing
