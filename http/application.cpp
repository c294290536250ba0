#include "http/application.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "http/accounts.h"
#include "http/dummy.h"
#include "http/groups.h"
#include "http/inference.h"
#include "http/models.h"
#include "http/notifications.h"
#include "http/schema_routes.h"
#include "http/trainings.h"
#include "http/users.h"

namespace fedlog::http {

namespace {

// The API is the sum of its resources' routes, and what describes them.
std::vector<Route> all_routes(const Services& services) {
  std::vector<Route> routes;
  for (auto resource : {user_routes, account_routes, notification_routes, group_routes, model_routes,
                        training_routes, inference_routes, dummy_routes}) {
    std::ranges::move(resource(services), std::back_inserter(routes));
  }
  add_schema_routes(routes, services.settings.server.api_pages);
  return routes;
}

}  // namespace

Application::Application(actors::Gateway& gateway, config::Settings settings)
    : settings_(std::move(settings)),
      list_memory_(static_cast<std::uint64_t>(settings_.limits.list_memory_bytes_max)),
      services_{gateway, settings_, list_memory_},
      authentication_(gateway, settings_.limits.requests_per_minute_per_user),
      router_(all_routes(services_), authentication_, {.allowed_origins = settings_.cors.allowed_origins}) {}

std::uint64_t Application::body_bytes_max() const {
  constexpr std::int64_t files_max = 2;  // a model and its preprocessing
  constexpr std::int64_t framing_bytes = 1024 * 1024;
  const auto& limits = settings_.limits;
  return static_cast<std::uint64_t>(
      std::max(std::max(limits.json_bytes_max, limits.inference_bytes_max) + limits.form_bytes_max,
               files_max * limits.model_bytes_max + limits.form_bytes_max) +
      framing_bytes);
}

}  // namespace fedlog::http
