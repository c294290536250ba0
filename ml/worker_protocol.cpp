#include "ml/worker_protocol.h"

#include <algorithm>
#include <bit>

#include "ml/frame_codec.h"

namespace fedlog::ml {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors and frames are little-endian");

constexpr std::size_t alignment_bytes = 64;

enum class TensorPlace : std::uint8_t { in_frame = 0, in_area = 1 };

// Nothing when the shape is negative or its product overflows.
std::optional<std::size_t> shape_size_bytes(DType type, std::span<const std::int64_t> shape) {
  std::size_t size = size_bytes(type);
  for (const auto extent : shape) {
    if (extent < 0) return std::nullopt;
    if (__builtin_mul_overflow(size, static_cast<std::size_t>(extent), &size)) return std::nullopt;
  }
  return size;
}

std::optional<std::string> write_tensors(FrameWriter& writer, std::span<const Tensor> tensors,
                                         std::span<std::byte> area) {
  if (tensors.size() > tensor_limit)
    return "there are more than " + std::to_string(tensor_limit) + " tensors";
  std::size_t total_bytes = 0;
  for (const auto& tensor : tensors) total_bytes += tensor.bytes.size();
  const auto place = total_bytes <= inline_tensors_limit_bytes ? TensorPlace::in_frame : TensorPlace::in_area;

  writer.number(static_cast<std::uint32_t>(tensors.size()));
  std::size_t offset = 0;
  for (const auto& tensor : tensors) {
    if (tensor.shape.size() > rank_limit)
      return "a tensor has more than " + std::to_string(rank_limit) + " dimensions";
    if (shape_size_bytes(tensor.dtype, tensor.shape) != tensor.bytes.size()) {
      return "a tensor's bytes do not match its shape";
    }
    writer.number(static_cast<std::uint8_t>(tensor.dtype));
    writer.number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const auto extent : tensor.shape) writer.number(extent);
    writer.number(static_cast<std::uint8_t>(place));
    if (place == TensorPlace::in_frame) {
      writer.bytes(tensor.bytes);
      continue;
    }
    if (offset > area.size() || tensor.bytes.size() > area.size() - offset) {
      return "the tensors take " + std::to_string(total_bytes) + " bytes, more than the limit of " +
             std::to_string(area.size());
    }
    writer.number(static_cast<std::uint64_t>(offset));
    std::ranges::copy(tensor.bytes, area.begin() + static_cast<std::ptrdiff_t>(offset));
    offset += (tensor.bytes.size() + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
  }
  return std::nullopt;
}

Tensor read_tensor(FrameReader& reader, std::span<const std::byte> area, std::size_t& budget_bytes) {
  Tensor tensor;
  const auto type = reader.number<std::uint8_t>();
  if (type > static_cast<std::uint8_t>(DType::boolean)) {
    reader.fail("an element type is unknown");
    return {};
  }
  tensor.dtype = static_cast<DType>(type);
  tensor.shape.resize(reader.count(rank_limit, "dimensions"));
  for (auto& extent : tensor.shape) extent = reader.number<std::int64_t>();
  const auto place = reader.number<std::uint8_t>();
  if (reader.failed()) return {};

  const auto size = shape_size_bytes(tensor.dtype, tensor.shape);
  if (!size) {
    reader.fail("a shape is negative or too large");
    return {};
  }
  std::span<const std::byte> from;
  if (place == static_cast<std::uint8_t>(TensorPlace::in_frame)) {
    from = reader.bytes(*size);
  } else if (place == static_cast<std::uint8_t>(TensorPlace::in_area)) {
    const auto offset = reader.number<std::uint64_t>();
    // Several tensors may point to the same bytes, but together they cannot be larger than the area.
    if (offset > area.size() || *size > area.size() - offset || *size > budget_bytes) {
      reader.fail("a tensor lies outside the shared memory");
      return {};
    }
    budget_bytes -= *size;
    from = area.subspan(offset, *size);
  } else {
    reader.fail("a tensor's place is unknown");
  }
  if (reader.failed()) return {};
  tensor.bytes.assign(from.begin(), from.end());
  return tensor;
}

std::vector<Tensor> read_tensors(FrameReader& reader, std::span<const std::byte> area) {
  std::vector<Tensor> tensors;
  std::size_t budget_bytes = area.size();
  const auto count = reader.count(tensor_limit, "tensors");
  for (std::uint32_t index = 0; index < count && !reader.failed(); ++index) {
    tensors.push_back(read_tensor(reader, area, budget_bytes));
  }
  return tensors;
}

// Bytes of the well-formed UTF-8 character at the start of `text`; 0 when there is none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first < 0xE0   ? 2
                           : first >= 0xE0 && first < 0xF0 ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4
                                                           : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t index = 1; index < size; ++index) {
    if ((byte(index) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate_or_beyond = (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  const bool control = first == 0xC2 && byte(1) < 0xA0;
  return overlong || surrogate_or_beyond || control ? 0 : size;
}

std::optional<std::string> write_source(FrameWriter& writer, const ModuleSource& source) {
  if (source.modules.size() > source_modules_limit) return "the source has too many modules";
  if (source.parameters.size() > tensor_limit) return "the source has too many parameters";
  const auto named = [](const std::string& name) { return name.size() <= source_name_limit_bytes; };
  writer.number(static_cast<std::uint32_t>(source.modules.size()));
  for (const auto& module : source.modules) {
    if (!named(module.path) || !named(module.class_name)) return "a name in the source is too long";
    if (module.methods.size() > source_methods_limit_bytes) return "a module's source is too long";
    writer.text(module.path);
    writer.text(module.class_name);
    writer.text(module.methods);
  }
  writer.number(static_cast<std::uint32_t>(source.parameters.size()));
  for (const auto& parameter : source.parameters) {
    if (!named(parameter)) return "a name in the source is too long";
    writer.text(parameter);
  }
  return std::nullopt;
}

ModuleSource read_source(FrameReader& reader) {
  ModuleSource source;
  const auto modules = reader.count(source_modules_limit, "modules");
  for (std::uint32_t index = 0; index < modules && !reader.failed(); ++index) {
    auto& module = source.modules.emplace_back();
    module.path = reader.text(source_name_limit_bytes);
    module.class_name = reader.text(source_name_limit_bytes);
    module.methods = reader.text(source_methods_limit_bytes);
  }
  const auto parameters = reader.count(tensor_limit, "parameters");
  for (std::uint32_t index = 0; index < parameters && !reader.failed(); ++index) {
    source.parameters.push_back(reader.text(source_name_limit_bytes));
  }
  return source;
}

std::optional<std::string> write_shape(FrameWriter& writer,
                                       const std::optional<std::vector<std::int64_t>>& shape) {
  writer.flag(shape.has_value());
  if (!shape) return std::nullopt;
  if (shape->size() > rank_limit) return "the input shape has too many dimensions";
  writer.number(static_cast<std::uint32_t>(shape->size()));
  for (const auto extent : *shape) writer.number(extent);
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> read_shape(FrameReader& reader) {
  if (!reader.flag()) return std::nullopt;
  std::vector<std::int64_t> shape(reader.count(rank_limit, "dimensions"));
  for (auto& extent : shape) extent = reader.number<std::int64_t>();
  return shape;
}

template <class Enum>
bool one_of(std::uint8_t value, std::initializer_list<Enum> allowed) {
  return std::ranges::any_of(allowed, [&](Enum known) { return static_cast<std::uint8_t>(known) == value; });
}

}  // namespace

std::expected<Frame, std::string> encode_request(const WorkerTask& task, std::span<const Tensor> inputs,
                                                 std::span<std::byte> area) {
  if (task.model_ids.size() > models_per_request_limit) {
    return std::unexpected("more than " + std::to_string(models_per_request_limit) +
                           " models in one request");
  }
  if (task.samples == 0 || task.samples > sample_limit) {
    return std::unexpected("the number of samples is not between 1 and " + std::to_string(sample_limit));
  }
  FrameWriter writer;
  writer.number(static_cast<std::uint8_t>(task.operation));
  writer.number(static_cast<std::uint8_t>(task.method));
  writer.flag(task.inputs_take_model_type);
  writer.flag(task.softmax);
  writer.number(task.samples);
  writer.number(task.seed);
  writer.number(static_cast<std::uint8_t>(task.input_kind));
  writer.flag(task.preprocess);
  if (auto failure = write_shape(writer, task.input_shape)) return std::unexpected(*failure);
  writer.number(static_cast<std::uint32_t>(task.model_ids.size()));
  for (const auto& id : task.model_ids) {
    if (id.size() > model_id_limit_bytes) return std::unexpected("a model id is too long");
    writer.text(id);
  }
  if (auto failure = write_source(writer, task.source)) return std::unexpected(*failure);
  if (auto failure = write_tensors(writer, inputs, area)) return std::unexpected(*failure);
  return writer.take();
}

std::expected<WorkerRequest, std::string> decode_request(std::span<const std::byte> frame,
                                                         std::span<const std::byte> area) {
  FrameReader reader(frame);
  WorkerRequest request;
  const auto operation = reader.number<std::uint8_t>();
  const auto method = reader.number<std::uint8_t>();
  if (!one_of(operation, {WorkerOperation::load, WorkerOperation::run, WorkerOperation::unload,
                          WorkerOperation::compile, WorkerOperation::statistics})) {
    reader.fail("the operation is unknown");
  }
  if (!one_of(method, {SamplingMethod::none, SamplingMethod::mc_dropout, SamplingMethod::ensemble,
                       SamplingMethod::swag})) {
    reader.fail("the method is unknown");
  }
  request.task.operation = static_cast<WorkerOperation>(operation);
  request.task.method = static_cast<SamplingMethod>(method);
  request.task.inputs_take_model_type = reader.flag();
  request.task.softmax = reader.flag();
  request.task.samples = reader.number<std::uint32_t>();
  if (request.task.samples == 0 || request.task.samples > sample_limit)
    reader.fail("the number of samples is out of range");
  request.task.seed = reader.number<std::uint64_t>();
  const auto input_kind = reader.number<std::uint8_t>();
  if (!one_of(input_kind, {InputKind::tensors, InputKind::image})) reader.fail("the input's kind is unknown");
  request.task.input_kind = static_cast<InputKind>(input_kind);
  request.task.preprocess = reader.flag();
  request.task.input_shape = read_shape(reader);
  const auto models = reader.count(models_per_request_limit, "models");
  for (std::uint32_t index = 0; index < models && !reader.failed(); ++index) {
    request.task.model_ids.push_back(reader.text(model_id_limit_bytes));
  }
  request.task.source = read_source(reader);
  request.inputs = read_tensors(reader, area);
  if (const auto& failure = reader.finish(); !failure.empty()) return std::unexpected(failure);
  return request;
}

std::expected<Frame, std::string> encode_reply(const WorkerReply& reply, std::span<std::byte> area) {
  FrameWriter writer;
  writer.flag(reply.retiring);
  writer.flag(reply.error.has_value());
  if (reply.error) {
    writer.number(static_cast<std::uint8_t>(reply.error->code));
    writer.text(printable_line(reply.error->message));
    return writer.take();
  }
  if (auto failure = write_tensors(writer, reply.outputs, area)) return std::unexpected(*failure);
  return writer.take();
}

std::expected<WorkerReply, std::string> decode_reply(std::span<const std::byte> frame,
                                                     std::span<const std::byte> area) {
  FrameReader reader(frame);
  WorkerReply reply;
  reply.retiring = reader.flag();
  if (reader.flag()) {
    const auto code = reader.number<std::uint8_t>();
    using enum ExecutionErrorCode;
    if (!one_of(code, {model_unreadable, model_unsupported, input_mismatch, output_unsupported, out_of_memory,
                       bad_request, input_unreadable, shape_mismatch})) {
      reader.fail("the error code is unknown");
    }
    reply.error = ExecutionError{static_cast<ExecutionErrorCode>(code),
                                 printable_line(reader.text(message_limit_bytes))};
  } else {
    reply.outputs = read_tensors(reader, area);
  }
  if (const auto& failure = reader.finish(); !failure.empty()) return std::unexpected(failure);
  return reply;
}

Frame encode_greeting(const WorkerGreeting& greeting) {
  FrameWriter writer;
  writer.number(greeting.version);
  writer.number(greeting.landlock_abi);
  writer.flag(greeting.user_namespace);
  writer.flag(greeting.network_namespace);
  writer.text(printable_line(greeting.failure));
  return writer.take();
}

std::expected<WorkerGreeting, std::string> decode_greeting(std::span<const std::byte> frame) {
  FrameReader reader(frame);
  WorkerGreeting greeting;
  greeting.version = reader.number<std::uint32_t>();
  if (!reader.failed() && greeting.version != worker_protocol_version) {
    return std::unexpected("the worker speaks protocol version " + std::to_string(greeting.version) +
                           ", this server speaks " + std::to_string(worker_protocol_version) +
                           ": install both from the same release");
  }
  greeting.landlock_abi = reader.number<std::uint32_t>();
  greeting.user_namespace = reader.flag();
  greeting.network_namespace = reader.flag();
  greeting.failure = printable_line(reader.text(message_limit_bytes));
  if (const auto& failure = reader.finish(); !failure.empty()) return std::unexpected(failure);
  return greeting;
}

std::string printable_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    std::size_t size = character_bytes(text);
    const bool printable = size > 1 || (size == 1 && text[0] >= ' ' && text[0] != 0x7F);
    const std::string_view next = printable ? text.substr(0, size) : std::string_view(size == 1 ? " " : "?");
    if (line.size() + next.size() > message_limit_bytes) break;
    line += next;
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return line;
}

}  // namespace fedlog::ml
