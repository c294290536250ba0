#include "actors/pings.h"

#include <utility>

namespace fedlog::actors {
namespace {

constexpr std::size_t limited_callers_max = 10'000;

}  // namespace

Pings::Pings(const storage::Views& views, Post post, Clock clock)
    : views_(views),
      post_(std::move(post)),
      clock_(std::move(clock)),
      callers_(per_minute, limited_callers_max) {}

Result<PingAnswer> Pings::ping(const domain::Caller& caller, domain::UserId id) {
  const auto user = views_.user(id);
  if (!user) {
    return std::unexpected(
        domain::Rejection{domain::Reason::user_not_found, "User " + id.text() + " not found."});
  }
  if (!domain::may_see_to(caller, id)) {
    return std::unexpected(domain::Rejection{domain::Reason::permission_denied,
                                             "You do not have permission to perform this action."});
  }
  if (domain::is_polled(user->message_endpoint.text)) {
    return PingAnswer{.status = {},
                      .duration_ms = {},
                      .problem =
                          "Nothing is posted to this user, who asks for notifications: the "
                          "message_endpoint is empty or begins with \"poll:\"."};
  }
  {
    const std::lock_guard lock{mutex_};
    const auto wait = callers_.take(caller.id.text(), clock_());
    if (wait.count() > 0) return std::unexpected(domain::throttled(wait));
  }
  return post_(*user);
}

}  // namespace fedlog::actors
