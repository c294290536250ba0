#include "actors/dummy_modules.h"

#include <cmath>
#include <cstring>
#include <random>

namespace fedlog::actors {
namespace {

// Draws weights as PyTorch's layers do: uniformly, within one over the square root of a value's inputs. Only
// what the C++ standard specifies to the bit is used, so every machine draws the same.
class Weights {
 public:
  void add(UncompiledModule& module, const std::string& name, std::vector<std::int64_t> shape,
           std::int64_t inputs) {
    ml::Tensor tensor{.dtype = ml::DType::float32, .shape = std::move(shape), .bytes = {}};
    std::size_t count = 1;
    for (const auto extent : tensor.shape) count *= static_cast<std::size_t>(extent);
    tensor.bytes.resize(count * sizeof(float));
    const double bound = 1 / std::sqrt(static_cast<double>(inputs));
    for (std::size_t index = 0; index < count; ++index) {
      const auto value = static_cast<float>((2 * next() - 1) * bound);
      std::memcpy(tensor.bytes.data() + index * sizeof value, &value, sizeof value);
    }
    module.source.parameters.push_back(name);
    module.weights.push_back(std::move(tensor));
  }

 private:
  // In [0, 1).
  double next() { return static_cast<double>(generator_() >> 11U) * 0x1p-53; }

  std::mt19937_64 generator_{28};
};

constexpr auto convolution = R"(
def forward(self, x):
    return torch.conv2d(x, self.weight, self.bias, [1, 1], [1, 1])
)";

constexpr auto dropout = R"(
def forward(self, x):
    return torch.dropout(x, 0.25, self.training)
)";

constexpr auto linear = R"(
def forward(self, x):
    return torch.linear(x, self.weight, self.bias)
)";

constexpr auto network = R"(
def forward(self, x):
    x = torch.max_pool2d(torch.relu(self.conv1.forward(x)), [2, 2])
    x = torch.max_pool2d(torch.relu(self.conv2.forward(x)), [2, 2])
    x = self.dropout.forward(torch.flatten(x, 1))
    return torch.log_softmax(self.linear.forward(x), 1)
)";

// 0.1307 and 0.3081 are the mean and the deviation of MNIST's grey values; the weights of the colours are
// those of ITU-R BT.601.
constexpr auto preparation = R"(
def forward(self, x):
    if x.dim() == 2:
        x = x.unsqueeze(0)
    if x.dim() == 3:
        x = x.unsqueeze(0)
    if not torch.is_floating_point(x):
        x = x / 255
    if x.size(1) == 3:
        x = x[:, 0:1] * 0.299 + x[:, 1:2] * 0.587 + x[:, 2:3] * 0.114
    if x.size(2) != 28 or x.size(3) != 28:
        x = torch.adaptive_avg_pool2d(x, [28, 28])
    return (x - 0.1307) / 0.3081
)";

}  // namespace

UncompiledModule digits_network() {
  UncompiledModule module;
  module.source.modules = {
      {.path = "conv1", .class_name = "fedlog.Conv2d", .methods = convolution},
      {.path = "conv2", .class_name = "fedlog.Conv2d", .methods = convolution},
      {.path = "dropout", .class_name = "fedlog.Dropout", .methods = dropout},
      {.path = "linear", .class_name = "fedlog.Linear", .methods = linear},
      {.path = "", .class_name = "fedlog.DigitsNetwork", .methods = network},
  };
  constexpr std::int64_t first_channels = 16;
  constexpr std::int64_t second_channels = 32;
  constexpr std::int64_t window = 3 * 3;
  constexpr std::int64_t features = second_channels * 7 * 7;
  Weights weights;
  weights.add(module, "conv1.weight", {first_channels, 1, 3, 3}, window);
  weights.add(module, "conv1.bias", {first_channels}, window);
  weights.add(module, "conv2.weight", {second_channels, first_channels, 3, 3}, first_channels * window);
  weights.add(module, "conv2.bias", {second_channels}, first_channels * window);
  weights.add(module, "linear.weight", {10, features}, features);
  weights.add(module, "linear.bias", {10}, features);
  return module;
}

UncompiledModule digits_preprocessing() {
  UncompiledModule module;
  module.source.modules = {{.path = "", .class_name = "fedlog.DigitsPreprocessing", .methods = preparation}};
  return module;
}

}  // namespace fedlog::actors
