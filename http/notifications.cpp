#include "http/notifications.h"

#include <algorithm>

#include "actors/delivery.h"
#include "actors/mailboxes.h"
#include "http/errors.h"
#include "http/field_reader.h"
#include "http/rejections.h"
#include "http/schema.h"
#include "http/user_operations.h"

namespace fedlog::http {

namespace {

constexpr std::int64_t wait_max_s = 60;

const std::vector<FieldRule>& polling_parameters() {
  static const std::vector<FieldRule> rules{
      {.name = "after",
       .type = FieldType::integer,
       .fallback = 0,
       .minimum = 0,
       .description =
           "The `cursor` of the answer before: what came up to there has arrived. 0 asks for all that "
           "is kept.",
       .example = 1742},
      {.name = "wait_s",
       .type = FieldType::integer,
       .fallback = 0,
       .minimum = 0,
       .maximum = wait_max_s,
       .description = "How many seconds to wait for a notification if there is none yet.",
       .example = 30}};
  return rules;
}

struct Polling {
  std::uint64_t after = 0;
  std::chrono::seconds wait{0};
};

std::expected<Polling, Response> read_polling(const Request& request) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& [name, text] : request.query) {
    const auto rule = std::ranges::find(polling_parameters(), name, &FieldRule::name);
    if (rule == polling_parameters().end()) {
      if (name == "format") continue;  // the negotiation's
      return std::unexpected(body_response(
          400, {{name, Body::array({"There is no such parameter; there are after and wait_s."})}}));
    }
    auto value = FieldReader{*rule, Wording::rest_framework}.read(text);
    if (!value) return std::unexpected(body_response(400, {{name, std::move(value.error())}}));
    values[name] = std::move(*value);
  }
  return Polling{.after = values.value("after", std::uint64_t{0}),
                 .wait = std::chrono::seconds{values.value("wait_s", std::int64_t{0})}};
}

Body notification_body(const storage::OutboxRow& row) {
  Body body;
  body["cursor"] = row.position;
  body["delivery"] = row.id.text();
  body["created"] = row.requested.text();
  body.update(Body::parse(actors::body_of(row.notification)));
  return body;
}

Response answer_of(const actors::Result<std::vector<storage::OutboxRow>>& rows, std::uint64_t after) {
  if (!rows) return rejection_response(rows.error());
  Body body;
  body["notifications"] = Body::array();
  for (const auto& row : *rows) body["notifications"].push_back(notification_body(row));
  body["cursor"] = rows->empty() ? after : rows->back().position;
  return body_response(200, body);
}

// The answer after a wait. The headers that every answer has stay as they are.
void complete(const Services& services, const actors::RequestContext& context, std::uint64_t after,
              Response& response) {
  const auto user = services.gateway.views().user(context.caller.id);
  auto answer = user && user->active ? answer_of(services.gateway.notifications(context, after), after)
                                     : unauthorized_response("User inactive or deleted.");
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.headers.set(name, value);
  response.body = std::move(answer.body);
}

Response show_notifications(const Services& services, const Call& call) {
  const auto polling = read_polling(call.request);
  if (!polling) return polling.error();
  const auto context = reading_context(call);
  const bool waits = polling->wait.count() > 0 && call.request.method == "GET";
  // It begins before the look at what is there, so that nothing comes in between unnoticed.
  std::shared_ptr<actors::NotificationWait> wait =
      waits ? services.gateway.await_notification(context.caller.id) : nullptr;
  // Whoever asks for the head alone is handed nothing, so nothing is settled.
  const auto rows = call.request.method == "HEAD"
                        ? services.gateway.views().notifications_of(context.caller.id, polling->after,
                                                                    actors::Mailboxes::page_rows)
                        : services.gateway.notifications(context, polling->after);
  auto response = answer_of(rows, polling->after);
  if (!wait || !rows || !rows->empty()) return response;
  response.deferral = std::make_shared<Deferral>(Deferral{
      .until = std::chrono::steady_clock::now() + polling->wait,
      .listen = [wait](std::function<void()> ready) { wait->listen(std::move(ready)); },
      .complete = [&services, context,
                   after = polling->after](Response& out) { complete(services, context, after, out); }});
  return response;
}

