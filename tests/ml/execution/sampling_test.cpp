// What the uncertainty methods draw, and that they leave models as they were.

#include "ml/execution/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/ml/execution/executor_fixture.h"

namespace fedlog::ml {
namespace {

using testing::expect_close;
using testing::floats;
using testing::values;

class Sampling : public testing::ExecutorTest {
 protected:
  static WorkerTask dropout(std::uint32_t samples) {
    return {.method = SamplingMethod::mc_dropout, .samples = samples, .seed = 1};
  }
  static constexpr auto applies_dropout =
      "def forward(self, x):\n    return torch.dropout(x, 0.5, self.training)\n";
};

TEST_F(Sampling, DrawsDropoutSamplesThatTheSeedDecides) {
  const auto path = folder_.path() / "dropout.pt";
  testing::save_dropout_model(path);
  const auto sample = [&](std::uint64_t seed) {
    const auto reply = execute(path, {floats({1, 8}, std::vector<float>(8, 1))},
                               {.method = SamplingMethod::mc_dropout, .samples = 50, .seed = seed});
    EXPECT_FALSE(reply.error);
    EXPECT_EQ(reply.outputs.at(0).shape, (std::vector<std::int64_t>{50, 1, 8}));
    return values(reply.outputs.at(0));
  };
  const auto first = sample(1);
  EXPECT_EQ(sample(1), first);
  EXPECT_NE(sample(2), first);
  for (const double value : first) EXPECT_TRUE(value == 0 || value == 2) << value;
  const auto afterwards = execute(path, {floats({1}, {1})});
  expect_close(values(afterwards.outputs.at(0)), {1}, 0);
}

TEST_F(Sampling, DrawsWeightsFromTheirMomentsAndPutsTheModelsBack) {
  const auto model = script("def forward(self, x):\n    return x * self.weight\n");
  const auto one = floats({1, 4}, {1, 1, 1, 1});
  // Means 10, 20, 30, 40; variance 0 for the first two (once by a rounding error below it), 1 for the others.
  const auto reply =
      execute(model, {one, floats({4}, {10, 20, 30, 40}), floats({4}, {100, 399.9F, 901, 1601})},
              {.method = SamplingMethod::swag, .samples = 400});
  ASSERT_FALSE(reply.error) << reply.error->message;
  ASSERT_EQ(reply.outputs.at(0).shape, (std::vector<std::int64_t>{400, 1, 4}));
  const auto drawn = values(reply.outputs.at(0));
  double sum = 0;
  double squares = 0;
  for (std::size_t sample = 0; sample < 400; ++sample) {
    EXPECT_EQ(drawn[4 * sample], 10);
    EXPECT_EQ(drawn[4 * sample + 1], 20);
    sum += drawn[4 * sample + 2] - 30;
    squares += std::pow(drawn[4 * sample + 3] - 40, 2);
  }
  EXPECT_NEAR(sum / 400, 0, 0.25);
  EXPECT_NEAR(squares / 400, 1, 0.35);
  expect_close(values(execute(model, {one}).outputs.at(0)), {1, 2, 3, 4}, 0);
}

TEST_F(Sampling, RefusesMomentsOfAnotherModel) {
  const auto model = script("def forward(self, x):\n    return x * self.weight\n");
  const auto reply = execute(model, {floats({4}, {1, 1, 1, 1}), floats({1}, {1}), floats({1}, {1})},
                             {.method = SamplingMethod::swag, .samples = 2});
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->message, "the moments have 1 and 1 values, the model has 4 weights");
}

TEST_F(Sampling, StacksTheMembersOfAnEnsemble) {
  const auto one = script("def forward(self, x):\n    return x + 1\n");
  const auto two = script("def forward(self, x):\n    return x + 2\n");
  const auto reply = execute({one, two, one}, {floats({2}, {0, 10})}, {.method = SamplingMethod::ensemble});
  ASSERT_FALSE(reply.error) << reply.error->message;
  EXPECT_EQ(reply.outputs.at(0).shape, (std::vector<std::int64_t>{3, 2}));
  expect_close(values(reply.outputs[0]), {1, 11, 2, 12, 1, 11}, 0);
}

TEST_F(Sampling, SwitchesPyTorchsDropoutLayersOnAndNothingElse) {
  const auto sample_of = [&](const std::string& class_name) {
    const auto model = script("def forward(self, x):\n    return self.layer.forward(x)\n",
                              {{"layer", class_name, applies_dropout}});
    const auto reply = execute(model, {floats({1, 8}, std::vector<float>(8, 1))}, dropout(20));
    EXPECT_FALSE(reply.error) << reply.error->message;
    const auto drawn = values(reply.outputs.at(0));
    return std::ranges::count(drawn, 0) > 0;
  };
  for (const char* name : {"torch.nn.modules.dropout.Dropout", "torch.nn.modules.dropout.Dropout2d",
                           "torch.nn.modules.dropout.___torch_mangle_7.AlphaDropout",
                           "torch.nn.modules.transformer.TransformerEncoderLayer",
                           "torch.nn.modules.transformer.TransformerEncoder",
                           "torch.nn.modules.activation.MultiheadAttention", "fedlog.Dropout"}) {
    EXPECT_TRUE(sample_of(name)) << name;
  }
  for (const char* name : {"MCDropoutNet", "their.Dropout", "torch.nn.modules.linear.Linear"})
    EXPECT_FALSE(sample_of(name)) << name;
}

TEST_F(Sampling, LeavesWhatIsInsideADropoutNetworkInEvaluation) {
  // Its normalization would take the batch's mean and variance, and change its own, in training mode.
  for (const std::string name : {"MCDropoutNet", "torch.nn.modules.transformer.TransformerEncoderLayer"}) {
    SCOPED_TRACE(name);
    const auto model = script(
        "def forward(self, x):\n    return self.norm.forward(x)\n",
        {{"norm", "torch.nn.modules.batchnorm.BatchNorm1d",
          "def forward(self, x):\n    return torch.batch_norm(x, None, None, self.weight, self.weight, "
          "self.training, 0.1, 0.0, False)\n"}},
        name);
    const std::vector<double> expected = {0, 0, 0, 0, 3, 0, 0, 2};
    const auto input = floats({2, 4}, {1, 2, 3, 4, 4, 2, 3, 8});
    const auto before = execute(model, {input});
    ASSERT_FALSE(before.error) << before.error->message;
    expect_close(values(before.outputs.at(0)), expected, 1e-6);
    expect_close(values(execute(model, {input}, dropout(1)).outputs.at(0)), expected, 1e-6);
    expect_close(values(execute(model, {input}).outputs.at(0)), expected, 1e-6);
  }
}

TEST_F(Sampling, GivesEachSampleTheInputAsItCame) {
  const auto model = script("def forward(self, x):\n    return x.mul_(2)\n");
  const auto reply = execute(model, {floats({1}, {1})}, dropout(3));
  ASSERT_FALSE(reply.error) << reply.error->message;
  expect_close(values(reply.outputs.at(0)), {2, 2, 2}, 0);
}

TEST_F(Sampling, DrawsWeightsFromHalfPrecisionMoments) {
  const auto model = script("def forward(self, x):\n    return x * self.weight\n");
  const auto halves = [](const std::vector<std::uint16_t>& bits) {
    return testing::tensor(DType::float16, {4}, bits);
  };
  // The first weight, 1.0009765625 (0x3C01), never changed: its square is 1.001953125 (0x3C02) in float16.
  // The others' means are 0, their variances 0, 1 and 4.
  const auto reply = execute(
      model, {floats({1, 4}, {1, 1, 1, 1}), halves({0x3C01, 0, 0, 0}), halves({0x3C02, 0, 0x3C00, 0x4400})},
      {.method = SamplingMethod::swag, .samples = 400});
  ASSERT_FALSE(reply.error) << reply.error->message;
  const auto drawn = values(reply.outputs.at(0));
  std::array<double, 4> squares{};
  for (std::size_t index = 0; index < drawn.size(); ++index)
    squares[index % 4] += drawn[index] * drawn[index];
  for (std::size_t index = 0; index < drawn.size(); index += 4) EXPECT_EQ(drawn[index], 1.0009765625);
  EXPECT_EQ(squares[1], 0);
  EXPECT_NEAR(squares[2] / 400, 1, 0.35);
  EXPECT_NEAR(squares[3] / 400, 4, 1.4);
}

}  // namespace
}  // namespace fedlog::ml
