// A model worker in the real sandbox, whose machine code a model has taken over: the id of the model says
// what it tries.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "ml/execution/sandbox.h"
#include "ml/worker_channel.h"

namespace {

using namespace fedlog::ml;

constexpr std::uint64_t gib = std::uint64_t{1} << 30;

int error_of(long result) {
  return result == -1 ? errno : 0;
}

std::string of_parent(const char* file) {
  return "/proc/" + std::to_string(::getppid()) + "/" + file;
}

// The errno, unless the attempt ends the process.
int attempt(const std::string& what) {
  if (what == "read the server's memory map") return error_of(::open(of_parent("maps").c_str(), O_RDONLY));
  if (what == "read the server's environment")
    return error_of(::open(of_parent("environ").c_str(), O_RDONLY));
  if (what == "create a file") return error_of(::open("taken-over", O_CREAT | O_WRONLY, 0600));
  if (what == "take 100 GB") {
    void* memory = ::mmap(nullptr, 100 * gib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? errno : 0;
  }
  if (what == "take 100 GB as a stack") {
    void* memory = ::mmap(nullptr, 100 * gib, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_GROWSDOWN, -1, 0);
    return memory == MAP_FAILED ? errno : 0;
  }
  if (what == "kill the server") return error_of(::kill(::getppid(), SIGKILL));
  if (what == "trace the server") return error_of(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr));
  if (what == "read the server's memory") {
    char byte = 0;
    iovec here{.iov_base = &byte, .iov_len = 1};
    iovec there = here;
    return error_of(::process_vm_readv(::getppid(), &here, 1, &there, 1, 0));
  }
  if (what == "fork") return error_of(::fork());
  if (what == "run a program") {
    char* arguments[] = {nullptr};
    return error_of(::execve("/bin/true", arguments, arguments));
  }
  if (what == "call home") return error_of(::socket(AF_INET, SOCK_STREAM, 0));
  while (what == "never end") {
  }
  return 0;
}

Tensor number(std::int64_t value) {
  Tensor tensor{.dtype = DType::int64, .shape = {}, .bytes = std::vector<std::byte>(sizeof value)};
  std::memcpy(tensor.bytes.data(), &value, sizeof value);
  return tensor;
}

}  // namespace

int main() {
  auto memory = SharedMemory::adopt(OwnedDescriptor(worker_memory_descriptor));
  if (!memory || !enter_sandbox({.memory_limit_bytes = gib}, worker_memory_descriptor)) return 1;
  if (!send_frame(worker_socket_descriptor, encode_greeting({.failure = ""}), {}, std::nullopt)) return 1;
  while (true) {
    std::vector<OwnedDescriptor> models;
    const auto frame = receive_frame(worker_socket_descriptor, std::nullopt, &models);
    if (!frame) return 0;
    const auto request = decode_request(*frame, memory->bytes());
    if (!request || request->task.model_ids.empty()) return 1;
    WorkerReply reply;
    reply.outputs = {number(attempt(request->task.model_ids.front()))};
    const auto answer = encode_reply(reply, memory->bytes());
    if (!answer || !send_frame(worker_socket_descriptor, *answer, {}, std::nullopt)) return 1;
  }
}
