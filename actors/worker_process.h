#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "actors/execution_request.h"
#include "ml/worker_channel.h"

namespace fedlog::actors {

struct WorkerProcessOptions {
  std::filesystem::path worker_path;  // see find_model_worker
  std::uint64_t memory_limit_bytes = 2ULL * 1024 * 1024 * 1024;
  std::uint64_t model_cache_bytes = 256ULL * 1024 * 1024;
  // The most that all tensors of a request, or of a reply, may take together.
  std::uint64_t tensors_limit_bytes = 256ULL * 1024 * 1024;
  std::uint32_t cpu_limit_s = 3'600;     // a worker that has used half of it is replaced
  std::int64_t deadline_ms = 30'000;     // of one request
  std::int64_t start_limit_ms = 20'000;  // from the start of the process until it is ready
};

// The worker's program: `configured` when not empty, else fedlog-model-worker beside `server_program` or in
// ../libexec/fedlog/ from there. The error names what was tried.
[[nodiscard]] std::expected<std::filesystem::path, std::string> find_model_worker(
    const std::filesystem::path& configured, const std::filesystem::path& server_program);

// One running model worker, ended with this object. Nothing it says is trusted.
//
// Not thread-safe, but for interrupt(). The process ends when the thread that called start() does, so that it
// cannot outlive the server: start it from a thread that stays.
class WorkerProcess {
 public:
  // Starts the program and does not wait for it.
  [[nodiscard]] static std::expected<std::unique_ptr<WorkerProcess>, ExecutionError> start(
      const WorkerProcessOptions& options);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Blocks until the outputs are there or the deadline has passed (the start of the process has its own).
  // After an error that is the worker's fault the process is gone, and usable() false.
  [[nodiscard]] std::expected<std::vector<ml::Tensor>, ExecutionError> execute(
      const ExecutionRequest& request);

  // Whether the next request may go here: the process lives and did not announce its end.
  [[nodiscard]] bool usable();

  // Whether it announced its end, having used up its share of processor time.
  [[nodiscard]] bool retiring() const { return retiring_; }

  // Makes an execute() in another thread return soon, with an error.
  void interrupt();

  [[nodiscard]] pid_t process_id() const { return process_id_; }
  // What the worker said about its sandbox; meaningful after the first execute().
  [[nodiscard]] const ml::WorkerGreeting& greeting() const { return greeting_; }

 private:
  WorkerProcess(const WorkerProcessOptions& options, pid_t process_id, ml::OwnedDescriptor socket,
                ml::SharedMemory memory);

  std::expected<void, ExecutionError> await_greeting();
  std::expected<ml::WorkerReply, ExecutionError> exchange(const ml::Frame& frame,
                                                          const std::vector<int>& models);
  // Ends the process and tells why the request failed.
  ExecutionError end_because(ml::ChannelError error, std::int64_t limit_ms);
  ExecutionError end_because(ExecutionErrorCode code, std::string message);
  // Kills and reaps; returns how the process ended, in words.
  std::string end();

  WorkerProcessOptions options_;
  std::chrono::steady_clock::time_point started_;
  pid_t process_id_;
  ml::OwnedDescriptor socket_;
  ml::SharedMemory memory_;
  ml::WorkerGreeting greeting_;
  bool greeted_ = false;
  bool running_ = true;
  bool retiring_ = false;
};

}  // namespace fedlog::actors
