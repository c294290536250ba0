#include "ml/execution/worker_loop.h"

#include <ctime>

namespace fedlog::ml {
namespace {

std::int64_t cpu_time_s() {
  timespec time{};
  return ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 ? time.tv_sec : 0;
}

}  // namespace

void serve_requests(int socket, SharedMemory& memory, Executor& executor, std::uint32_t cpu_budget_s) {
  while (true) {
    std::vector<OwnedDescriptor> models;
    const auto frame = receive_frame(socket, std::nullopt, &models);
    if (!frame) return;
    const auto request = decode_request(*frame, memory.bytes());
    if (!request) return;

    WorkerReply reply = executor.execute(*request, models);
    reply.retiring = cpu_time_s() >= cpu_budget_s;
    auto answer = encode_reply(reply, memory.bytes());
    if (!answer) {
      reply.outputs.clear();
      reply.error = ExecutionError{ExecutionErrorCode::output_unsupported,
                                   "the model's output is too large: " + answer.error()};
      answer = encode_reply(reply, memory.bytes());
    }
    if (!answer || !send_frame(socket, *answer, {}, std::nullopt) || reply.retiring) return;
  }
}

}  // namespace fedlog::ml
