#include "actors/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

namespace fedlog::actors {
namespace {

constexpr const char* program_name = "fedlog-model-worker";

std::unexpected<ExecutionError> unavailable(std::string message) {
  return std::unexpected(ExecutionError{ExecutionErrorCode::worker_unavailable, std::move(message)});
}

// What posix_spawn needs, freed at the end.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // `socket` and `memory` become the descriptors that the worker expects; it inherits nothing else of ours:
  // no open file, no environment (which may hold secrets), no terminal signals.
  int spawn(const std::filesystem::path& program, const std::vector<std::string>& arguments, int socket,
            int memory, pid_t& process_id) {
    for (int standard = 0; standard <= 2; ++standard) {
      posix_spawn_file_actions_addopen(&actions_, standard, "/dev/null", O_RDWR, 0);
    }
    posix_spawn_file_actions_adddup2(&actions_, socket, ml::worker_socket_descriptor);
    posix_spawn_file_actions_adddup2(&actions_, memory, ml::worker_memory_descriptor);
    posix_spawn_file_actions_addclosefrom_np(&actions_, ml::worker_memory_descriptor + 1);

    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigaddset(&signals, SIGPIPE);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGXCPU);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

    std::vector<char*> argument_list{const_cast<char*>(program_name)};
    for (const auto& argument : arguments) argument_list.push_back(const_cast<char*>(argument.c_str()));
    argument_list.push_back(nullptr);
    std::array<char, 32> locale{"LC_ALL=C"};
    std::array<char, 32> blas_threads{"OPENBLAS_NUM_THREADS=1"};
    std::array<char, 32> openmp_threads{"OMP_NUM_THREADS=1"};
    const std::array<char*, 4> environment{locale.data(), blas_threads.data(), openmp_threads.data(),
                                           nullptr};
    return posix_spawn(&process_id, program.c_str(), &actions_, &attributes_, argument_list.data(),
                       environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A duplicate above the worker's own numbers, so that placing the one cannot overwrite the other.
ml::OwnedDescriptor out_of_the_way(const ml::OwnedDescriptor& descriptor) {
  return ml::OwnedDescriptor(::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, ml::worker_memory_descriptor + 1));
}

std::string ending(int status) {
  if (WIFEXITED(status)) return "it exited with status " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "it ended";
  switch (WTERMSIG(status)) {
    case SIGSYS:
      return "it tried what the sandbox forbids";
    case SIGXCPU:
      return "it used up its processor time";
    case SIGSEGV:
    case SIGBUS:
    case SIGABRT:
    case SIGILL:
    case SIGFPE:
      return "it crashed";
    default:
      return "signal " + std::to_string(WTERMSIG(status)) + " ended it";
  }
}

std::expected<std::vector<ml::OwnedDescriptor>, ExecutionError> open_models(const ExecutionRequest& request) {
  std::vector<ml::OwnedDescriptor> files;
  if (request.operation == ml::WorkerOperation::unload) return files;
  auto models = request.models;
  if (request.preprocessing) models.insert(models.begin(), *request.preprocessing);
  for (const auto& model : models) {
    ml::OwnedDescriptor file(::open(model.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) {
      return std::unexpected(
          ExecutionError{ExecutionErrorCode::model_unreadable,
                         "its file cannot be opened: " + std::string(std::strerror(errno))});
    }
    files.push_back(std::move(file));
  }
  return files;
}

ml::WorkerTask task_of(const ExecutionRequest& request) {
  ml::WorkerTask task{.operation = request.operation,
                      .method = request.method,
                      .inputs_take_model_type = request.inputs_take_model_type,
                      .softmax = request.softmax,
                      .samples = request.samples,
                      .seed = request.seed,
                      .input_kind = request.input_kind,
                      .preprocess = request.preprocessing.has_value(),
                      .input_shape = request.input_shape,
                      .model_ids = {},
                      .source = request.source};
  if (request.preprocessing) task.model_ids.push_back(request.preprocessing->id);
  for (const auto& model : request.models) task.model_ids.push_back(model.id);
  return task;
}

}  // namespace

std::expected<std::filesystem::path, std::string> find_model_worker(
    const std::filesystem::path& configured, const std::filesystem::path& server_program) {
  const auto folder = server_program.parent_path();
  std::vector<std::filesystem::path> candidates;
  if (!configured.empty()) {
    candidates = {configured};
  } else {
    candidates = {folder / program_name, (folder / "../libexec/fedlog" / program_name).lexically_normal()};
  }
  std::string tried;
  for (const auto& candidate : candidates) {
    std::error_code error;
    if (std::filesystem::is_regular_file(candidate, error) && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
    tried += (tried.empty() ? "" : " and ") + candidate.string();
  }
  return std::unexpected("no model worker: no program at " + tried + "; set worker.path");
}

std::expected<std::unique_ptr<WorkerProcess>, ExecutionError> WorkerProcess::start(
    const WorkerProcessOptions& options) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return unavailable("no socket for a model worker: " + std::string(std::strerror(errno)));
  }
  ml::OwnedDescriptor ours(pair[0]);
  ml::OwnedDescriptor theirs(pair[1]);
  auto memory = ml::SharedMemory::create(options.tensors_limit_bytes);
  if (!memory)
    return unavailable("no shared memory for a model worker: " + std::string(std::strerror(errno)));

  const auto socket = out_of_the_way(theirs);
  ml::OwnedDescriptor shared(
      ::fcntl(memory->descriptor(), F_DUPFD_CLOEXEC, ml::worker_memory_descriptor + 1));
  if (!socket.valid() || !shared.valid()) return unavailable("no descriptors left for a model worker");

