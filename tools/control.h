#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "domain/training_status.h"
#include "storage/storage.h"
#include "storage/verify.h"

namespace fedlog::tools {

// Takes one line of the answer; false: nobody wants more.
using Emit = std::function<bool(const nlohmann::ordered_json& line)>;

// A training's status as only a running server knows it: how far deliveries are is in no event.
using StatusOfRunning = std::function<std::optional<domain::TrainingStatus>(domain::TrainingId)>;

// Answers what the command-line tool asks about a data folder, in the process that has it open: the running
// server, or the tool itself. Requests are objects with `command`:
//   log: `stream` (empty: all), `from` (position or version, default 1), `reveal` (decrypt personal fields);
//     a line an envelope.
//   show: `stream`, `reveal`; one line, the state that its events add up to.
//   why: `stream` (a training's), `reveal`; one line, the training's status as the API has it.
// The error is a sentence. Reads only; any thread.
[[nodiscard]] std::expected<void, std::string> answer_control_request(
    const nlohmann::json& request, storage::Storage& storage, const Emit& emit,
    const StatusOfRunning& status_of_running = {});

[[nodiscard]] nlohmann::ordered_json report_json(const storage::Report& report);

}  // namespace fedlog::tools
