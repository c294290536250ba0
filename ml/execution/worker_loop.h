#pragma once

#include <cstdint>

#include "ml/execution/executor.h"
#include "ml/worker_channel.h"

namespace fedlog::ml {

// Answers one request after the other until the server closes the socket, sends something malformed, or this
// process has used `cpu_budget_s` of processor time (the last reply then says that it retires).
void serve_requests(int socket, SharedMemory& memory, Executor& executor, std::uint32_t cpu_budget_s);

}  // namespace fedlog::ml
