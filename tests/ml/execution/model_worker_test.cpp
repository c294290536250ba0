// The real model worker behind the real pool: what a model does to it, and what the next request finds.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <fstream>
#include <thread>

#include "actors/dummy_modules.h"
#include "actors/worker_pool.h"
#include "ml/aggregation.h"
#include "ml/compatibility.h"
#include "ml/execution/worker_loop.h"
#include "tests/ml/execution/execution_fixtures.h"
#include "tests/ml/execution/script_models.h"

namespace fedlog::actors {
namespace {

using ml::testing::fixtures;
using ml::testing::floats;
using ml::testing::values;

class ModelWorker : public ::testing::Test {
 protected:
  static WorkerPoolOptions options() {
    WorkerPoolOptions result;
    result.process.worker_path = FEDLOG_MODEL_WORKER;
    result.process.memory_limit_bytes = 1024ULL * 1024 * 1024;
    result.process.tensors_limit_bytes = 16ULL * 1024 * 1024;
    result.slots = 1;
    return result;
  }
  ExecutionRequest request(const std::string& name, const std::string& code) {
    const auto path = folder_.path() / (name + ".pt");
    ml::testing::save_script_model(path, code);
    return run(path);
  }
  static ExecutionRequest run(const std::filesystem::path& path) {
    ExecutionRequest result;
    result.models = {{.id = path.string(), .path = path}};
    result.inputs = {floats({4}, {1, 1, 1, 1})};
    return result;
  }
  void expect_works(WorkerPool& pool) {
    const auto outputs = pool.run(request("double", "def forward(self, x):\n    return x * 2\n"));
    ASSERT_TRUE(outputs) << outputs.error().message;
    ml::testing::expect_close(values(outputs->at(0)), {2, 2, 2, 2}, 0);
  }

  TemporaryFolder folder_;
};

TEST_F(ModelWorker, OutlivesModelsThatFailButDoNoHarm) {
  WorkerPool pool(options());
  expect_works(pool);

  const auto greedy =
      pool.run(request("greedy", "def forward(self, x):\n    return torch.zeros([25000000000])\n"));
  ASSERT_FALSE(greedy);
  EXPECT_EQ(greedy.error().code, ExecutionErrorCode::out_of_memory) << greedy.error().message;
  expect_works(pool);

  const auto talkative =
      pool.run(request("talkative", "def forward(self, x):\n    return torch.zeros([5000000])\n"));
  ASSERT_FALSE(talkative);
  EXPECT_EQ(talkative.error().code, ExecutionErrorCode::output_unsupported) << talkative.error().message;
  expect_works(pool);

  const auto target = folder_.path() / "written by a model";
  const auto writer = pool.run(request(
      "writer", "def forward(self, x):\n    return torch.from_file('" + target.string() + "', True, 16)\n"));
  ASSERT_FALSE(writer);
  EXPECT_NE(writer.error().message.find("Operation not permitted"), std::string::npos)
      << writer.error().message;
  EXPECT_FALSE(std::filesystem::exists(target));
  expect_works(pool);
  EXPECT_EQ(pool.counters().started, 1U);
}

TEST_F(ModelWorker, TakesNoMemoryFromARequestForModelsThatItOnlyKeeps) {
  auto tight = options();
  tight.process.memory_limit_bytes = 512ULL * 1024 * 1024;
  WorkerPool pool(tight);
  const auto kept = folder_.path() / "kept.pt";
  ml::testing::save_large_model(kept, 250);
  auto large = run(kept);
  const auto small =
      request("hungry", "def forward(self, x):\n    return torch.zeros([70000000]).sum(0, True)\n");
  ASSERT_TRUE(pool.run(large));
  const auto outputs = pool.run(small);
  ASSERT_TRUE(outputs) << outputs.error().message;
  ASSERT_TRUE(pool.run(large));
  EXPECT_EQ(pool.counters().started, 1U);
}

TEST_F(ModelWorker, ShowsNothingOfAnotherRequestInNewMemory) {
  WorkerPool pool(options());
  auto secret =
      request("secret", "def forward(self, x):\n    return (x * 0 + 41.5).repeat([5000]).sum(0, True)\n");
  const auto curious =
      request("curious", "def forward(self, x):\n    return (torch.empty([20000]) == 41.5).sum(0, True)\n");
  for (int turn = 0; turn < 5; ++turn) {
    ASSERT_TRUE(pool.run(secret));
    const auto seen = pool.run(curious);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(values(seen->at(0)), (std::vector<double>{0}));
  }
}

TEST_F(ModelWorker, IsReplacedAfterAnEndlessModel) {
  WorkerPool pool(options());
  expect_works(pool);
  auto hasty = options();
  hasty.process.deadline_ms = 200;
  WorkerPool impatient(hasty);
  const auto endless = impatient.run(request(
      "endless", "def forward(self, x):\n    while bool(x.sum() > 0):\n        x = x + 1\n    return x\n"));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ExecutionErrorCode::deadline_exceeded) << endless.error().message;
  EXPECT_EQ(impatient.counters().lost, 1U);
  EXPECT_EQ(impatient.counters().workers, 0U);
}

TEST_F(ModelWorker, ContainsTheHostileFixtures) {
  if (!std::filesystem::exists(fixtures()))
    GTEST_SKIP() << "no fixtures at " << fixtures() << " (FEDLOG_FIXTURES)";
  WorkerPool pool(options());
  for (const char* name : {"ts_forward_from_file.pt", "ts_setstate_from_file.pt", "ts_setstate_save.pt",
                           "ts_forward_greedy.pt"}) {
    SCOPED_TRACE(name);
    const auto outputs = pool.run(run(fixtures() / "hostile" / name));
    if (std::string_view(name) != "ts_setstate_save.pt") {
      ASSERT_FALSE(outputs);
      EXPECT_FALSE(outputs.error().message.empty());
    }
    for (const char* folder : {".", "/"})
      EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(folder) / "PWNED"));
    expect_works(pool);
  }
}

