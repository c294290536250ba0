#include "ml/execution/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace fedlog::ml {
namespace {

// Landlock, by number and layout: its header in Debian 12 is older than the kernels it runs on.
struct LandlockRuleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;
  std::uint64_t scoped;
};

}  // namespace

// A rule set that handles every access its version knows, and allows none of them.
std::uint32_t restrict_by_landlock() {
  constexpr long create_ruleset = 444;
  constexpr long restrict_self = 446;
  constexpr unsigned int ask_version = 1;
  const long version = ::syscall(create_ruleset, nullptr, 0, ask_version);
  if (version < 1) return 0;

  LandlockRuleset ruleset{};
  const int file_rights = version == 1 ? 13 : version == 2 ? 14 : version < 5 ? 15 : 16;
  ruleset.handled_access_fs = (1ULL << file_rights) - 1;
  std::size_t size = sizeof(ruleset.handled_access_fs);
  if (version >= 4) {
    ruleset.handled_access_net = 0b11;  // bind, connect
    size += sizeof(ruleset.handled_access_net);
  }
  if (version >= 6) {
    ruleset.scoped = 0b11;  // abstract sockets, signals
    size += sizeof(ruleset.scoped);
  }
  const long descriptor = ::syscall(create_ruleset, &ruleset, size, 0);
  if (descriptor < 0) return 0;
  const bool restricted = ::syscall(restrict_self, descriptor, 0) == 0;
  ::close(static_cast<int>(descriptor));
  return restricted ? static_cast<std::uint32_t>(version) : 0;
}

}  // namespace fedlog::ml
