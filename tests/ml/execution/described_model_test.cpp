// Eager modules, preprocessing pipelines and pictures with known answers: the fixtures.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ml/execution/executor.h"
#include "tests/ml/execution/execution_fixtures.h"

namespace fedlog::ml {
namespace {

using testing::expect_close;
using testing::fixtures;
using testing::values;

class DescribedModels : public testing::WithWarmTorch {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(fixtures()))
      GTEST_SKIP() << "no fixtures at " << fixtures() << " (FEDLOG_FIXTURES)";
  }
  // `paths` are below the fixtures; with task.preprocess the first is the preprocessing.
  WorkerReply execute(const std::vector<std::string>& paths, std::vector<Tensor> inputs,
                      WorkerTask task = {}) {
    std::vector<OwnedDescriptor> files;
    for (const auto& path : paths) {
      task.model_ids.push_back(path);
      files.emplace_back(::open((fixtures() / path).c_str(), O_RDONLY | O_CLOEXEC));
    }
    return executor_.execute({.task = std::move(task), .inputs = std::move(inputs)}, std::move(files));
  }
  static Tensor known(const std::string& file, const std::string& name) {
    const auto opened = ModelFile::open(fixtures() / file);
    EXPECT_TRUE(opened) << file;
    const auto* record = opened ? opened->find(name) : nullptr;
    EXPECT_NE(record, nullptr) << name;
    return record != nullptr ? opened->read(*record) : Tensor{};
  }
  static bool is_known(const std::string& file, const std::string& name) {
    const auto opened = ModelFile::open(fixtures() / file);
    return opened && opened->find(name) != nullptr;
  }
  static Tensor tensor_file(const std::string& path) {
    auto read = read_tensor(fixtures() / path);
    EXPECT_TRUE(read) << path;
    return read ? *read : Tensor{};
  }
  static Tensor file_bytes(const std::string& path) {
    std::ifstream file(fixtures() / path, std::ios::binary);
    const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
    EXPECT_FALSE(content.empty()) << path;
    return testing::tensor(DType::uint8, {static_cast<std::int64_t>(content.size())}, content);
  }

  Executor executor_{64 * 1024 * 1024};
};

TEST_F(DescribedModels, AgreeWithPyTorch) {
  for (const std::string name : {"mlp", "cnn", "f64", "bf16", "half", "mc", "mc0"}) {
    SCOPED_TRACE(name);
    const auto reply =
        execute({"models/" + name + "_eager.pt"}, {known("models/io.safetensors", name + ".x")});
    ASSERT_FALSE(reply.error) << reply.error->message;
    expect_close(values(reply.outputs.at(0)), values(known("models/io.safetensors", name + ".y")),
                 name == "half" || name == "bf16" ? 2e-2 : 1e-5);
  }
}

TEST_F(DescribedModels, OfOwnClassesAreRefusedByNameWithTheWayOut) {
  for (const auto& [name, class_name] :
       std::vector<std::array<std::string, 2>>{{"net", "mymodels.Net"},
                                               {"text", "mymodels.Text"},
                                               {"tied", "mymodels.Tied"},
                                               {"frozen", "mymodels.Buffered"},
                                               {"methods", "mymodels.Methods"}}) {
    const auto reply = execute({"models/" + name + "_eager.pt"}, {});
    ASSERT_TRUE(reply.error);
    EXPECT_EQ(reply.error->code, ExecutionErrorCode::model_unsupported);
    EXPECT_EQ(reply.error->message, "the file holds an object of class " + class_name +
                                        ", whose code is not in the file: save torch.jit.script(model) with "
                                        "torch.jit.save and upload that file");
  }
  const auto weights = execute({"models/cnn_state_dict.pt"}, {});
  ASSERT_TRUE(weights.error);
  EXPECT_EQ(weights.error->code, ExecutionErrorCode::model_unsupported);
  EXPECT_NE(weights.error->message.find("weights only"), std::string::npos) << weights.error->message;
}

TEST_F(DescribedModels, AreSampledLikeAnyOther) {
  const std::string rounds = "rounds/mlp/client";
  const auto digits = tensor_file("inference/inputs/digits4.pt");
  const auto sampled = [&](const std::string& kind, WorkerTask task, std::vector<Tensor> inputs) {
    std::vector<std::string> members{"models/mlp" + kind};
    if (task.method == SamplingMethod::ensemble)
      members = {rounds + "0" + kind, rounds + "2" + kind, rounds + "4" + kind};
    const auto reply = execute(members, std::move(inputs), std::move(task));
    EXPECT_FALSE(reply.error) << reply.error->message;
    return reply.error ? std::vector<double>{} : values(reply.outputs.at(0));
  };
  const WorkerTask ensemble{.method = SamplingMethod::ensemble};
  expect_close(sampled("_eager.pt", ensemble, {digits}), sampled("_script.pt", ensemble, {digits}), 1e-5);
  const WorkerTask swag{.method = SamplingMethod::swag, .samples = 3};
  const std::vector<Tensor> with_moments{digits, tensor_file("inference/inputs/swag_mlp_first_moment.pt"),
                                         tensor_file("inference/inputs/swag_mlp_second_moment.pt")};
  expect_close(sampled("_eager.pt", swag, with_moments), sampled("_script.pt", swag, with_moments), 1e-5);
}

