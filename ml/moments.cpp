#include "ml/moments.h"

#include <cstdint>

#include "ml/compatibility.h"

namespace fedlog::ml {
namespace {

bool is_floating(DType type) {
  return type == DType::float32 || type == DType::float64 || type == DType::float16 ||
         type == DType::bfloat16;
}

bool tells_parameters(FileKind kind) {
  return kind == FileKind::torchscript || kind == FileKind::eager_module;
}

// The elements of the parameters; where the file does not tell them, of all that can be some.
std::uint64_t count_of_weights(const ModelFile& model) {
  std::uint64_t count = 0;
  const auto first = first_of_same_view(model);
  for (std::size_t index = 0; index < first.size(); ++index) {
    const auto& tensor = model.tensors()[index];
    const bool counts = tells_parameters(model.kind()) ? tensor.is_parameter : is_floating(tensor.dtype);
    if (counts && first[index] == index) count += element_count(tensor.shape).value();
  }
  return count;
}

}  // namespace

std::expected<std::string, std::string> check_moment(const ModelFile& model, const ModelFile& moment,
                                                     bool require_finite) {
  if (moment.kind() != FileKind::tensor) {
    return std::unexpected(
        "It holds no single tensor; send torch.save(vector), with the vector that "
        "torch.nn.utils.parameters_to_vector makes of the model's parameters.");
  }
  const auto& vector = moment.tensors().front();
  const auto form = describe(vector.dtype, vector.shape);
  if (vector.shape.size() != 1 || !is_floating(vector.dtype)) {
    return std::unexpected("It is " + form + "; a moment is a vector of floating-point numbers.");
  }
  const auto length = element_count(vector.shape).value();
  const auto weights = count_of_weights(model);
  if (tells_parameters(model.kind()) ? length != weights : length == 0 || length > weights) {
    return std::unexpected("It has " + std::to_string(length) + " values; the model has " +
                           std::to_string(weights) + " parameters" +
                           (tells_parameters(model.kind()) ? "." : " at most."));
  }
  if (auto dense = check_base(moment); !dense) return std::unexpected(std::move(dense.error()));
  if (require_finite) {
    if (const auto found = not_finite(moment, vector)) return std::unexpected("In it, " + *found + ".");
  }
  return form;
}

}  // namespace fedlog::ml
