// Modules made from their source, by the executor.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>

#include "ml/execution/executor.h"
#include "tests/ml/execution/execution_fixtures.h"

namespace fedlog::ml {
namespace {

using testing::expect_close;
using testing::floats;
using testing::values;

class ModuleCompiler : public ::testing::Test {
 protected:
  Executor executor_{1024 * 1024};
  TemporaryFolder folder_;
};

// A root that adds two layers of the same class, one of them within another module.
ModuleSource two_scales() {
  constexpr auto scale = "def forward(self, x):\n    return x * self.factor\n";
  return {.modules = {{.path = "outer.inner", .class_name = "Scale", .methods = scale},
                      {.path = "outer",
                       .class_name = "Outer",
                       .methods = "def forward(self, x):\n    return self.inner.forward(x)\n"},
                      {.path = "other", .class_name = "Scale", .methods = scale},
                      {.path = "",
                       .class_name = "Root",
                       .methods = "def forward(self, x):\n"
                                  "    return self.outer.forward(x) + self.other.forward(x)\n"}},
          .parameters = {"outer.inner.factor", "other.factor"}};
}

WorkerReply compiled(Executor& executor, ModuleSource source, std::vector<Tensor> weights) {
  WorkerTask task{.operation = WorkerOperation::compile};
  task.source = std::move(source);
  return executor.execute({.task = std::move(task), .inputs = std::move(weights)}, {});
}

TEST_F(ModuleCompiler, CompilesAModuleThatItsReaderAndItselfUnderstand) {
  const auto reply = compiled(executor_, two_scales(), {floats({1}, {3}), floats({1}, {4})});
  ASSERT_FALSE(reply.error) << reply.error->message;
  ASSERT_EQ(reply.outputs.size(), 1U);
  const auto& archive = reply.outputs[0].bytes;

  const auto file = ModelFile::from_bytes(archive);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->kind(), FileKind::torchscript);
  EXPECT_EQ(file->root_class(), "Root");
  ASSERT_EQ(file->tensors().size(), 2U);
  EXPECT_EQ(file->tensors()[0].name, "outer.inner.factor");
  EXPECT_TRUE(file->tensors()[0].is_parameter);
  EXPECT_EQ(file->tensors()[1].name, "other.factor");

  const auto path = folder_.path() / "compiled.pt";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(archive.data()), static_cast<std::streamsize>(archive.size()));
  std::vector<OwnedDescriptor> files;
  files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const auto run = executor_.execute({.task = {.model_ids = {"compiled"}}, .inputs = {floats({2}, {1, 2})}},
                                     std::move(files));
  ASSERT_FALSE(run.error) << run.error->message;
  expect_close(values(run.outputs.at(0)), {7, 14}, 0);
  EXPECT_EQ(compiled(executor_, two_scales(), {floats({1}, {3}), floats({1}, {4})}).outputs.at(0).bytes,
            archive)
      << "the same source and weights give the same file";
}

TEST_F(ModuleCompiler, SaysWhyASourceIsNotCompiled) {
  auto source = two_scales();
  source.modules.back().methods = "def forward(self, x):\n    return self.nothing\n";
  const std::vector<Tensor> weights{floats({1}, {3}), floats({1}, {4})};
  const auto unknown_name = compiled(executor_, source, weights);
  ASSERT_TRUE(unknown_name.error);
  EXPECT_EQ(unknown_name.error->code, ExecutionErrorCode::bad_request);
  EXPECT_NE(unknown_name.error->message.find("nothing"), std::string::npos) << unknown_name.error->message;

  EXPECT_TRUE(compiled(executor_, two_scales(), {floats({1}, {3})}).error) << "a weight is missing";
  source = two_scales();
  source.parameters.back() = "nowhere.factor";
  EXPECT_TRUE(compiled(executor_, source, weights).error);
  source = two_scales();
  source.modules.pop_back();
  EXPECT_TRUE(compiled(executor_, source, weights).error) << "there is no root";
  EXPECT_TRUE(compiled(executor_, {}, {}).error);
}

}  // namespace
}  // namespace fedlog::ml