TEST_F(DescribedModels, DrawDropout) {
  std::ifstream file(fixtures() / "inference/expected/mc_p05.json");
  const auto exact = nlohmann::json::parse(file).at("exact");
  constexpr std::uint32_t samples = 2'000;
  const auto reply = execute({"models/mc_eager.pt"}, {tensor_file("inference/inputs/digits3_flat.pt")},
                             {.method = SamplingMethod::mc_dropout, .samples = samples});
  ASSERT_FALSE(reply.error) << reply.error->message;
  const auto all = values(reply.outputs.at(0));
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 10; ++column) {
      double mean = 0;
      for (std::size_t sample = 0; sample < samples; ++sample)
        mean += all[(sample * 3 + row) * 10 + column] / samples;
      EXPECT_NEAR(mean, exact["mean"][row][column].get<double>(),
                  5 * exact["std"][row][column].get<double>() / std::sqrt(samples));
    }
  }
}

constexpr auto pipelines = std::to_array<const char*>(
    {"dummy_view", "test_compose", "resize_int_crop", "resize_int_f32", "resize_no_antialias",
     "resize_nearest", "resize_bicubic", "resize_up_max", "crop_pads", "grey3", "todtype_noscale",
     "v1_compose", "v1_modules", "test_script", "v1_script", "v2_script", "own_script"});

TEST_F(DescribedModels, PreprocessAsTorchvisionDoes) {
  const std::string expected = "preprocessing/expected.safetensors";
  const std::array<std::array<std::string, 2>, 3> inputs{
      {{"u8", "image_u8.pt"}, {"f32", "image_f32.pt"}, {"batch", "batch_u8.pt"}}};
  for (const std::string name : pipelines) {
    // Of whole numbers resized, each value may be rounded to the other side.
    const double tolerance = name == "resize_int_crop" ? 1.01 / 255 : 1e-5;
    for (const auto& [form, file] : inputs) {
      if (!is_known(expected, name + "." + form)) continue;
      SCOPED_TRACE(name + "." + form);
      const auto reply = execute({"preprocessing/" + name + ".pt"}, {tensor_file("preprocessing/" + file)});
      ASSERT_FALSE(reply.error) << reply.error->message;
      const auto wanted = known(expected, name + "." + form);
      EXPECT_EQ(reply.outputs.at(0).shape, wanted.shape);
      expect_close(values(reply.outputs.at(0)), values(wanted), tolerance);
    }
  }
}

// The shape that is asked for fits only what preprocessing makes; the model takes any size.
TEST_F(DescribedModels, PreprocessPictures) {
  const std::string expected = "preprocessing/expected.safetensors";
  for (const std::string name : pipelines) {
    if (!is_known(expected, name + ".pil")) continue;
    SCOPED_TRACE(name);
    const auto wanted = known(expected, name + ".pil");
    const auto run = [&](std::int64_t height) {
      auto shape = wanted.shape;
      shape[1] = height;
      return execute({"preprocessing/" + name + ".pt", "preprocessing/todtype_noscale.pt"},
                     {file_bytes("preprocessing/image.png")},
                     {.input_kind = InputKind::image, .preprocess = true, .input_shape = shape});
    };
    const auto reply = run(-1);
    ASSERT_FALSE(reply.error) << reply.error->message;
    EXPECT_EQ(reply.outputs.at(0).shape, wanted.shape);
    expect_close(values(reply.outputs.at(0)), values(wanted), name == "resize_int_crop" ? 1.01 / 255 : 1e-5);
    const auto refused = run(7);
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->code, ExecutionErrorCode::shape_mismatch);
  }
}

TEST_F(DescribedModels, TakePicturesAsTheReferenceDecodesThem) {
  for (const std::string name : {"grey8.png", "rgb8.png", "grey28.png", "rgb28.png", "palette28.png",
                                 "rgba8.png", "grey8.jpg", "rgb8.jpg", "grey28.jpg", "rgb28.jpg"}) {
    SCOPED_TRACE(name);
    const auto reply = execute({"preprocessing/todtype_noscale.pt"}, {file_bytes("inference/inputs/" + name)},
                               {.input_kind = InputKind::image});
    ASSERT_FALSE(reply.error) << reply.error->message;
    const auto wanted = known("inference/inputs/decoded.safetensors", name + ".reference");
    EXPECT_EQ(reply.outputs.at(0).shape, wanted.shape);
    expect_close(values(reply.outputs.at(0)), values(wanted), name.ends_with("png") ? 1e-6 : 2.01 / 255);
  }
}

TEST_F(DescribedModels, AddABatchDimensionToAPictureThatLacksItAlone) {
  const auto run = [&](std::vector<std::int64_t> shape) {
    return execute({"preprocessing/todtype_noscale.pt"}, {file_bytes("inference/inputs/grey8.png")},
                   {.input_kind = InputKind::image, .input_shape = std::move(shape)});
  };
  EXPECT_EQ(run({-1, 1, 8, 8}).outputs.at(0).shape, (std::vector<std::int64_t>{1, 1, 8, 8}));
  EXPECT_EQ(run({1, 8, -1}).outputs.at(0).shape, (std::vector<std::int64_t>{1, 8, 8}));
  const auto refused = run({2, 1, 8, 8});
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.error->code, ExecutionErrorCode::shape_mismatch);
  EXPECT_EQ(refused.error->message, "the input has the shape [1, 8, 8], not [2, 1, 8, 8]");
}

TEST_F(DescribedModels, RefuseBrokenPictures) {
  for (const std::string name : {"img_png_bomb.png", "img_png_huge_header.png", "img_png_truncated.png",
                                 "img_png_crc.png", "img_jpeg_truncated.jpg", "img_text.png"}) {
    SCOPED_TRACE(name);
    const auto reply = execute({"preprocessing/todtype_noscale.pt"}, {file_bytes("hostile/" + name)},
                               {.input_kind = InputKind::image});
    ASSERT_TRUE(reply.error);
    EXPECT_EQ(reply.error->code, ExecutionErrorCode::input_unreadable) << reply.error->message;
  }
}

}  // namespace
}  // namespace fedlog::ml