template <class T>
Body or_null(const std::optional<T>& value) {
  return value ? Body(*value) : Body(nullptr);
}

Response ping(const Services& services, const Call& call) {
  const auto& text = call.parameter("user_id");
  const auto id = domain::UserId::parse(text);
  if (!id) return entity_not_found_response("User", text);
  const auto answer = services.gateway.ping(reading_context(call), *id);
  if (!answer) return rejection_response(answer.error());
  return body_response(200, {{"x_status", or_null(answer->status)},
                             {"x_ms", or_null(answer->duration_ms)},
                             {"x_problem", answer->problem.empty() ? Body(nullptr) : Body(answer->problem)}});
}

Operation polling_operation() {
  using namespace schema;
  Body notification = Body::object();
  notification["allOf"] = Body::array(
      {ref("Notification"),
       object({{"cursor", with_example(integer("Its place in the event log."), 1743)},
               {"delivery", with_example(uuid("As in X-Fedlog-Delivery: the same however often it is told."),
                                         "01939f4e-6f5a-7cc1-9d2e-0a4b5c6d7e8f")},
               {"created", with_example(text("When it was requested."), "2026-01-31T08:15:00.000123Z")}})});
  return {
      .summary = "The caller's notifications, waited for",
      .description =
          "The same that are posted to whoever has an endpoint, for clients that nothing can be posted to: "
          "register with the message_endpoint \"poll:\", and ask in a loop, each time `after` the cursor of "
          "the answer before. An answer has at most 100, in order. What is pending is kept, and of the rest "
          "the 1,000 of a user that were settled last, as long as their training is there. The answer to too "
          "many waits at once comes without waiting: then pause.",
      .query = polling_parameters(),
      .answers = {{.meaning = "What there is after `after`; nothing, if nothing came within `wait_s`.",
                   .schema = object({{"notifications", list(std::move(notification))},
                                     {"cursor", with_example(integer("What to ask after next."), 1743)}})}},
      .failures = {
          field_failure(400, "The cursor is none that was given out.", "after",
                        "This is no cursor that was given out: the event log ends at 1742 now. Begin "
                        "with 0."),
          field_failure(400, "A parameter does not fit.", "wait_s",
                        "Ensure this value is less than or equal to 60.")}};
}

Operation ping_operation() {
  using namespace schema;
  return {
      .summary = "Try a user's message_endpoint",
      .description =
          "Posts {\"notification_type\": \"PING\"} to it, once, as notifications are posted, and "
          "tells what came back. Users try their own, superusers anybody's, 6 times a minute.",
      .idempotency_key = false,
      .answers = {{.meaning = "What came back.",
                   .schema = object(
                       {{"x_status",
                         with_example(nullable(integer("The answer's status; null without one.")), 200)},
                        {"x_ms", with_example(
                                     nullable(integer("How long it took; null if nothing was posted.")), 12)},
                        {"x_problem",
                         with_example(nullable(text("What is wrong; null if nothing is.")), nullptr)}})}},
      .failures = {unknown_id("User"), not_permitted("It is another's account."),
                   detail_failure(429, "It was tried too often.",
                                  "Request was throttled. Expected available in 10 seconds.")}};
}

}  // namespace

std::vector<Route> notification_routes(const Services& services) {
  return {
      {.pattern = "/api/users/notifications/",
       .view_name = "User",
       .description = "The caller's notifications.",
       .methods = {{"GET", [&services](Call& call) { return show_notifications(services, call); },
                    Access::authenticated, polling_operation()}}},
      {.pattern = "/api/users/{user_id}/ping/",
       .view_name = "User",
       .description = "Tries a user's message_endpoint.",
       .methods = {{"POST", [&services](Call& call) { return ping(services, call); }, Access::authenticated,
                    ping_operation()}},
       .parameters = {user_parameter()}},
  };
}

}  // namespace fedlog::http
