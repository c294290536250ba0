#include "ml/moments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <vector>

#include "tests/ml/archive_writer.h"
#include "tests/ml/fixtures.h"

namespace fedlog::ml {
namespace {

using ::testing::HasSubstr;

ModelFile opened(const std::string& content) {
  static std::vector<std::unique_ptr<std::string>> kept;  // files look into their bytes
  kept.push_back(std::make_unique<std::string>(content));
  auto file = ModelFile::from_bytes(std::as_bytes(std::span{*kept.back()}));
  EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().message);
  return std::move(file.value());
}

std::string vector_file(const std::vector<float>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return torch_file(
      complete_pickle(pickled_tensor({.shape = {size}, .strides = {1}, .storage_elements = size})),
      {{.key = "0", .content = raw<float>(values)}});
}

// A model of a state_dict: two weights, and two that could be buffers.
ModelFile state_dict() {
  return opened(
      state_dict_file({{.name = "weight", .values = {1, 2}}, {.name = "running_mean", .values = {3, 4}}}));
}

std::string refusal(const ModelFile& model, const std::string& moment) {
  const auto checked = check_moment(model, opened(moment), true);
  EXPECT_FALSE(checked.has_value());
  return checked ? "" : checked.error();
}

TEST(AMoment, OfAStateDictHasUpToAllItsValues) {
  EXPECT_EQ(check_moment(state_dict(), opened(vector_file({1, 2})), true), "float32 [2]");
  EXPECT_EQ(check_moment(state_dict(), opened(vector_file({1, 2, 3, 4})), true), "float32 [4]");
  EXPECT_THAT(refusal(state_dict(), vector_file({1, 2, 3, 4, 5})), HasSubstr("5 values"));
  EXPECT_THAT(refusal(state_dict(), vector_file({})), HasSubstr("0 values"));
}

TEST(AMoment, IsASingleVectorOfFloatingPointNumbers) {
  EXPECT_THAT(refusal(state_dict(), state_dict_file({{.name = "weight", .values = {1, 2}}})),
              HasSubstr("no single tensor"));
  const auto matrix =
      torch_file(complete_pickle(pickled_tensor({.shape = {1, 2}, .strides = {2, 1}, .storage_elements = 2})),
                 {{.key = "0", .content = raw<float>({1, 2})}});
  EXPECT_THAT(refusal(state_dict(), matrix), HasSubstr("float32 [1, 2]"));
  const auto whole =
      torch_file(complete_pickle(pickled_tensor(
                     {.shape = {2}, .strides = {1}, .storage_type = "LongStorage", .storage_elements = 2})),
                 {{.key = "0", .content = raw<std::int64_t>({1, 2})}});
  EXPECT_THAT(refusal(state_dict(), whole), HasSubstr("int64 [2]"));
}

TEST(AMoment, CanBeAveragedAsItIsStored) {
  const auto expanded =
      torch_file(complete_pickle(pickled_tensor({.shape = {2}, .strides = {0}, .storage_elements = 1})),
                 {{.key = "0", .content = raw<float>({1})}});
  EXPECT_THAT(refusal(state_dict(), expanded), HasSubstr("contiguous"));
}

TEST(AMoment, IsFiniteUnlessThatIsNotRequired) {
  const auto moment = vector_file({1, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_THAT(refusal(state_dict(), moment), HasSubstr("the element at [1] is NaN"));
  EXPECT_TRUE(check_moment(state_dict(), opened(moment), false).has_value());
}

// PyTorch's own counts. Modules tell their parameters: buffers do not count, tied weights count once, frozen
// ones too.
TEST(AMoment, OfAModuleHasAsManyValuesAsItHasParameters) {
  FEDLOG_NEEDS_FIXTURES();
  for (const auto& [name, count] : std::map<std::string, std::size_t>{{"cnn_script.pt", 690},
                                                                      {"cnn_eager.pt", 690},
                                                                      {"tied_script.pt", 156},
                                                                      {"tied_trace.pt", 156},
                                                                      {"tied_eager.pt", 156},
                                                                      {"frozen_script.pt", 40},
                                                                      {"frozen_eager.pt", 40}}) {
    const auto model = ModelFile::open(fixtures() / "models" / name).value();
    EXPECT_TRUE(check_moment(model, opened(vector_file(std::vector<float>(count))), true).has_value())
        << name;
    for (const auto wrong : {count - 1, count + 1}) {
      EXPECT_THAT(refusal(model, vector_file(std::vector<float>(wrong))),
                  HasSubstr("the model has " + std::to_string(count) + " parameters."))
          << name;
    }
  }
}

}  // namespace
}  // namespace fedlog::ml
