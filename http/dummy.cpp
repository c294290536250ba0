#include "http/dummy.h"

#include "http/rejections.h"
#include "http/schema.h"
#include "http/serializers.h"

namespace fedlog::http {

namespace {

Response make_dummy_data(const Services& services, const Call& call) {
  // HEAD looks, and makes nothing.
  if (call.request.method == "HEAD") return body_response(200, Body::object());
  const auto data = services.gateway.make_dummy_data(call.request.id);
  if (!data) return rejection_response(data.error());
  Body participants = Body::array();
  for (const auto& participant : data->participants) participants.push_back(participant.text());
  return body_response(200, {{"message", "Created Dummy Data in Metrics Database!"},
                             {"training_uuid", data->training.text()},
                             {"user_uuid", data->user.user.id.text()},
                             {"user_credentials",
                              {{"username", data->user.user.username.text},
                               {"password", data->password},
                               {"token", data->user.token}}},
                             {"participants", std::move(participants)}});
}

Operation operation() {
  return {
      .summary = "Make data to look at",
      .description =
          "Makes a model for handwritten digits with its preprocessing, five participants, and a training "
          "of 80 rounds that is completed, with a loss and an accuracy of each participant and round. The "
          "training belongs to the user dummy-user, who is made at the first call. In development mode "
          "only.",
      .idempotency_key = false,
      .answers = {{.status = 200,
                   .meaning = "What was made, and how to log in as its owner",
                   .schema =
                       schema::object({{"message", schema::text()},
                                       {"training_uuid", schema::uuid("the completed training")},
                                       {"user_uuid", schema::uuid("the training's actor")},
                                       {"user_credentials", schema::object({{"username", schema::text()},
                                                                            {"password", schema::text()},
                                                                            {"token", schema::text()}})},
                                       {"participants", schema::list(schema::uuid(), "users' ids")}})}},
      .failures = {detail_failure(400, "The name dummy-user is somebody else's.",
                                  "The user dummy-user exists and has another password; dummy data is made "
                                  "on fresh data only.")}};
}

}  // namespace

std::vector<Route> dummy_routes(const Services& services) {
  if (!services.settings.server.development) return {};
  const Handler handler = [&services](Call& call) { return make_dummy_data(services, call); };
  return {{.pattern = "/api/dummy/",
           .view_name = "Dummy",
           .description = "Makes a user, a model and a completed training with metrics, to look at.",
           .methods = {{"GET", handler, Access::anyone, operation()},
                       {"POST", handler, Access::anyone, operation()}},
           .access = Access::anyone}};
}

}  // namespace fedlog::http
