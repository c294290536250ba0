#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "storage/storage.h"
#include "storage/verify.h"

namespace fedlog::tools {

// Takes one line of the answer; false: nobody wants more.
using Emit = std::function<bool(const nlohmann::ordered_json& line)>;

// Answers what the command-line tool asks about a data folder, in the process that has it open: the running
// server, or the tool itself. Requests are objects with `command`:
//   log: `stream` (empty: all), `from` (position or version, default 1), `reveal` (decrypt personal fields);
//     a line an envelope.
//   show: `stream`, `reveal`; one line, the state that its events add up to.
//   why: `stream` (a training's), `reveal`; one line, what the training waits for, as the API's status has
//   it.
// The error is a sentence. Reads only; any thread.
[[nodiscard]] std::expected<void, std::string> answer_control_request(const nlohmann::json& request,
                                                                      storage::Storage& storage,
                                                                      const Emit& emit);

[[nodiscard]] nlohmann::ordered_json report_json(const storage::Report& report);

}  // namespace fedlog::tools
