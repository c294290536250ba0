#include "actors/prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "actors/tensor_values.h"
#include "tests/actors/tensors.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ml::DType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::string lists(const ml::Tensor& tensor) {
  std::string json;
  append_lists(json, tensor);
  return json;
}

TEST(Lists, HaveTheShapeOfTheTensor) {
  EXPECT_EQ(lists(tensor_of<float>(DType::float32, {2, 2}, {1, 2.5, -3, 0})), "[[1.0,2.5],[-3.0,0.0]]");
  EXPECT_EQ(lists(tensor_of<std::int64_t>(DType::int64, {1, 2, 1}, {7, -8})), "[[[7],[-8]]]");
  EXPECT_EQ(lists(tensor_of<double>(DType::float64, {}, {0.5})), "0.5");
  EXPECT_EQ(lists(tensor_of<float>(DType::float32, {2, 0}, {})), "[[],[]]");
}

TEST(Lists, HaveTheValuesOfEveryElementType) {
  EXPECT_EQ(lists(tensor_of<std::int32_t>(DType::int32, {1}, {-70000})), "[-70000]");
  EXPECT_EQ(lists(tensor_of<std::int16_t>(DType::int16, {1}, {-300})), "[-300]");
  EXPECT_EQ(lists(tensor_of<std::int8_t>(DType::int8, {1}, {-3})), "[-3]");
  EXPECT_EQ(lists(tensor_of<std::uint8_t>(DType::uint8, {1}, {255})), "[255]");
  EXPECT_EQ(lists(tensor_of<std::uint8_t>(DType::boolean, {2}, {1, 0})), "[true,false]");
  EXPECT_EQ(lists(tensor_of<std::int64_t>(DType::int64, {1}, {INT64_MIN})), "[-9223372036854775808]");
  EXPECT_EQ(lists(tensor_of<std::uint16_t>(DType::bfloat16, {2}, {0x3fc0, 0xc000})), "[1.5,-2.0]");
  // Halves: 1.5, -2, the smallest subnormal, the largest value.
  EXPECT_EQ(lists(tensor_of<std::uint16_t>(DType::float16, {4}, {0x3e00, 0xc000, 0x0001, 0x7bff})),
            "[1.5,-2.0,5.960464477539063e-08,65504.0]");
}

TEST(Lists, HaveFractionsThatReadAsWhatTheyWere) {
  const std::vector<double> values{1e15,  -1e22,  1e300, 5e-324, 0.1, -0.0, 123456789012345680.0,
                                   1e-05, 2.5e-7, 1e16};
  const auto text = lists(tensor_of<double>(DType::float64, {10}, values));
  const auto read = nlohmann::json::parse(text);
  for (const auto& number : read) EXPECT_TRUE(number.is_number_float()) << number.dump();
  EXPECT_EQ(read.get<std::vector<double>>(), values) << text;
}

TEST(Lists, HaveNullWhereJsonHasNoNumber) {
  EXPECT_EQ(lists(tensor_of<float>(DType::float32, {3}, {nan, infinity, -infinity})), "[null,null,null]");
  EXPECT_EQ(lists(tensor_of<std::uint16_t>(DType::float16, {2}, {0x7c00, 0x7e00})), "[null,null]");
}

TEST(Lists, AreCountedWithTheirNumbers) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {3}, {2, 3}, {2, 1, 1}, {4, 0, 7}, {0}}) {
    ml::Tensor tensor{.dtype = DType::uint8, .shape = shape, .bytes = {}};
    tensor.bytes.resize(element_count(shape));
    const auto text = lists(tensor);
    EXPECT_EQ(parts_of_lists(shape), static_cast<std::size_t>(std::ranges::count_if(
                                         text, [](char c) { return c == '[' || c == '0'; })))
        << text;
  }
}

TEST(TheClass, IsTheIndexOfTheLargestValue) {
  const auto classes =
      argmax_over_classes(tensor_of<float>(DType::float32, {3, 3}, {1, 3, 2, 9, -1, 0, -5, -4, -3}));
  ASSERT_TRUE(classes.has_value());
  EXPECT_EQ(classes->dtype, DType::int64);
  EXPECT_THAT(classes->shape, ElementsAre(3));
  EXPECT_THAT(values_of<std::int64_t>(*classes), ElementsAre(1, 0, 2));
}

TEST(TheClass, IsTheFirstOfEqualsAndANanBeforeAll) {
  const auto classes =
      argmax_over_classes(tensor_of<float>(DType::float32, {3, 3}, {2, 2, 1, 1, nan, infinity, nan, 5, nan}));
  ASSERT_TRUE(classes.has_value());
  EXPECT_THAT(values_of<std::int64_t>(*classes), ElementsAre(0, 1, 0));
}

TEST(TheClass, IsChosenForEveryElementOfLaterDimensions) {
  // [batch 1, classes 2, 2 pixels]
  const auto classes = argmax_over_classes(tensor_of<float>(DType::float32, {1, 2, 2}, {1, 8, 2, 7}));
  ASSERT_TRUE(classes.has_value());
  EXPECT_THAT(classes->shape, ElementsAre(1, 2));
  EXPECT_THAT(values_of<std::int64_t>(*classes), ElementsAre(1, 0));
}

TEST(TheClass, OfAnEmptyBatchIsNone) {
  const auto classes = argmax_over_classes(tensor_of<float>(DType::float32, {0, 3}, {}));
  ASSERT_TRUE(classes.has_value());
  EXPECT_THAT(values_of<std::int64_t>(*classes), IsEmpty());
}

TEST(TheClass, OfABatchWithoutElementsIsNoneAtOnce) {
  constexpr std::int64_t many = std::int64_t{1} << 40;
  const auto classes = argmax_over_classes(tensor_of<float>(DType::float32, {many, 1, 0}, {}));
  ASSERT_TRUE(classes.has_value());
  EXPECT_THAT(classes->shape, ElementsAre(many, 0));
  EXPECT_THAT(values_of<std::int64_t>(*classes), IsEmpty());
}

TEST(TheClass, CannotBeChosenWithoutADimensionOfClasses) {
  for (const auto& outputs :
       {tensor_of<float>(DType::float32, {}, {1}), tensor_of<float>(DType::float32, {3}, {1, 2, 3}),
        tensor_of<float>(DType::float32, {2, 0}, {})}) {
    const auto classes = argmax_over_classes(outputs);
    ASSERT_FALSE(classes.has_value());
    EXPECT_THAT(classes.error(), HasSubstr("[batch, classes, ...]"));
  }
}

}  // namespace
}  // namespace fedlog::actors
