#include "ml/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/ml/archive_writer.h"

namespace fedlog::ml {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string misfit(const std::string& base, const std::string& update, bool require_finite = true) {
  const auto checked = check_update(ModelFile::from_bytes(bytes_of(base)).value(),
                                    ModelFile::from_bytes(bytes_of(update)).value(), require_finite);
  return checked ? "" : checked.error();
}

// Two names over one storage of four floats.
std::string tied_file(const HandMadeTensor& a, const HandMadeTensor& b) {
  return torch_file(
      complete_pickle("}" + pickled_items({{"a", pickled_tensor(a)}, {"b", pickled_tensor(b)}})),
      {{.key = "0", .content = raw<float>({1, 2, 3, 4})}});
}

HandMadeTensor view(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                    std::int64_t offset = 0) {
  return {.shape = std::move(shape), .strides = std::move(strides), .storage_elements = 4, .offset = offset};
}

const std::string base_file = state_dict_file({{"1.weight", {1, 2, 3}}, {"1.bias", {4}}});

TEST(CheckUpdate, AcceptsTheSameNamesInAnyOrder) {
  EXPECT_EQ(misfit(base_file, base_file), "");
  EXPECT_EQ(misfit(base_file, state_dict_file({{"1.bias", {9}}, {"1.weight", {7, 8, 9}}})), "");
}

TEST(CheckUpdate, NamesTheLayerAndBothShapes) {
  EXPECT_EQ(misfit(base_file, state_dict_file({{"1.weight", {1, 2}}, {"1.bias", {4}}})),
            "The update does not fit the model: layer 1.weight: expected float32 [3], got float32 [2].");
}

TEST(CheckUpdate, NamesMissingAndUnknownLayers) {
  EXPECT_THAT(misfit(base_file, state_dict_file({{"1.weight", {1, 2, 3}}, {"9.bias", {4}}})),
              AllOf(HasSubstr("layer 1.bias: is missing"), HasSubstr("layer 9.bias: is not in the model")));
}

TEST(CheckUpdate, RecognizesADataParallelWrapper) {
  EXPECT_THAT(misfit(base_file, state_dict_file({{"module.1.weight", {1, 2, 3}}, {"module.1.bias", {4}}})),
              HasSubstr("save model.module instead"));
  EXPECT_THAT(misfit(base_file, state_dict_file({{"module.other", {1}}})), Not(HasSubstr("model.module")));
}

TEST(CheckUpdate, ShowsAFewDifferencesAndCountsTheRest) {
  std::vector<NamedFloats> many;
  for (int i = 0; i < 10; ++i) {
    many.push_back({"extra" + std::to_string(i), {1}});
  }
  EXPECT_THAT(misfit(base_file, state_dict_file(many)), HasSubstr("and 8 more"));
}

TEST(CheckUpdate, FindsTheFirstValueThatIsNotFinite) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::string bad = state_dict_file({{"1.weight", {1, nan, infinity}}, {"1.bias", {-infinity}}});
  EXPECT_THAT(misfit(base_file, bad), AllOf(HasSubstr("layer 1.weight: the element at [1] is NaN"),
                                            HasSubstr("layer 1.bias: the element at [0] is infinite")));
  EXPECT_EQ(misfit(base_file, bad, false), "");
}

TEST(CheckUpdate, FindsItBeyondTheFirstBlockAndInStridedTensors) {
  std::vector<float> large(10'000, 1.0F);
  const std::string base = state_dict_file({{"w", large}});
  large[9'876] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(misfit(base, state_dict_file({{"w", large}})), HasSubstr("[9876] is infinite"));

  const auto matrix = [](std::vector<std::int64_t> strides, float last) {
    return torch_file(
        complete_pickle("}" + pickled_items({{"w", pickled_tensor(view({2, 2}, std::move(strides)))}})),
        {{.key = "0", .content = raw<float>({1, 2, last, 4})}});
  };
  EXPECT_THAT(misfit(matrix({2, 1}, 3), matrix({1, 2}, std::numeric_limits<float>::quiet_NaN())),
              HasSubstr("[0, 1] is NaN"));
}

TEST(CheckUpdate, KeepsTiedWeightsTied) {
  const std::string tied = tied_file(view({4}, {1}), view({4}, {1}));
  EXPECT_EQ(misfit(tied, tied), "");
  EXPECT_EQ(misfit(tied, state_dict_file({{"a", {5, 6, 7, 8}}, {"b", {5, 6, 7, 8}}})), "") << "equal copies";
  EXPECT_THAT(misfit(tied, state_dict_file({{"a", {5, 6, 7, 8}}, {"b", {5, 6, 7, 9}}})),
              HasSubstr("layer b: is tied to a"));
  EXPECT_EQ(misfit(state_dict_file({{"a", {1, 2, 3, 4}}, {"b", {1, 2, 3, 4}}}), tied), "")
      << "a model that ties nothing takes any update";
}

TEST(CheckUpdate, TiesWhateverTheStridesOfSingleElements) {
  const std::string tied = tied_file(view({1, 4}, {4, 1}), view({1, 4}, {99, 1}));
  EXPECT_EQ(misfit(tied, tied), "");
  EXPECT_EQ(misfit(tied, tied_file(view({1, 4}, {1, 1}), view({1, 4}, {4, 1}))), "");
  EXPECT_THAT(misfit(tied, state_dict_file({{"a", {5, 6, 7, 8}}, {"b", {5, 6, 7, 8}}})), HasSubstr("[1, 4]"))
      << "a shape of its own is another tensor";
}

TEST(CheckBase, RefusesViewsThatWouldBeTornApart) {
  const auto fault = [](const HandMadeTensor& a, const HandMadeTensor& b) {
    const std::string file = tied_file(a, b);
    const auto checked = check_base(ModelFile::from_bytes(bytes_of(file)).value());
    return checked ? "" : checked.error();
  };
  EXPECT_EQ(fault(view({2}, {1}), view({2}, {1}, 2)), "") << "neighbours in one storage";
  EXPECT_EQ(fault(view({2, 2}, {1, 2}), view({2, 2}, {1, 2})), "") << "tied and transposed";
  EXPECT_THAT(fault(view({4}, {1}), view({2}, {1}, 1)), HasSubstr("a and b are different views"));
  EXPECT_THAT(fault(view({2, 2}, {1, 2}), view({2, 2}, {2, 1})), HasSubstr("different views"));
  EXPECT_THAT(fault(view({4}, {0}), view({1}, {1}, 3)), HasSubstr("expanded or strided"));
  EXPECT_THAT(fault(view({2}, {2}), view({1}, {1}, 3)), HasSubstr("expanded or strided"));
}

}  // namespace
}  // namespace fedlog::ml
