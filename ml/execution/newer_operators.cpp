#include "ml/execution/newer_operators.h"

#include <ATen/WrapDimUtils.h>
#include <torch/library.h>
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedlog::ml {
namespace {

using OptionalTensor = c10::optional<at::Tensor>;

at::Tensor scaled_dot_product_attention(const at::Tensor& query, at::Tensor key, at::Tensor value,
                                        const OptionalTensor& mask, double dropout, bool is_causal,
                                        c10::optional<double> scale, bool enable_gqa) {
  if (enable_gqa) {
    key = key.repeat_interleave(query.size(-3) / key.size(-3), -3);
    value = value.repeat_interleave(query.size(-3) / value.size(-3), -3);
  }
  const double factor = scale ? *scale : 1.0 / std::sqrt(static_cast<double>(query.size(-1)));
  auto weights = at::matmul(query * factor, key.transpose(-2, -1));
  constexpr double never = -std::numeric_limits<double>::infinity();
  if (is_causal) {
    const auto allowed = at::ones({query.size(-2), key.size(-2)}, query.options().dtype(at::kBool)).tril();
    weights = weights.masked_fill(allowed.logical_not(), never);
  }
  if (mask && mask->defined()) {
    weights =
        mask->scalar_type() == at::kBool ? weights.masked_fill(mask->logical_not(), never) : weights + *mask;
  }
  const auto scores = weights;
  weights = at::softmax(weights, -1);
  // Rows of which all is masked are zeros, as later versions have it.
  if (mask && mask->defined()) weights = weights.masked_fill((scores == never).all(-1, true), 0);
  if (dropout > 0) weights = at::dropout(weights, dropout, true);
  return at::matmul(weights, value);
}

at::Tensor rms_norm(const at::Tensor& input, at::IntArrayRef normalized_shape, const OptionalTensor& weight,
                    c10::optional<double> epsilon) {
  std::vector<std::int64_t> dimensions;
  for (std::size_t index = 0; index < normalized_shape.size(); ++index) {
    dimensions.push_back(-1 - static_cast<std::int64_t>(index));
  }
  const double smallest = input.scalar_type() == at::kDouble ? std::numeric_limits<double>::epsilon()
                                                             : std::numeric_limits<float>::epsilon();
  const auto mean_square = input.square().mean(dimensions, true);
  auto result = input * at::rsqrt(mean_square + epsilon.value_or(smallest));
  if (weight && weight->defined()) result = result * *weight;
  return result;
}

at::Tensor squeeze_dimensions(const at::Tensor& self, at::IntArrayRef dimensions) {
  std::vector<bool> named(static_cast<std::size_t>(std::max<std::int64_t>(self.dim(), 1)));
  for (const auto dimension : dimensions) {
    named[static_cast<std::size_t>(at::maybe_wrap_dim(dimension, self.dim()))] = true;
  }
  auto result = self;
  for (std::int64_t index = self.dim(); index-- > 0;) {
    if (named[static_cast<std::size_t>(index)]) result = result.squeeze(index);
  }
  return result;
}

bool is_known(const char* name, const char* overload = "") {
  return c10::Dispatcher::singleton().findOp({name, overload}).has_value();
}

}  // namespace

void register_newer_operators() {
  // Lives as long as the process: its destructor would take the operators away again.
  static torch::Library library(torch::Library::FRAGMENT, "aten", c10::nullopt, __FILE__, __LINE__);
  if (!is_known("aten::scaled_dot_product_attention")) {
    library.def(
        "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, "
        "float dropout_p=0.0, bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor",
        &scaled_dot_product_attention);
  }
  if (!is_known("aten::squeeze", "dims")) {
    library.def("squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)", &squeeze_dimensions);
  }
  if (!is_known("aten::rms_norm")) {
    library.def(
        "rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
        &rms_norm);
  }
}

}  // namespace fedlog::ml
