// What one request does to a model is gone for the next, whose caller may be another.

#include "ml/execution/kept_state.h"

#include <gtest/gtest.h>

#include "ml/execution/model_archive.h"
#include "tests/ml/execution/executor_fixture.h"

namespace fedlog::ml {
namespace {

using testing::expect_close;
using testing::floats;
using testing::values;

KeptState state_of(const std::filesystem::path& path) {
  const OwnedDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto model = load_model(file);
  EXPECT_TRUE(model) << path;
  return model ? kept_state(*model) : KeptState::in_code;
}

// Each answers with its weight, 1 2 3 4, and changes it.
class Forgetting : public testing::ExecutorTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Forgetting, IsWhatComesBetweenTwoRequests) {
  const auto model = script("def forward(self, x):\n    y = self.weight.clone()\n" + std::string(GetParam()) +
                            "    return y, z\n");
  for (int request = 0; request < 3; ++request) {
    const auto reply = execute(model, {floats({4}, {40, 41, 42, 43})});
    ASSERT_FALSE(reply.error) << reply.error->message;
    expect_close(values(reply.outputs.at(0)), {1, 2, 3, 4}, 0);
  }
  EXPECT_EQ(state_of(model), KeptState::in_attributes);
  EXPECT_TRUE(is_kept(model, {floats({4}, {0, 0, 0, 0})})) << "its code was compiled once";
}

INSTANTIATE_TEST_SUITE_P(
    KeptState, Forgetting,
    ::testing::Values(
        "    z = self.weight.copy_(x)\n", "    self.weight = self.weight + x\n    z = x\n",
        "    z = self.weight.view(2, 2)[0].zero_()\n", "    z = torch.add(self.weight, x, out=self.weight)\n",
        "    if bool(x.sum() > 0):\n        z = self.weight\n    else:\n        z = x\n    z.copy_(x)\n",
        "    z = x\n    for i in range(2):\n        z.copy_(x)\n        z = self.weight\n",
        "    u = [x]\n    u.append(self.weight)\n    z = u[1].copy_(x)\n",
        "    u = {'a': (x, self.weight)}\n    z = u['a'][1].copy_(x)\n",
        "    z = torch.zeros([4])\n    z.set_(self.weight)\n    z.copy_(x)\n",
        // Of these, no schema says that the result shares its input's memory, or that it is written.
        "    z = torch.dropout(self.weight, 0.5, False).copy_(x)\n",
        "    z = torch.einsum('i->i', [self.weight]).copy_(x)\n",
        "    z = torch.type_as(self.weight, x).copy_(x)\n",
        "    z = torch._unsafe_view(self.weight, [2, 2]).zero_()\n",
        "    z, u, v = torch.native_batch_norm(x.view(1, 4, 1) * torch.ones([1, 4, 2]), None, None, "
        "self.weight, None, True, 1.0, 1e-5)\n"));

class KeptStates : public testing::ExecutorTest {};

TEST_F(KeptStates, AreFoundInNoModelThatOnlyChangesItsOwnResults) {
  for (const char* code :
       {"    return torch.relu_(x * self.weight)\n",  //
        "    return torch.relu_(x) * self.weight\n",
        "    y = torch.zeros([4])\n    y[1:] = self.weight[1:]\n    y += x\n    return y\n",
        "    y = [x]\n    y.append(x * self.weight)\n    return torch.stack(y).add_(1)\n",
        "    if self.training:\n        self.weight.copy_(x)\n    return x * self.weight\n",
        "    return torch.batch_norm(x.view(2, 2), self.weight[:2], self.weight[2:], None, None, True, 0.1, "
        "1e-5, False)\n",
        "    return torch.batch_norm(x.view(1, 4), None, None, self.weight, self.weight, "
        "self.training, 0.1, 1e-5, False)\n"}) {
    EXPECT_EQ(state_of(script("def forward(self, x):\n" + std::string(code))), KeptState::nowhere) << code;
  }
}

TEST_F(KeptStates, AreFoundBehindTheModeThatDropoutSwitchesOn) {
  const std::string code =
      "def forward(self, x):\n    if self.training:\n        self.weight.copy_(x)\n    return x\n";
  EXPECT_EQ(state_of(script(code, {}, "torch.nn.modules.dropout.Dropout")), KeptState::in_attributes);
  EXPECT_EQ(state_of(script("def forward(self, x):\n    self.training = True\n    if self.training:\n"
                            "        self.weight.copy_(x)\n    return x\n")),
            KeptState::in_code);
}

TEST_F(KeptStates, AreFoundInNoOrdinaryModel) {
  if (!std::filesystem::exists(testing::fixtures()))
    GTEST_SKIP() << "no fixtures at " << testing::fixtures() << " (FEDLOG_FIXTURES)";
  for (const char* name :
       {"models/mlp_script.pt", "models/mlp_trace.pt", "models/cnn_script.pt", "models/cnn_trace.pt",
        "models/cnn_eager.pt", "models/lstm_script.pt", "models/mc_script.pt", "models/text_script.pt",
        "models/tied_script.pt", "models/frozen_script.pt", "models/half_script.pt", "models/bf16_script.pt",
        "models/methods_script.pt", "models/op_attention_script.pt", "models/op_gru_layernorm_script.pt",
        "models/op_sdpa_script.pt", "models/op_transformer_script.pt",
        "inference/models/bn_trainmode_script.pt"}) {
    EXPECT_EQ(state_of(testing::fixtures() / name), KeptState::nowhere) << name;
  }
}

TEST_F(KeptStates, GoWithTheModelsThatMemoryIsWantedFor) {
  const auto kept = script("def forward(self, x):\n    return x * self.weight\n");
  const auto input = floats({4}, {1, 1, 1, 1});
  EXPECT_FALSE(execute(kept, {input}).error);
  EXPECT_TRUE(is_kept(kept, {input}));
  const auto reply = execute(script("def forward(self, x):\n    return torch.zeros([1 << 50])\n"), {input});
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->code, ExecutionErrorCode::out_of_memory) << reply.error->message;
  EXPECT_FALSE(is_kept(kept, {input}));
}

}  // namespace
}  // namespace fedlog::ml
