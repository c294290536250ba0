#include "tools/descriptors.h"

#include <sys/resource.h>

#include "storage/rocks_tables.h"

namespace fedlog::tools {

namespace {

// Of one request: what it uploads, or what it downloads and reads for it.
constexpr std::int64_t files_per_request = 2;
// Log, locks, workers' sockets, libraries.
constexpr std::int64_t others = 128;

}  // namespace

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return RLIM_INFINITY;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

std::uint64_t descriptors_needed(const config::Settings& settings) {
  return static_cast<std::uint64_t>(
      settings.server.connections_max + files_per_request * settings.server.threads_max +
      settings.notifications.concurrency + storage::database_files_max + others);
}

std::optional<std::string> descriptor_warning(std::uint64_t limit, const config::Settings& settings) {
  const auto needed = descriptors_needed(settings);
  if (limit >= needed) return std::nullopt;
  return "only " + std::to_string(limit) + " files may be open at once, and server.connections_max = " +
         std::to_string(settings.server.connections_max) + " needs " + std::to_string(needed) +
         ": raise the limit (ulimit -n, or LimitNOFILE= of a systemd unit), or allow fewer connections; "
         "clients may be dropped without an answer";
}

}  // namespace fedlog::tools
