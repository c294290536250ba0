#include "ml/execution/operator_memory.h"

#include <algorithm>
#include <array>

namespace fedlog::ml {
namespace {

// Whatever is not here only costs a copy of the module, and only where its result is then written.
constexpr auto new_memory = std::to_array<std::string_view>({
    "_convolution",
    "_softmax",
    "abs",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "add",
    "addbmm",
    "addmm",
    "addmv",
    "arange",
    "argmax",
    "argmin",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "baddbmm",
    "batch_norm",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bmm",
    "cat",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clone",
    "concat",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
    "cos",
    "cumsum",
    "div",
    "elu",
    "embedding",
    "empty",
    "empty_like",
    "eq",
    "erf",
    "exp",
    "eye",
    "full",
    "full_like",
    "gather",
    "ge",
    "gelu",
    "group_norm",
    "gru",
    "gt",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "index_select",
    "instance_norm",
    "layer_norm",
    "le",
    "leaky_relu",
    "linear",
    "linspace",
    "log",
    "log_softmax",
    "logical_and",
    "logical_not",
    "logical_or",
    "lstm",
    "lt",
    "masked_fill",
    "matmul",
    "max",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mean",
    "min",
    "mish",
    "mm",
    "mul",
    "mv",
    "ne",
    "neg",
    "new_empty",
    "new_full",
    "new_ones",
    "new_zeros",
    "one_hot",
    "ones",
    "ones_like",
    "pow",
    "prelu",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "reciprocal",
    "relu",
    "relu6",
    "repeat",
    "rms_norm",
    "rsqrt",
    "rsub",
    "selu",
    "sigmoid",
    "silu",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "square",
    "stack",
    "sub",
    "sum",
    "tanh",
    "topk",
    "tril",
    "triu",
    "upsample_bicubic2d",
    "upsample_bilinear2d",
    "upsample_nearest2d",
    "where",
    "zeros",
    "zeros_like",
});

constexpr std::string_view library = "aten::";

std::string_view local_name(std::string_view name) {
  return name.starts_with(library) ? name.substr(library.size()) : std::string_view();
}

}  // namespace

bool makes_new_memory(std::string_view name) {
  return std::ranges::find(new_memory, local_name(name)) != new_memory.end();
}

UnannouncedWrites unannounced_writes(std::string_view name) {
  name = local_name(name);
  if (name == "batch_norm") {
    return {.possible = true, .switched_by = "training", .running_statistics = true};
  }
  if (name == "instance_norm") {
    return {.possible = true, .switched_by = "use_input_stats", .running_statistics = true};
  }
  return {.possible =
              name.find("batch_norm") != std::string_view::npos || name.starts_with("rrelu_with_noise")};
}

bool takes_memory_over(std::string_view name) {
  return local_name(name).starts_with("set_");
}

}  // namespace fedlog::ml