  pid_t process_id = -1;
  const int error =
      SpawnPlan().spawn(options.worker_path,
                        {std::to_string(options.memory_limit_bytes),
                         std::to_string(options.model_cache_bytes), std::to_string(options.cpu_limit_s)},
                        socket.get(), shared.get(), process_id);
  if (error != 0) {
    return unavailable("the model worker " + options.worker_path.string() +
                       " cannot be started: " + std::strerror(error));
  }
  return std::unique_ptr<WorkerProcess>(
      new WorkerProcess(options, process_id, std::move(ours), std::move(*memory)));
}

WorkerProcess::WorkerProcess(const WorkerProcessOptions& options, pid_t process_id,
                             ml::OwnedDescriptor socket, ml::SharedMemory memory)
    : options_(options),
      started_(std::chrono::steady_clock::now()),
      process_id_(process_id),
      socket_(std::move(socket)),
      memory_(std::move(memory)) {}

WorkerProcess::~WorkerProcess() {
  end();
}

bool WorkerProcess::usable() {
  if (!running_ || retiring_) return false;
  pollfd entry{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&entry, 1, 0) <= 0) return true;
  // Before the greeting there may be bytes to read; later, bytes that nobody asked for, or the end.
  return !greeted_ && (entry.revents & (POLLHUP | POLLERR)) == 0;
}

void WorkerProcess::interrupt() {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

std::expected<std::vector<ml::Tensor>, ExecutionError> WorkerProcess::execute(
    const ExecutionRequest& request) {
  if (!running_) return unavailable("the model worker has ended");
  const auto files = open_models(request);
  if (!files) return std::unexpected(files.error());
  if (auto greeted = await_greeting(); !greeted) return std::unexpected(greeted.error());

  const auto frame = ml::encode_request(task_of(request), request.inputs, memory_.bytes());
  if (!frame) return std::unexpected(ExecutionError{ExecutionErrorCode::bad_request, frame.error()});
  std::vector<int> descriptors;
  for (const auto& file : *files) descriptors.push_back(file.get());

  auto reply = exchange(*frame, descriptors);
  memory_.clear();
  if (!reply) return std::unexpected(reply.error());
  retiring_ = reply->retiring;
  if (reply->error) return std::unexpected(std::move(*reply->error));
  return std::move(reply->outputs);
}

std::expected<void, ExecutionError> WorkerProcess::await_greeting() {
  if (greeted_) return {};
  const auto deadline = started_ + std::chrono::milliseconds(options_.start_limit_ms);
  const auto frame = ml::receive_frame(socket_.get(), deadline);
  if (!frame) {
    auto failure = end_because(frame.error(), options_.start_limit_ms);
    return unavailable("the model worker did not start: " + failure.message);
  }
  auto greeting = ml::decode_greeting(*frame);
  if (!greeting) return unavailable(end_because(ExecutionErrorCode::worker_failed, greeting.error()).message);
  if (!greeting->failure.empty())
    return unavailable(end_because(ExecutionErrorCode::worker_failed, greeting->failure).message);
  greeting_ = std::move(*greeting);
  greeted_ = true;
  return {};
}

std::expected<ml::WorkerReply, ExecutionError> WorkerProcess::exchange(const ml::Frame& frame,
                                                                       const std::vector<int>& models) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.deadline_ms);
  if (auto sent = ml::send_frame(socket_.get(), frame, models, deadline); !sent) {
    return std::unexpected(end_because(sent.error(), options_.deadline_ms));
  }
  const auto answer = ml::receive_frame(socket_.get(), deadline);
  if (!answer) return std::unexpected(end_because(answer.error(), options_.deadline_ms));
  auto reply = ml::decode_reply(*answer, memory_.bytes());
  if (!reply) {
    return std::unexpected(end_because(ExecutionErrorCode::worker_failed,
                                       "it made its worker answer nonsense: " + reply.error()));
  }
  return std::move(*reply);
}

ExecutionError WorkerProcess::end_because(ml::ChannelError error, std::int64_t limit_ms) {
  switch (error) {
    case ml::ChannelError::deadline:
      return end_because(
          ExecutionErrorCode::deadline_exceeded,
          "it was ended after " + std::to_string(limit_ms) + " ms, the longest that a request may take");
    case ml::ChannelError::closed: {
      const auto how = end();
      return {ExecutionErrorCode::worker_failed, how};
    }
    case ml::ChannelError::malformed:
      return end_because(ExecutionErrorCode::worker_failed, "it made its worker answer nonsense");
    case ml::ChannelError::failed:
      break;
  }
  return end_because(ExecutionErrorCode::worker_failed, "the connection to the model worker failed");
}

ExecutionError WorkerProcess::end_because(ExecutionErrorCode code, std::string message) {
  end();
  return {code, std::move(message)};
}

std::string WorkerProcess::end() {
  if (!running_) return {};
  running_ = false;
  // A process that closed its socket may still be on its way out: only its own ending says why, so give it a
  // moment.
  constexpr int way_out_ms = 200;
  pollfd entry{.fd = socket_.get(), .events = 0, .revents = 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & POLLHUP) != 0) {
    const ml::OwnedDescriptor process(static_cast<int>(::syscall(SYS_pidfd_open, process_id_, 0)));
    pollfd exit{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (process.valid()) ::poll(&exit, 1, way_out_ms);
  }
  ::kill(process_id_, SIGKILL);
  int status = 0;
  pid_t reaped = -1;
  do {
    reaped = ::waitpid(process_id_, &status, 0);
  } while (reaped < 0 && errno == EINTR);
  return reaped == process_id_ ? ending(status) : "it ended";
}

}  // namespace fedlog::actors
