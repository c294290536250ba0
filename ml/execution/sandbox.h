#pragma once

#include <cstdint>
#include <expected>
#include <string>

// The one-way door between a process that has loaded its libraries and one that runs what a stranger wrote.
namespace fedlog::ml {

struct SandboxLimits {
  std::uint64_t memory_limit_bytes =
      2ULL * 1024 * 1024 * 1024;      // of private writable memory, libraries' data included
  std::uint32_t cpu_limit_s = 3'600;  // of processor time since the process started
  std::uint32_t open_files_limit = 256;
};

struct SandboxReport {
  std::uint32_t landlock_abi = 0;  // 0: the kernel has none
  bool user_namespace = false;
  bool network_namespace = false;
};

// Enters the sandbox for good. Afterwards the process (it must have one thread) can compute, use the
// descriptors it holds, and exit; it cannot open or create a file, socket, process or thread, make memory
// executable, signal or inspect another process, or raise a limit. An attempt to run a program, fork, signal,
// trace, or reach a network kills it; every other system call beyond what torch needs fails with EPERM.
//
// The seccomp filter and the limits are the sandbox. Landlock, namespaces and an unprivileged user come on
// top where the kernel and the surroundings allow them. All descriptors above `last_kept_descriptor` are
// closed. The process ends when the thread that started it does.
[[nodiscard]] std::expected<SandboxReport, std::string> enter_sandbox(const SandboxLimits& limits,
                                                                      int last_kept_descriptor);

}  // namespace fedlog::ml
