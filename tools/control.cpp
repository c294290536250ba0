#include "tools/control.h"

#include <algorithm>

#include "domain/training_status.h"
#include "http/training_status.h"
#include "storage/described_json.h"
#include "storage/log_head.h"

namespace fedlog::tools {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = std::expected<void, std::string>;

constexpr std::size_t page_events = 1000;

std::string hex(const storage::Hash& hash) {
  return domain::BlobId{hash}.text();
}

Json line_of(const storage::Envelope& envelope, Json payload) {
  return {{"position", envelope.position},
          {"stream", envelope.stream},
          {"version", envelope.version},
          {"id", envelope.id.text()},
          {"type", envelope.type},
          {"revision", envelope.revision},
          {"time", envelope.time.text()},
          {"acting_user", envelope.acting_user ? Json(envelope.acting_user->text()) : Json()},
          {"command", envelope.command.text()},
          {"correlation", envelope.correlation},
          {"payload", std::move(payload)},
          {"previous", hex(envelope.previous)},
          {"hash", hex(envelope.hash)}};
}

Outcome emit_all(const std::vector<storage::Envelope>& envelopes, const storage::EventCodec& codec,
                 bool reveal, const Emit& emit, bool& wanted) {
  for (const auto& envelope : envelopes) {
    auto payload = codec.to_json(envelope, reveal);
    if (!payload) return std::unexpected(payload.error().message);
    wanted = emit(line_of(envelope, std::move(*payload)));
    if (!wanted) break;
  }
  return {};
}

Outcome log(const nlohmann::json& request, storage::Storage& storage, const Emit& emit) {
  const auto stream = request.value("stream", std::string{});
  const auto reveal = request.value("reveal", false);
  auto next = std::max<std::uint64_t>(1, request.value("from", std::uint64_t{1}));
  bool wanted = true;
  if (!stream.empty()) {
    if (storage.journal().version_of(stream) == 0) {
      return std::unexpected("There is no stream \"" + stream +
                             "\". Streams are training/<id>, model/<id>, user/<id> and group/<number>.");
    }
    return emit_all(storage.journal().read_stream(stream, next), storage.codec(), reveal, emit, wanted);
  }
  while (wanted) {
    const auto page = storage.journal().read_all(next, page_events);
    if (page.empty()) break;
    next = page.back().position + 1;
    if (auto emitted = emit_all(page, storage.codec(), reveal, emit, wanted); !emitted) return emitted;
  }
  return {};
}

// The fold of a stream's events: `decode(envelope)` and `apply(state, event, time)`.
template <class State, class Decode, class Apply>
std::expected<Json, std::string> fold(const std::vector<storage::Envelope>& envelopes, const Decode& decode,
                                      const Apply& apply) {
  State state;
  for (const auto& envelope : envelopes) {
    const auto event = decode(envelope);
    if (!event) return std::unexpected(event.error().message);
    apply(state, *event, envelope.time);
  }
  return storage::json_of(state);
}

void hide_personal(domain::User& user) {
  for (auto* personal :
       {&user.username, &user.first_name, &user.last_name, &user.email, &user.message_endpoint}) {
    personal->text = "(personal)";
  }
}

std::expected<Json, std::string> state_of(const std::string& stream, bool reveal, storage::Storage& storage) {
  const auto envelopes = storage.journal().read_stream(stream);
  if (envelopes.empty()) return std::unexpected("There is no stream \"" + stream + "\".");
  const auto& codec = storage.codec();
  if (stream.starts_with("training/")) {
    return fold<domain::Training>(
        envelopes, [&](const auto& envelope) { return codec.decode_training(envelope); },
        [](auto& state, const auto& event, auto at) { domain::evolve(state, event, at); });
  }
  if (stream.starts_with("model/")) {
    return fold<domain::Model>(
        envelopes, [&](const auto& envelope) { return codec.decode_model(envelope); },
        [](auto& state, const auto& event, auto) { domain::evolve(state, event); });
  }
  if (stream.starts_with("group/")) {
    return fold<domain::Group>(
        envelopes, [&](const auto& envelope) { return codec.decode_group(envelope); },
        [](auto& state, const auto& event, auto) { domain::evolve(state, event); });
  }
  return fold<domain::User>(
      envelopes, [&](const auto& envelope) { return codec.decode_user(envelope); },
      [&](auto& state, const auto& event, auto at) {
        domain::evolve(state, event, at);
        if (!reveal) hide_personal(state);
      });
}

Outcome show(const nlohmann::json& request, storage::Storage& storage, const Emit& emit) {
  const auto stream = request.value("stream", std::string{});
  auto state = state_of(stream, request.value("reveal", false), storage);
  if (!state) return std::unexpected(std::move(state.error()));
  emit({{"stream", stream}, {"version", storage.journal().version_of(stream)}, {"state", std::move(*state)}});
  return {};
}

Outcome why(const nlohmann::json& request, storage::Storage& storage, const Emit& emit,
            const StatusOfRunning& status_of_running) {
  constexpr std::string_view prefix = "training/";
  const auto stream = request.value("stream", std::string{});
  const auto id =
      stream.starts_with(prefix) ? domain::TrainingId::parse(stream.substr(prefix.size())) : std::nullopt;
  if (!id || storage.journal().version_of(stream) == 0) {
    return std::unexpected("There is no training \"" + stream + "\"; trainings are training/<id>.");
  }
  const auto& views = storage.views();
  const auto training = views.training(*id);
  if (!training)
    return std::unexpected("That training was deleted; fedlog log " + stream + " tells its story.");
  const bool reveal = request.value("reveal", false);
  const auto name_of_user = [&](domain::UserId user) {
    const auto known = reveal ? views.user(user) : std::nullopt;
    return known ? known->username.text : "user/" + user.text();
  };
  const auto running = status_of_running ? status_of_running(*id) : std::nullopt;
  emit(http::serialized(running
                            ? *running
                            : domain::status_of(*training, storage::system_time(), views.pending_in(*id),
                                                [&](domain::UserId user) { return views.is_active(user); }),
                        name_of_user));
  return {};
}

Outcome verify(const nlohmann::json& request, storage::Storage& storage, const Emit& emit) {
  emit(report_json(
      storage::verify(storage, {.views = true, .blob_contents = request.value("contents", false)})));
  return {};
}

}  // namespace

Json report_json(const storage::Report& report) {
  auto problems = Json::array();
  for (const auto& problem : report.problems) {
    problems.push_back(
        (problem.position > 0 ? "at position " + std::to_string(problem.position) + ": " : "") +
        problem.text);
  }
  return {{"events", report.events},
          {"streams", report.streams},
          {"blobs", report.blobs},
          {"unused_blobs", report.unused_blobs},
          {"last_position", report.last_position},
          {"last_hash", hex(report.last_hash)},
          {"sound_until", report.sound_until},
          {"problems", std::move(problems)},
          {"problems_in_all", report.problems_in_all}};
}

Outcome answer_control_request(const nlohmann::json& request, storage::Storage& storage, const Emit& emit,
                               const StatusOfRunning& status_of_running) {
  const auto command = request.value("command", std::string{});
  if (command == "log") return log(request, storage, emit);
  if (command == "show") return show(request, storage, emit);
  if (command == "why") return why(request, storage, emit, status_of_running);
  if (command == "verify") return verify(request, storage, emit);
  return std::unexpected("The running server does not know the command \"" + command +
                         "\"; its version and the tool's differ.");
}

}  // namespace fedlog::tools
