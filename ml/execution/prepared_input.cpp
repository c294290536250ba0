#include "ml/execution/prepared_input.h"

#include "ml/execution/picture.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

std::string text_of(at::IntArrayRef shape) {
  std::string text = "[";
  for (std::size_t index = 0; index < shape.size(); ++index) {
    if (index > 0) text += ", ";
    text += shape[index] < 0 ? "any" : std::to_string(shape[index]);
  }
  return text + "]";
}

bool fits(at::IntArrayRef shape, at::IntArrayRef wanted) {
  if (shape.size() != wanted.size()) return false;
  for (std::size_t index = 0; index < shape.size(); ++index) {
    if (wanted[index] >= 0 && wanted[index] != shape[index]) return false;
  }
  return true;
}

// (channels, height, width): uint8; of 16-bit grey float32 in [0, 1], since torch 1.13 has no type for it.
at::Tensor tensor_of(Picture& picture) {
  const auto size = [](std::size_t value) { return static_cast<std::int64_t>(value); };
  const std::vector<std::int64_t> shape{size(picture.height), size(picture.width), size(picture.channels)};
  if (picture.bytes_per_value == 1) {
    return at::from_blob(picture.pixels.data(), shape, at::kByte)
        .permute({2, 0, 1})
        .clone(at::MemoryFormat::Contiguous);
  }
  // Read as signed numbers, those of the upper half are negative.
  const auto values = at::from_blob(picture.pixels.data(), shape, at::kShort).permute({2, 0, 1}).to(at::kInt);
  return (values.bitwise_and(0xFFFF).to(at::kFloat) / 65535).contiguous();
}

std::expected<at::Tensor, ExecutionError> decoded(const at::Tensor& file) {
  if (file.scalar_type() != at::kByte || file.dim() != 1) {
    return refuse(ExecutionErrorCode::bad_request, "a picture has to come as its file's bytes");
  }
  const auto* bytes = static_cast<const std::byte*>(file.data_ptr());
  auto picture = decode_picture({bytes, static_cast<std::size_t>(file.numel())});
  if (!picture) return refuse(ExecutionErrorCode::input_unreadable, picture.error());
  return tensor_of(*picture);
}

std::expected<at::Tensor, ExecutionError> preprocessed(torch::jit::Module& preprocessing,
                                                       const WorkerTask& task, const at::Tensor& input) {
  auto outputs = forward(preprocessing, {input}, task.inputs_take_model_type, "the preprocessing");
  if (!outputs) return std::unexpected(outputs.error());
  if (outputs->size() != 1) {
    return refuse(ExecutionErrorCode::output_unsupported,
                  "the preprocessing returns " + std::to_string(outputs->size()) + " tensors instead of one");
  }
  return outputs->front();
}

}  // namespace

Outputs prepare_inputs(const WorkerTask& task, std::vector<at::Tensor> inputs,
                       torch::jit::Module* preprocessing) {
  const bool image = task.input_kind == InputKind::image;
  if (inputs.empty()) {
    if (!image && preprocessing == nullptr && !task.input_shape) return inputs;
    return refuse(ExecutionErrorCode::bad_request, "the request has no input to prepare");
  }
  auto& input = inputs.front();
  if (image) {
    auto picture = decoded(input);
    if (!picture) return std::unexpected(picture.error());
    input = std::move(*picture);
    if (preprocessing == nullptr && !input.is_floating_point()) input = input.to(at::kFloat) / 255;
  }
  if (preprocessing != nullptr) {
    auto output = preprocessed(*preprocessing, task, input);
    if (!output) return std::unexpected(output.error());
    input = std::move(*output);
  }
  if (!task.input_shape) return inputs;
  const at::IntArrayRef wanted = *task.input_shape;
  if (image && fits(input.unsqueeze(0).sizes(), wanted)) input = input.unsqueeze(0);
  if (!fits(input.sizes(), wanted)) {
    return refuse(ExecutionErrorCode::shape_mismatch,
                  "the input has the shape " + text_of(input.sizes()) + ", not " + text_of(wanted));
  }
  return inputs;
}

}  // namespace fedlog::ml
