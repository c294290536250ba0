// A model worker without torch and without manners: the id of the model says how it behaves.

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "ml/worker_channel.h"

namespace {

using namespace fedlog::ml;

Tensor number(std::int64_t value) {
  Tensor tensor{.dtype = DType::int64, .shape = {}, .bytes = std::vector<std::byte>(sizeof value)};
  std::memcpy(tensor.bytes.data(), &value, sizeof value);
  return tensor;
}

void send(std::span<const std::byte> frame) {
  (void)send_frame(worker_socket_descriptor, frame, {}, std::nullopt);
}

void answer(const WorkerRequest& request, const std::string& behaviour, SharedMemory& memory) {
  WorkerReply reply;
  if (behaviour == "echo") {
    reply.outputs = request.inputs;
  } else if (behaviour == "process id") {
    reply.outputs = {number(::getpid())};
  } else if (behaviour == "environment") {
    std::int64_t count = 0;
    while (environ[count] != nullptr) ++count;
    reply.outputs = {number(count)};
  } else if (behaviour == "descriptors") {
    std::int64_t count = 0;
    for (int descriptor = 0; descriptor < 256; ++descriptor)
      count += ::lseek(descriptor, 0, SEEK_CUR) >= 0 || errno == ESPIPE;
    reply.outputs = {number(count)};
  } else if (behaviour == "refuse") {
    reply.error = ExecutionError{ExecutionErrorCode::input_mismatch, "no"};
  } else if (behaviour == "retire") {
    reply.retiring = true;
  } else if (behaviour == "crash") {
    std::signal(SIGSEGV, SIG_DFL);
    ::raise(SIGSEGV);
  } else if (behaviour == "hang") {
    while (true) ::pause();
  } else if (behaviour == "nonsense") {
    send(std::as_bytes(std::span("nonsense")));
    return;
  } else if (behaviour == "noise") {
    (void)!::write(worker_socket_descriptor, "noise, not a frame", 18);
    return;
  } else if (behaviour == "twice") {
    // In one piece, so that the second is there when the first is read.
    const auto frame = *encode_reply(reply, memory.bytes());
    const std::array<std::uint32_t, 2> header{0x31574C46, static_cast<std::uint32_t>(frame.size())};
    Frame replies;
    for (int time = 0; time < 2; ++time) {
      const auto start = std::as_bytes(std::span(header));
      replies.insert(replies.end(), start.begin(), start.end());
      replies.insert(replies.end(), frame.begin(), frame.end());
    }
    (void)!::write(worker_socket_descriptor, replies.data(), replies.size());
    return;
  } else if (behaviour == "server's error") {
    reply.error = ExecutionError{ExecutionErrorCode::busy, "not mine to say"};
  }
  send(*encode_reply(reply, memory.bytes()));
  if (reply.retiring) ::_exit(0);
}

}  // namespace

int main() {
  auto memory = SharedMemory::adopt(OwnedDescriptor(worker_memory_descriptor));
  if (!memory) return 1;
  send(encode_greeting({.landlock_abi = 1, .failure = ""}));
  while (true) {
    std::vector<OwnedDescriptor> models;
    const auto frame = receive_frame(worker_socket_descriptor, std::nullopt, &models);
    if (!frame) return 0;
    const auto request = decode_request(*frame, memory->bytes());
    if (!request || request->task.model_ids.empty()) return 1;
    answer(*request, request->task.model_ids.front(), *memory);
  }
}
