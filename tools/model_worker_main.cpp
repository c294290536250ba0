// fedlog-model-worker: executes models for fedlog-server, which starts it with a socket and a memory area as
// descriptors 3 and 4. Not meant to be started by hand.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "ml/execution/executor.h"
#include "ml/execution/sandbox.h"
#include "ml/execution/worker_loop.h"

namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

int main(int argument_count, char** arguments) {
  using namespace fedlog::ml;
  const auto argument = [&](int index) {
    return index < argument_count ? number(arguments[index]) : std::nullopt;
  };
  const auto memory_limit_bytes = argument(1);
  const auto model_cache_bytes = argument(2);
  const auto cpu_limit_s = argument(3);
  auto memory = SharedMemory::adopt(OwnedDescriptor(worker_memory_descriptor));
  if (!memory_limit_bytes || !model_cache_bytes || !cpu_limit_s || !memory) {
    std::fputs("fedlog-model-worker is started by fedlog-server\n", stderr);
    return EXIT_FAILURE;
  }

  Executor::warm_up();
  const auto sandbox = enter_sandbox(
      {.memory_limit_bytes = *memory_limit_bytes, .cpu_limit_s = static_cast<std::uint32_t>(*cpu_limit_s)},
      worker_memory_descriptor);
  WorkerGreeting greeting;
  if (sandbox) {
    greeting.landlock_abi = sandbox->landlock_abi;
    greeting.user_namespace = sandbox->user_namespace;
    greeting.network_namespace = sandbox->network_namespace;
  } else {
    greeting.failure = sandbox.error();
  }
  if (!send_frame(worker_socket_descriptor, encode_greeting(greeting), {}, std::nullopt) || !sandbox)
    return EXIT_FAILURE;

  Executor executor(*model_cache_bytes);
  // Half of the limit: the kernel's is for a model that does not come back.
  serve_requests(worker_socket_descriptor, *memory, executor, static_cast<std::uint32_t>(*cpu_limit_s / 2));
  // Without destructors of libraries, which expect a world outside of the sandbox.
  std::_Exit(EXIT_SUCCESS);
}
