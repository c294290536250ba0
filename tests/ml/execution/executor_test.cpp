#include "ml/execution/executor.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ml/execution/failure_message.h"
#include "tests/ml/execution/executor_fixture.h"

namespace fedlog::ml {
namespace {

using testing::ExecutorTest;
using testing::expect_close;
using testing::fixtures;
using testing::floats;
using testing::values;
using Json = nlohmann::json;

TEST_F(ExecutorTest, RunsAModel) {
  const auto reply =
      execute(script("def forward(self, x):\n    return x * self.weight\n"), {floats({4}, {1, 1, 1, 2})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  ASSERT_EQ(reply.outputs.size(), 1U);
  EXPECT_EQ(reply.outputs[0].shape, (std::vector<std::int64_t>{4}));
  expect_close(values(reply.outputs[0]), {1, 2, 3, 8}, 0);
}

TEST_F(ExecutorTest, RunsInEvaluationModeWhateverModeTheModelWasSavedIn) {
  const auto path = folder_.path() / "dropout.pt";
  testing::save_dropout_model(path);
  const auto reply = execute(path, {floats({1, 4}, {1, 1, 1, 1})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  expect_close(values(reply.outputs[0]), {1, 1, 1, 1}, 0);
}

TEST_F(ExecutorTest, FlattensTuplesAndListsOfTensors) {
  const auto reply =
      execute(script("def forward(self, x):\n    return x, [x + 1, x + 2]\n"), {floats({1}, {0})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  ASSERT_EQ(reply.outputs.size(), 3U);
  expect_close(values(reply.outputs[2]), {2}, 0);
}

TEST_F(ExecutorTest, KnowsOperatorsOfLaterVersions) {
  const auto reply = execute(script("def forward(self, x):\n"
                                    "    rows = torch.squeeze(x, [0, -1])\n"
                                    "    same = torch.scaled_dot_product_attention(x, x, x)\n"
                                    "    return rows, torch.rms_norm(rows, [2], None, 0.0), same\n"),
                             {floats({1, 2, 2, 1}, {1, 1, 2, 2})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  EXPECT_EQ(reply.outputs.at(0).shape, (std::vector<std::int64_t>{2, 2}));
  expect_close(values(reply.outputs.at(1)), {1, 1, 1, 1}, 1e-6);
  EXPECT_EQ(reply.outputs.at(2).shape, (std::vector<std::int64_t>{1, 2, 2, 1}));
}

TEST_F(ExecutorTest, AttendsToNothingWhereAllIsMasked) {
  // Of two rows, the second may look at nothing: by a mask of truths and by one of numbers.
  const auto reply =
      execute(script("def forward(self, x):\n"
                     "    seen = (x.select(-1, 0) > 0).unsqueeze(-1).expand(1, 1, 2, 2)\n"
                     "    added = torch.zeros_like(x).masked_fill_(seen.logical_not(), -float('inf'))\n"
                     "    first = torch.scaled_dot_product_attention(x, x, x, seen)\n"
                     "    return first, torch.scaled_dot_product_attention(x, x, x, added)\n"),
              {floats({1, 1, 2, 2}, {1, 2, -1, 2})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  for (const auto& output : reply.outputs) {
    const auto got = values(output);
    EXPECT_NE(got[0], 0);
    EXPECT_EQ(got[1], 2);
    EXPECT_EQ(got[2], 0);
    EXPECT_EQ(got[3], 0);
  }
}

TEST_F(ExecutorTest, GivesPlainNumbersTheModelsType) {
  const auto model = script("def forward(self, x):\n    return torch.matmul(x, self.weight)\n");
  const auto whole = testing::tensor<std::int64_t>(DType::int64, {1, 4}, {1, 1, 1, 2});
  EXPECT_TRUE(execute(model, {whole}).error) << "as a tensor file it is taken as it is";
  const auto reply = execute(model, {whole}, {.inputs_take_model_type = true});
  ASSERT_FALSE(reply.error) << reply.error->message;
  expect_close(values(reply.outputs[0]), {14}, 0);
}

TEST_F(ExecutorTest, LeavesPlainNumbersWholeForAModelThatWantsIndices) {
  const auto model = script("def forward(self, x):\n    return torch.embedding(self.weight.view(4, 1), x)\n");
  const auto reply = execute(model, {testing::tensor<std::int64_t>(DType::int64, {2}, {3, 0})},
                             {.inputs_take_model_type = true});
  ASSERT_FALSE(reply.error) << reply.error->message;
  expect_close(values(reply.outputs[0]), {4, 1}, 0);
}

TEST_F(ExecutorTest, SaysInOneLineWhyTheInputDoesNotFit) {
  const auto model = script("def forward(self, x):\n    return torch.matmul(x, self.weight.view(2, 2))\n");
  const auto shapes = execute(model, {floats({1, 3}, {1, 1, 1})});
  ASSERT_TRUE(shapes.error);
  EXPECT_EQ(shapes.error->code, ExecutionErrorCode::input_mismatch);
  EXPECT_EQ(shapes.error->message,
            "the model does not accept this input: mat1 and mat2 shapes cannot be multiplied (1x3 and 2x2)");
  const auto count = execute(model, {});
  ASSERT_TRUE(count.error);
  EXPECT_NE(count.error->message.find("missing value for argument 'x'"), std::string::npos)
      << count.error->message;
}

TEST_F(ExecutorTest, SaysThatTheModelReturnsNoTensor) {
  const auto reply = execute(script("def forward(self, x):\n    return {'a': x}\n"), {floats({1}, {1})});
  ASSERT_TRUE(reply.error);
  EXPECT_EQ(reply.error->code, ExecutionErrorCode::output_unsupported);
  EXPECT_NE(reply.error->message.find("Dict[str, Tensor]"), std::string::npos) << reply.error->message;
}

TEST_F(ExecutorTest, KeepsModelsLoadedUntilTheyAreUnloadedOrThereIsNoRoom) {
  const auto model = script("def forward(self, x):\n    return x + 1\n");
  const auto other = script("def forward(self, x):\n    return x + 2\n");
  const auto run = [](Executor& executor, const std::string& id, const char* path) {
    std::vector<OwnedDescriptor> files;
    files.emplace_back(::open(path, O_RDONLY | O_CLOEXEC));
    return !executor.execute({.task = {.model_ids = {id}}, .inputs = {floats({1}, {1})}}, std::move(files))
                .error;
  };
  // Whether a model is kept shows when its file no longer is one.
  EXPECT_TRUE(run(executor_, "kept", model.c_str()));
  EXPECT_TRUE(run(executor_, "kept", "/dev/null"));
  EXPECT_FALSE(
      executor_
          .execute({.task = {.operation = WorkerOperation::unload, .model_ids = {"kept"}}, .inputs = {}}, {})
          .error);
  EXPECT_FALSE(run(executor_, "kept", "/dev/null"));

  Executor small(std::filesystem::file_size(model) + std::filesystem::file_size(other) / 2);
  EXPECT_TRUE(run(small, "first", model.c_str()));
  EXPECT_TRUE(run(small, "second", other.c_str()));
  EXPECT_TRUE(run(small, "second", "/dev/null"));
  EXPECT_FALSE(run(small, "first", "/dev/null"));
}

TEST_F(ExecutorTest, RefusesARequestThatContradictsItself) {
  EXPECT_EQ(executor_.execute({.task = {.model_ids = {"a"}}, .inputs = {}}, {}).error->code,
            ExecutionErrorCode::bad_request);
  EXPECT_EQ(execute(std::vector<std::filesystem::path>{"/dev/null", "/dev/null"}, {}).error->code,
            ExecutionErrorCode::bad_request);
}

TEST(FailureMessage, FindsTheCauseInATraceback) {
  EXPECT_EQ(
      shorten_failure(
          "The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript:\n"
          "  File \"x.py\", line 3, in forward\n    return x @ y\n           ~ <--- HERE\n"
          "RuntimeError: size mismatch\nException raised from meta at x.cpp:1 (most recent call first):\n"),
      "size mismatch");
  EXPECT_TRUE(
      shorten_failure(
          "\nUnknown builtin op: aten::new.\nHere are some suggestions:\n  aten::new_empty(Tensor self)\n")
          .starts_with("its code names the operator aten::new, which the server's PyTorch "));
  EXPECT_EQ(shorten_failure("In the TorchScript interpreter.\nRuntimeError: AssertionError: only pictures\n"),
            "only pictures");
  EXPECT_EQ(shorten_failure(""), "");
}

TEST(FailureMessage, LeavesOutWhatIsForPyTorchsDevelopers) {
  EXPECT_EQ(
      shorten_failure("isTensor()INTERNAL ASSERT FAILED at \"../aten/src/ATen/core/ivalue.h\":137, please "
                      "report a bug to PyTorch. Expected Tensor but got None"),
      "Expected Tensor but got None");
  EXPECT_EQ(
      shorten_failure("x == y INTERNAL ASSERT FAILED at \"../torch/csrc/x.cpp\":1, please report a bug to "
                      "PyTorch. "),
      "PyTorch failed where it expects \"x == y\"");
  EXPECT_EQ(
      shorten_failure("[enforce fail at inline_container.cc:88] . PytorchStreamReader failed locating file "
                      "version: file not found"),
      "PytorchStreamReader failed locating file version: file not found");
}

// Models with known answers.
class ExecutorFixtures : public ExecutorTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(fixtures()))
      GTEST_SKIP() << "no fixtures at " << fixtures() << " (FEDLOG_FIXTURES)";
  }
  static Tensor known(const std::string& file, const std::string& name) {
    const auto opened = ModelFile::open(fixtures() / file);
    EXPECT_TRUE(opened) << file;
    const auto* record = opened ? opened->find(name) : nullptr;
    EXPECT_NE(record, nullptr) << name;
    return record != nullptr ? opened->read(*record) : Tensor{};
  }
  static Tensor input(const std::string& name) {
    auto read = read_tensor(fixtures() / "inference" / "inputs" / name);
    EXPECT_TRUE(read) << name;
    return read ? *read : Tensor{};
  }
  static Json expected(const std::string& name) {
    std::ifstream file(fixtures() / "inference" / "expected" / name);
    return Json::parse(file);
  }
  static std::vector<double> flat(const Json& rows) {
    std::vector<double> result;
    for (const auto& row : rows) {
      for (const auto& value : row) result.push_back(value.get<double>());
    }
    return result;
  }
  // The mean over the samples, which come first.
  static std::vector<double> mean(const Tensor& samples) {
    const auto all = values(samples);
    const auto count = static_cast<std::size_t>(samples.shape.at(0));
    std::vector<double> result(all.size() / count);
    for (std::size_t index = 0; index < all.size(); ++index) {
      result[index % result.size()] += all[index] / static_cast<double>(count);
    }
    return result;
  }
};

TEST_F(ExecutorFixtures, AgreesWithPyTorchOnEveryModel) {
  for (const std::string name :
       {"mlp",         "cnn",          "f64",           "bf16",         "half",         "frozen",
        "lstm",        "mc",           "mc0",           "methods",      "net",          "text",
        "tied",        "op_attention", "op_conv_same",  "op_floor_div", "op_gelu_tanh", "op_gru_layernorm",
        "op_rms_norm", "op_sdpa",      "op_transformer"}) {
    for (const std::string form : {"script", "trace"}) {
      const auto path = fixtures() / "models" / (name + "_" + form + ".pt");
      if (form == "trace" && !std::filesystem::exists(path)) continue;
      SCOPED_TRACE(path);
      const auto reply = execute(path, {known("models/io.safetensors", name + ".x")});
      ASSERT_FALSE(reply.error) << reply.error->message;
      const double tolerance = name == "half" || name == "bf16" ? 2e-2 : 1e-5;
      expect_close(values(reply.outputs.at(0)), values(known("models/io.safetensors", name + ".y")),
                   tolerance);
    }
  }
}

TEST_F(ExecutorFixtures, GivesTheLogitsOfTheInferenceCases) {
  const std::vector<std::array<std::string, 3>> cases = {
      {"none_mlp", "models/mlp_script.pt", "digits4.pt"},
      {"none_cnn", "models/cnn_script.pt", "digits4.pt"},
      {"none_flat", "models/mlp_script.pt", "digits3_flat.pt"},
      {"none_text", "models/text_script.pt", "tokens.pt"},
      {"none_sigmoid", "inference/models/sigmoid_script.pt", "digits3_flat.pt"},
      {"none_bn_trainmode_eval", "inference/models/bn_trainmode_script.pt", "digits4.pt"}};
  for (const auto& [name, model, in] : cases) {
    SCOPED_TRACE(name);
    const auto reply = execute(fixtures() / model, {input(in)});
    ASSERT_FALSE(reply.error) << reply.error->message;
    expect_close(values(reply.outputs.at(0)), values(known("inference/expected/logits.safetensors", name)),
                 1e-5);
  }
}

TEST_F(ExecutorFixtures, AgreesWithPyTorchOnTheUncertaintyMethods) {
  const auto check = [&](const std::string& name, const WorkerReply& reply) {
    SCOPED_TRACE(name);
    ASSERT_FALSE(reply.error) << reply.error->message;
    expect_close(mean(reply.outputs.at(0)), flat(expected(name + ".json").at("inference")), 1e-5);
  };
  const auto rounds = fixtures() / "rounds" / "mlp";
  check("ensemble_mlp",
        execute({rounds / "client0_script.pt", rounds / "client2_script.pt", rounds / "client4_script.pt"},
                {input("digits4.pt")}, {.method = SamplingMethod::ensemble}));
  check("mc_p0", execute(fixtures() / "models" / "mc0_script.pt", {input("digits3_flat.pt")},
                         {.method = SamplingMethod::mc_dropout, .samples = 10}));
  check("mc_p0_softmax", execute(fixtures() / "models" / "mc0_script.pt", {input("digits3_flat.pt")},
                                 {.method = SamplingMethod::mc_dropout, .softmax = true, .samples = 5}));
  check("mc_traced", execute(fixtures() / "models" / "mc_trace.pt", {input("digits3_flat.pt")},
                             {.method = SamplingMethod::mc_dropout, .samples = 10}));
  check("swag_mlp",
        execute(fixtures() / "models" / "mlp_script.pt",
                {input("digits4.pt"), input("swag_mlp_first_moment.pt"), input("swag_mlp_second_moment.pt")},
                {.method = SamplingMethod::swag, .samples = 10}));
}

TEST_F(ExecutorFixtures, DrawsDropoutWithTheRightDistribution) {
  constexpr std::uint32_t samples = 4'000;
  const auto reply = execute(fixtures() / "models" / "mc_script.pt", {input("digits3_flat.pt")},
                             {.method = SamplingMethod::mc_dropout, .samples = samples});
  ASSERT_FALSE(reply.error) << reply.error->message;
  const auto exact = expected("mc_p05.json").at("exact");
  const auto deviations = flat(exact.at("std"));
  const auto means = flat(exact.at("mean"));
  const auto got = mean(reply.outputs.at(0));
  ASSERT_EQ(got.size(), means.size());
  for (std::size_t index = 0; index < got.size(); ++index) {
    EXPECT_NEAR(got[index], means[index], 5 * deviations[index] / std::sqrt(samples)) << index;
  }
}

TEST_F(ExecutorFixtures, NamesTheClassOfWhatCannotBeExecutedAndTheWayOut) {
  const auto eager = execute(fixtures() / "models" / "net_eager.pt", {});
  ASSERT_TRUE(eager.error);
  EXPECT_EQ(eager.error->code, ExecutionErrorCode::model_unsupported);
  EXPECT_NE(eager.error->message.find("mymodels.Net"), std::string::npos) << eager.error->message;
  EXPECT_NE(eager.error->message.find("torch.jit.script"), std::string::npos);
  const auto weights = execute(fixtures() / "models" / "mlp_state_dict.pt", {});
  ASSERT_TRUE(weights.error);
  EXPECT_EQ(weights.error->code, ExecutionErrorCode::model_unsupported);
  EXPECT_NE(weights.error->message.find("state_dict"), std::string::npos) << weights.error->message;
}

TEST_F(ExecutorFixtures, RefusesBrokenArchives) {
  for (const char* name : {"ts_bad_code.pt", "ts_no_code.pt", "ts_no_version.pt", "ts_version_999.pt",
                           "empty.pt", "text.pt", "truncated_half.pt"}) {
    SCOPED_TRACE(name);
    const auto reply = execute(fixtures() / "hostile" / name, {});
    ASSERT_TRUE(reply.error);
    EXPECT_EQ(reply.error->code, ExecutionErrorCode::model_unreadable) << reply.error->message;
  }
}

}  // namespace
}  // namespace fedlog::ml