TEST_F(ModelWorker, RunsEagerModulesOnPreprocessedPicturesInTheSandbox) {
  if (!std::filesystem::exists(fixtures()))
    GTEST_SKIP() << "no fixtures at " << fixtures() << " (FEDLOG_FIXTURES)";
  WorkerPool pool(options());
  const auto run_on = [&](const std::filesystem::path& picture) {
    std::ifstream file(picture, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    auto request = run(fixtures() / "models/cnn_eager.pt");
    const auto pipeline = fixtures() / "preprocessing/v1_modules.pt";
    request.preprocessing = ModelReference{.id = pipeline.string(), .path = pipeline};
    request.input_kind = ml::InputKind::image;
    request.input_shape = std::vector<std::int64_t>{-1, 1, 8, 8};
    request.inputs = {
        ml::testing::tensor(ml::DType::uint8, {static_cast<std::int64_t>(bytes.size())}, bytes)};
    return pool.run(request);
  };
  for (const char* name : {"rgb28.png", "grey28.jpg", "rgb8.jpg"}) {
    const auto outputs = run_on(fixtures() / "inference/inputs" / name);
    ASSERT_TRUE(outputs) << name << ": " << outputs.error().message;
    EXPECT_EQ(outputs->at(0).shape, (std::vector<std::int64_t>{1, 10}));
  }
  for (const char* name : {"img_png_bomb.png", "img_png_crc.png", "img_jpeg_truncated.jpg"}) {
    const auto refused = run_on(fixtures() / "hostile" / name);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ExecutionErrorCode::input_unreadable) << refused.error().message;
  }
  expect_works(pool);
  EXPECT_EQ(pool.counters().started, 1U);
}

// The model and the preprocessing of the dummy data, made and run in the sandbox.
class DigitsModules : public ModelWorker {
 protected:
  std::filesystem::path compiled(const std::string& name, const UncompiledModule& module) {
    ExecutionRequest request;
    request.operation = ml::WorkerOperation::compile;
    request.source = module.source;
    request.inputs = module.weights;
    const auto outputs = pool_.run(request);
    EXPECT_TRUE(outputs) << outputs.error().message;
    if (!outputs) return {};
    const auto& archive = outputs->at(0).bytes;
    auto path = folder_.path() / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(archive.data()), static_cast<std::streamsize>(archive.size()));
    return path;
  }
  ml::Tensor output_of(const std::filesystem::path& model, ml::Tensor input) {
    ExecutionRequest request;
    request.models = {{.id = model.string(), .path = model}};
    request.inputs = {std::move(input)};
    auto outputs = pool_.run(request);
    EXPECT_TRUE(outputs) << outputs.error().message;
    return outputs ? outputs->at(0) : ml::Tensor{};
  }
  static std::string content(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  WorkerPool pool_{options()};
};

