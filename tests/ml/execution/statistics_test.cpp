#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "http/model_statistics.h"
#include "ml/execution/executor.h"
#include "ml/model_statistics.h"
#include "tests/ml/execution/execution_fixtures.h"
#include "tests/ml/execution/script_models.h"

namespace fedlog::ml {
namespace {

using testing::fixtures;
using Json = nlohmann::json;

class ExecutedStatistics : public testing::WithWarmTorch {
 protected:
  WorkerReply execute(const std::filesystem::path& path, std::optional<std::vector<std::int64_t>> shape) {
    WorkerTask task;
    task.operation = WorkerOperation::statistics;
    task.input_shape = std::move(shape);
    task.model_ids = {path.string()};
    std::vector<OwnedDescriptor> files;
    files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return executor_.execute({.task = std::move(task), .inputs = {}}, std::move(files));
  }

  ModelStatistics statistics(const std::filesystem::path& path, std::vector<std::int64_t> shape) {
    const auto reply = execute(path, std::move(shape));
    EXPECT_FALSE(reply.error) << reply.error->message;
    if (reply.error || reply.outputs.size() != 1) return {};
    auto decoded = decode_statistics(reply.outputs[0].bytes);
    EXPECT_TRUE(decoded) << decoded.error();
    return decoded ? *decoded : ModelStatistics{};
  }

  Executor executor_{64 * 1024 * 1024};
  TemporaryFolder folder_;
};

TEST_F(ExecutedStatistics, TellWhatEveryLayerTookAndGave) {
  const auto path = folder_.path() / "dropout.pt";
  testing::save_dropout_model(path);
  const auto found = statistics(path, {-1, 4});
  ASSERT_EQ(found.layers.size(), 2U);
  EXPECT_EQ(found.layers[1].class_name, "Dropout");
  EXPECT_EQ(found.layers[1].depth, 1);
  EXPECT_TRUE(found.layers[1].executed);
  EXPECT_EQ(found.layers[1].input_size, (std::vector<std::int64_t>{1, 4}));
  EXPECT_EQ(found.layers[1].output_size, (std::vector<std::int64_t>{1, 4}));
  EXPECT_EQ(found.layers[1].output_bytes, 16);
  EXPECT_EQ(found.input_size, (std::vector<std::int64_t>{1, 4}));
}

TEST_F(ExecutedStatistics, LeaveNoTraceInTheModelThatIsKeptForPredictions) {
  const auto path = folder_.path() / "dropout.pt";
  testing::save_dropout_model(path);
  WorkerTask run;
  run.model_ids = {path.string()};
  for (int time = 0; time < 2; ++time) {
    std::vector<OwnedDescriptor> files;
    files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    const auto reply =
        executor_.execute({.task = run, .inputs = {testing::floats({1, 4}, {1, 1, 1, 1})}}, std::move(files));
    ASSERT_FALSE(reply.error) << reply.error->message;
    EXPECT_EQ(statistics(path, {1, 4}).layers.size(), 2U);
  }
}

TEST_F(ExecutedStatistics, FailWhereTheModelRefusesTheShape) {
  const auto path = folder_.path() / "model.pt";
  testing::save_script_model(path, "def forward(self, x):\n    return torch.matmul(x, self.weight)\n");
  EXPECT_TRUE(execute(path, std::vector<std::int64_t>{1, 7}).error);
  EXPECT_FALSE(execute(path, std::vector<std::int64_t>{1, 4}).error);
  EXPECT_TRUE(execute(path, std::nullopt).error);
  EXPECT_TRUE(execute(path, std::vector<std::int64_t>{-2, 4}).error);
  EXPECT_TRUE(execute(path, std::vector<std::int64_t>{INT64_MAX, INT64_MAX}).error);
}

// torchinfo runs eager modules only. The same module as TorchScript has to come to the same.
TEST_F(ExecutedStatistics, AgreeWithTorchinfo) {
  const auto folder = fixtures();
  if (!std::filesystem::exists(folder / "stats")) GTEST_SKIP() << "no fixtures at " << folder;
  struct Case {
    const char* model;
    const char* expected;
    std::vector<std::int64_t> shape;
  };
  for (const auto& [model, expected, shape] :
       {Case{"mlp_script", "mlp_eager", {-1, 1, 8, 8}}, Case{"mlp_trace", "mlp_eager", {-1, 1, 8, 8}},
        Case{"mlp_eager", "mlp_eager", {-1, 1, 8, 8}}, Case{"cnn_script", "cnn_eager", {-1, 1, 8, 8}},
        Case{"cnn_eager", "cnn_eager", {-1, 1, 8, 8}}, Case{"lstm_script", "lstm_eager", {-1, 5, 6}},
        Case{"tied_script", "tied_eager", {-1, 12}}, Case{"frozen_script", "frozen_eager", {-1, 8}},
        Case{"net_script", "net_eager", {-1, 1, 8, 8}}}) {
    SCOPED_TRACE(model);
    std::ifstream file(folder / "stats" / (std::string(expected) + ".json"));
    const auto wanted = Json::parse(file);
    const Json got = http::serialized(statistics(folder / "models" / (std::string(model) + ".pt"), shape));
    if (got != wanted) ADD_FAILURE() << Json::diff(wanted, got).dump(1);
  }
}

TEST_F(ExecutedStatistics, AreMissingForModelsThatWantWholeNumbersAsTorchinfoHasIt) {
  const auto path = fixtures() / "models/text_script.pt";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no fixtures at " << path;
  EXPECT_TRUE(execute(path, std::vector<std::int64_t>{-1, 7}).error);
}

}  // namespace
}  // namespace fedlog::ml
