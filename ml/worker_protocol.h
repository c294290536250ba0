#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ml/module_source.h"
#include "ml/tensor.h"

// What the server and the model worker say to each other, as bytes. Neither side trusts the other: every
// decoder checks every length, type and shape, and what it returns is consistent (Tensor's own invariant
// holds).
//
// Small tensors travel inside the frame. Larger ones lie in a memory area that both processes map; the frame
// then says where. Both sides share one area, so a request's tensors are overwritten by the reply's.
namespace fedlog::ml {

// Server and worker are installed together, so any difference is refused.
inline constexpr std::uint32_t worker_protocol_version = 3;

inline constexpr std::size_t frame_limit_bytes = 1024 * 1024;
inline constexpr std::size_t inline_tensors_limit_bytes = 256 * 1024;
inline constexpr std::size_t tensor_limit = 256;
inline constexpr std::size_t rank_limit = 32;
inline constexpr std::size_t models_per_request_limit = 128;
inline constexpr std::size_t model_id_limit_bytes = 256;
inline constexpr std::size_t source_modules_limit = 256;
inline constexpr std::size_t source_name_limit_bytes = 256;
inline constexpr std::size_t source_methods_limit_bytes = 64 * 1024;
inline constexpr std::size_t message_limit_bytes = 1024;
inline constexpr std::uint32_t sample_limit = 10'000;

// Why an execution gave no result. The numbers are spoken between server and worker.
enum class ExecutionErrorCode : std::uint8_t {
  model_unreadable = 1,    // not an archive, a broken one, or one that names an operator which is not there
  model_unsupported = 2,   // readable, but nothing that can be executed: an eager module, a state_dict
  input_mismatch = 3,      // the model refused the input; the message is its own
  output_unsupported = 4,  // the model returned no tensors, or too many bytes of them
  out_of_memory = 5,
  bad_request = 6,       // a request that contradicts itself
  input_unreadable = 7,  // the picture is none, broken or too large
  shape_mismatch = 8,    // the input, decoded and preprocessed, does not have the wanted shape
  // The worker never sends these:
  busy = 64,                // all workers are taken and the queue is full
  deadline_exceeded = 65,   // the worker was ended
  worker_failed = 66,       // it crashed, or answered nonsense, and was ended
  worker_unavailable = 67,  // it cannot be started
  caller_busy = 68,         // too many requests of this caller wait
};

struct ExecutionError {
  ExecutionErrorCode code = ExecutionErrorCode::bad_request;
  std::string message;  // one line of printable UTF-8, at most message_limit_bytes
};

enum class WorkerOperation : std::uint8_t {
  load = 1,    // check that the models can be loaded, and keep them
  run = 2,     // run them, loading first those that are not kept
  unload = 3,  // forget them
  // Compile task.source with the inputs as its parameters. The output is the archive as one uint8 tensor.
  compile = 4,
  // Run the one model once on random numbers of the task's input_shape (any size is 1 there), and tell about
  // its layers. The output is one uint8 tensor: see model_statistics.h.
  statistics = 5,
};

enum class SamplingMethod : std::uint8_t {
  none = 0,        // one model, one forward: its outputs
  mc_dropout = 1,  // one model, `samples` forwards with dropout switched on: one tensor, samples first
  ensemble = 2,    // one forward of each model: one tensor, members first
  // One model, `samples` forwards with weights drawn from a normal distribution: one tensor, samples first.
  // The last two inputs are its first and second moment, each one vector over the model's parameters in the
  // order of registration.
  swag = 3,
};

enum class InputKind : std::uint8_t {
  tensors = 0,
  // The first input is a PNG or JPEG file: its bytes as uint8 in one dimension. Preprocessing gets it as
  // uint8 (channels, height, width); without one, the model gets it as float32 in [0, 1] of that shape.
  image = 1,
};

struct WorkerTask {
  WorkerOperation operation = WorkerOperation::run;
  SamplingMethod method = SamplingMethod::none;
  // The inputs were plain numbers, so they take the model's own floating-point type (and stay whole numbers
  // for a model that wants indices).
  bool inputs_take_model_type = false;
  bool softmax = false;       // over dimension 1 of every sample
  std::uint32_t samples = 1;  // of mc_dropout and swag
  std::uint64_t seed = 0;     // of all that is random in the model
  InputKind input_kind = InputKind::tensors;
  // The first of model_ids is a preprocessing: it runs once over the first input, whose place its output
  // takes.
  bool preprocess = false;
  // What the first input must look like once it is decoded and preprocessed; -1 fits every size. A picture
  // that lacks only the leading (batch) dimension gets it.
  std::optional<std::vector<std::int64_t>> input_shape = {};
  std::vector<std::string> model_ids = {};
  ModuleSource source = {};
};

struct WorkerRequest {
  WorkerTask task;
  std::vector<Tensor> inputs = {};
};

struct WorkerReply {
  std::optional<ExecutionError> error;
  std::vector<Tensor> outputs = {};  // empty after an error
  bool retiring = false;             // the worker has used up its share and exits: start another
};

// The worker's first frame: it is in the sandbox now.
struct WorkerGreeting {
  std::uint32_t version = worker_protocol_version;
  std::uint32_t landlock_abi = 0;  // 0: the kernel has none
  bool user_namespace = false;
  bool network_namespace = false;
  std::string failure;  // not empty: there is no sandbox, and the worker has exited
};

using Frame = std::vector<std::byte>;

// The encoders fail, with a reason, only when a limit above or the area's size is exceeded.
[[nodiscard]] std::expected<Frame, std::string> encode_request(const WorkerTask& task,
                                                               std::span<const Tensor> inputs,
                                                               std::span<std::byte> area);
[[nodiscard]] std::expected<Frame, std::string> encode_reply(const WorkerReply& reply,
                                                             std::span<std::byte> area);
[[nodiscard]] Frame encode_greeting(const WorkerGreeting& greeting);

[[nodiscard]] std::expected<WorkerRequest, std::string> decode_request(std::span<const std::byte> frame,
                                                                       std::span<const std::byte> area);
[[nodiscard]] std::expected<WorkerReply, std::string> decode_reply(std::span<const std::byte> frame,
                                                                   std::span<const std::byte> area);
[[nodiscard]] std::expected<WorkerGreeting, std::string> decode_greeting(std::span<const std::byte> frame);

// `text` as one line of printable UTF-8 within message_limit_bytes: safe in a log and in JSON.
[[nodiscard]] std::string printable_line(std::string_view text);

}  // namespace fedlog::ml