TEST_F(DigitsModules, AreFilesLikeAnyUpload) {
  const auto network = ml::ModelFile::open(compiled("network.pt", digits_network()));
  ASSERT_TRUE(network) << network.error().message;
  EXPECT_TRUE(ml::check_base(*network));
  std::vector<std::string> names;
  for (const auto& tensor : network->tensors()) names.push_back(tensor.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                             "linear.weight", "linear.bias"}));
  const auto preprocessing = ml::ModelFile::open(compiled("preprocessing.pt", digits_preprocessing()));
  ASSERT_TRUE(preprocessing) << preprocessing.error().message;
  EXPECT_EQ(preprocessing->kind(), ml::FileKind::torchscript);
}

TEST_F(DigitsModules, AreTheirOwnMean) {
  const auto path = compiled("network.pt", digits_network());
  const std::vector<ml::WeightedUpdate> updates(5, {.file = path, .sample_size = 100});
  ASSERT_TRUE(ml::weighted_mean(path, updates, folder_.path() / "mean.pt"));
  EXPECT_EQ(content(folder_.path() / "mean.pt"), content(path));
}

TEST_F(DigitsModules, GiveProbabilitiesForPicturesOfAnyForm) {
  const auto network = compiled("network.pt", digits_network());
  const auto preprocessing = compiled("preprocessing.pt", digits_preprocessing());
  const auto grey = floats({1, 28, 28}, std::vector<float>(784, 0.5F));
  const auto prepared = output_of(preprocessing, grey);
  ASSERT_EQ(prepared.shape, (std::vector<std::int64_t>{1, 1, 28, 28}));
  EXPECT_NEAR(values(prepared)[0], (0.5 - 0.1307) / 0.3081, 1e-5);
  for (const auto& picture : {floats({28, 28}, std::vector<float>(784, 0.5F)),
                              floats({2, 1, 28, 28}, std::vector<float>(1568, 0.5F)),
                              floats({3, 56, 40}, std::vector<float>(6720, 0.5F)),
                              ml::testing::tensor<std::uint8_t>(ml::DType::uint8, {3, 28, 28},
                                                                std::vector<std::uint8_t>(2352, 127))}) {
    const auto output = output_of(network, output_of(preprocessing, picture));
    ASSERT_EQ(output.shape, (std::vector<std::int64_t>{picture.shape.size() == 4 ? 2 : 1, 10}));
    double sum = 0;
    for (std::size_t digit = 0; digit < 10; ++digit) sum += std::exp(values(output)[digit]);
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

// The worker's loop, in a thread of the test.
class ServeRequests : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    server_ = ml::OwnedDescriptor(pair[0]);
    worker_ = ml::OwnedDescriptor(pair[1]);
  }
  std::thread serve(std::uint32_t cpu_budget_s) {
    return std::thread([this, cpu_budget_s] {
      auto memory = ml::SharedMemory::create(4096);
      ml::Executor executor(0);
      ml::serve_requests(worker_.get(), *memory, executor, cpu_budget_s);
      worker_.close();
    });
  }
  [[nodiscard]] ml::WorkerReply ask() const {
    const auto frame = ml::encode_request({.operation = ml::WorkerOperation::unload}, {}, {});
    EXPECT_TRUE(ml::send_frame(server_.get(), *frame, {}, std::nullopt));
    const auto answer = ml::receive_frame(server_.get(), std::nullopt);
    return answer ? *ml::decode_reply(*answer, {}) : ml::WorkerReply{};
  }
  [[nodiscard]] bool worker_left() const {
    return ml::receive_frame(server_.get(), std::nullopt) == std::unexpected(ml::ChannelError::closed);
  }

  ml::OwnedDescriptor server_;
  ml::OwnedDescriptor worker_;
};

TEST_F(ServeRequests, AnnouncesThatItRetiresOnceItsProcessorTimeIsUsedUp) {
  auto worker = serve(0);
  EXPECT_TRUE(ask().retiring);
  EXPECT_TRUE(worker_left());
  worker.join();
}

TEST_F(ServeRequests, AnswersUntilTheServerSendsNonsense) {
  auto worker = serve(1'000'000);
  EXPECT_FALSE(ask().retiring);
  EXPECT_FALSE(ask().retiring);
  EXPECT_TRUE(ml::send_frame(server_.get(), ml::Frame(3), {}, std::nullopt));
  EXPECT_TRUE(worker_left());
  worker.join();
}

}  // namespace
}  // namespace fedlog::actors
