#include "ml/execution/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "ml/execution/landlock.h"
#include "ml/execution/seccomp_filter.h"

namespace fedlog::ml {
namespace {

constexpr unsigned int nobody = 65534;
constexpr rlim_t stack_limit_bytes = rlim_t{8} * 1024 * 1024;

std::unexpected<std::string> failure(std::string_view what) {
  return std::unexpected("no sandbox: " + std::string(what) + ": " + std::strerror(errno));
}

bool has_one_thread() {
  std::error_code error;
  const std::filesystem::directory_iterator threads("/proc/self/task", error);
  return !error && std::distance(begin(threads), end(threads)) == 1;
}

bool limit(__rlimit_resource resource, rlim_t value) {
  rlimit current{};
  if (::getrlimit(resource, &current) != 0) return false;
  value = std::min(value, current.rlim_max);
  const rlimit wanted{.rlim_cur = value, .rlim_max = value};
  return ::setrlimit(resource, &wanted) == 0;
}

bool set_limits(const SandboxLimits& limits) {
  // RLIMIT_DATA and not RLIMIT_AS: torch maps several hundred MB of libraries before it does anything.
  return limit(RLIMIT_DATA, limits.memory_limit_bytes) && limit(RLIMIT_STACK, stack_limit_bytes) &&
         limit(RLIMIT_CPU, limits.cpu_limit_s) && limit(RLIMIT_NOFILE, limits.open_files_limit) &&
         limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0) &&
         limit(RLIMIT_MEMLOCK, 0) && limit(RLIMIT_MSGQUEUE, 0);
}

// Root in a sandbox is still root to the kernel: become nobody, as far as the surroundings let us.
void drop_user() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(nobody, nobody, nobody) != 0) return;
  if (::setresuid(nobody, nobody, nobody) != 0) return;
}

bool drop_capabilities() {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);  // needs a privilege that we may not have
  }
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

std::expected<SandboxReport, std::string> enter_sandbox(const SandboxLimits& limits,
                                                        int last_kept_descriptor) {
  // A filter binds only the threads it is put on, Landlock only the one that asks.
  if (!has_one_thread()) return std::unexpected("no sandbox: the process has more than one thread");
  if (::close_range(static_cast<unsigned int>(last_kept_descriptor) + 1, ~0U, 0) != 0)
    return failure("close_range");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failure("PR_SET_NO_NEW_PRIVS");

  if (::chdir("/") != 0) return failure("chdir");
  drop_user();
  SandboxReport report;
  report.user_namespace = ::unshare(CLONE_NEWUSER) == 0;
  report.network_namespace = ::unshare(CLONE_NEWNET) == 0;
  ::unshare(CLONE_NEWIPC);
  if (!drop_capabilities()) return failure("capset");

  // After the changes of user above, which reset both.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failure("PR_SET_DUMPABLE");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return failure("PR_SET_PDEATHSIG");

  report.landlock_abi = restrict_by_landlock();
  if (!set_limits(limits)) return failure("setrlimit");
  if (auto filtered = install_seccomp_filter(); !filtered) {
    return std::unexpected("no sandbox: seccomp: " + filtered.error());
  }
  return report;
}

}  // namespace fedlog::ml
