#include "tools/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace fedlog::tools {
namespace {

spdlog::level::level_enum level_of(config::LogLevel level) {
  using enum config::LogLevel;
  switch (level) {
    case trace:
      return spdlog::level::trace;
    case debug:
      return spdlog::level::debug;
    case info:
      return spdlog::level::info;
    case warn:
      return spdlog::level::warn;
    case error:
      return spdlog::level::err;
    case off:
      break;
  }
  return spdlog::level::off;
}

// The message as a JSON string, so that whatever it quotes cannot break the line.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& destination) override {
    const auto text = nlohmann::json(std::string(message.payload.data(), message.payload.size()))
                          .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    destination.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessage>();
  }
};

}  // namespace

void start_logging(const config::Log& settings) {
  auto logger = std::make_shared<spdlog::logger>("fedlog", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (settings.format == config::LogFormat::json) {
    formatter->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l","message":%*})");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %-8l %v");
  }
  logger->set_formatter(std::move(formatter));
  logger->set_level(level_of(settings.level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_access(const http::AccessRecord& record) {
  // The path is the client's: quoted, so that it stays one field.
  spdlog::info(
      "request method={} path={} status={} duration_us={} bytes_in={} bytes_out={} remote={} id={}",
      record.method.empty() ? "-" : record.method,
      nlohmann::json(std::string(record.path)).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace),
      record.status, record.duration_us, record.bytes_in, record.bytes_out, record.remote_address,
      record.request_id);
}

}  // namespace fedlog::tools
