#include "actors/inference_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/tensors.h"
#include "tests/ml/archive_writer.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// What torch.save writes of torch.tensor([1.5, 2.5]).
std::string tensor_file() {
  return ml::torch_file(
      ml::complete_pickle(ml::pickled_tensor({.shape = {2}, .strides = {1}, .storage_elements = 2})),
      {{.key = "0", .content = ml::raw<float>({1.5F, 2.5F})}});
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t index) {
      return at + index < bytes.size() ? static_cast<unsigned char>(bytes[at + index]) : 0U;
    };
    const auto bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += digits[bits >> 18];
    text += digits[bits >> 12 & 63];
    text += at + 1 < bytes.size() ? digits[bits >> 6 & 63] : '=';
    text += at + 2 < bytes.size() ? digits[bits & 63] : '=';
  }
  return text;
}

void expect_unreadable(const Result<InferenceInput>& input) {
  ASSERT_FALSE(input.has_value());
  EXPECT_EQ(input.error().reason, domain::Reason::invalid_input);
  EXPECT_THAT(input.error().message, StartsWith("Model input could not be casted or interpreted"));
}

TEST(NestedLists, OfWholeNumbersAreInt64) {
  const auto input = input_from_json(json::parse("[[1,2,3],[4,5,-6]]"));
  ASSERT_TRUE(input.has_value());
  EXPECT_TRUE(input->plain_numbers);
  EXPECT_EQ(input->tensor.dtype, ml::DType::int64);
  EXPECT_THAT(input->tensor.shape, ElementsAre(2, 3));
  EXPECT_THAT(values_of<std::int64_t>(input->tensor), ElementsAre(1, 2, 3, 4, 5, -6));
}

TEST(NestedLists, WithAFractionAreFloat32) {
  const auto input = input_from_json(json::parse("[[1,2.5],[true,-4]]"));
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->tensor.dtype, ml::DType::float32);
  EXPECT_THAT(values_of<float>(input->tensor), ElementsAre(1, 2.5, 1, -4));
}

TEST(NestedLists, WithAFractionAtTheEndLoseNothingBeforeIt) {
  const auto input = input_from_json(json::parse("[9007199254740993,16777217,-1,true,0.5]"));
  ASSERT_TRUE(input.has_value());
  EXPECT_THAT(values_of<float>(input->tensor), ElementsAre(9007199254740992.0F, 16777216.0F, -1, 1, 0.5));
  EXPECT_EQ(input->tensor.bytes.size(), 5 * sizeof(float));
}

TEST(NestedLists, OfBooleansAreOnesAndZeros) {
  const auto input = input_from_json(json::parse("[true,false]"));
  ASSERT_TRUE(input.has_value());
  EXPECT_THAT(values_of<std::int64_t>(input->tensor), ElementsAre(1, 0));
}

TEST(NestedLists, MayBeANumberOrEmpty) {
  const auto scalar = input_from_json(json::parse("7"));
  ASSERT_TRUE(scalar.has_value());
  EXPECT_THAT(scalar->tensor.shape, IsEmpty());
  EXPECT_THAT(values_of<std::int64_t>(scalar->tensor), ElementsAre(7));
  const auto empty = input_from_json(json::parse("[[],[]]"));
  ASSERT_TRUE(empty.has_value());
  EXPECT_THAT(empty->tensor.shape, ElementsAre(2, 0));
}

TEST(NestedLists, WithANumberBeyondInt64AreFloat32) {
  const auto input = input_from_json(json::parse("[18446744073709551615]"));
  ASSERT_TRUE(input.has_value());
  EXPECT_EQ(input->tensor.dtype, ml::DType::float32);
  EXPECT_THAT(values_of<float>(input->tensor), ElementsAre(18446744073709551615.0F));
}

TEST(NestedLists, AreRefusedWhenTheyAreNoTensor) {
  for (const auto* text : {"[[1,2],[3]]", "[[1],2]", "[1,[2]]", "[[1],[[2]]]", "[null]", "null", "{}",
                           R"([{"a":1}])", R"(["1"])", "[[],[1]]"}) {
    SCOPED_TRACE(text);
    expect_unreadable(input_from_json(json::parse(text)));
  }
}

TEST(NestedLists, AreRefusedWhenTheyAreNestedTooDeep) {
  const auto nested = [](std::size_t depth) {
    return json::parse(std::string(depth, '[') + "1" + std::string(depth, ']'));
  };
  EXPECT_TRUE(input_from_json(nested(32)).has_value());
  expect_unreadable(input_from_json(nested(33)));
}

TEST(ATensorFile, IsReadAsItIs) {
  const auto input = input_from_file(tensor_file());
  ASSERT_TRUE(input.has_value());
  EXPECT_FALSE(input->plain_numbers);
  EXPECT_EQ(input->tensor.dtype, ml::DType::float32);
  EXPECT_THAT(values_of<float>(input->tensor), ElementsAre(1.5, 2.5));
}

TEST(ATensorFile, MayComeAsBase64) {
  const auto input = input_from_json(base64(tensor_file()));
  ASSERT_TRUE(input.has_value());
  EXPECT_FALSE(input->plain_numbers);
  EXPECT_THAT(values_of<float>(input->tensor), ElementsAre(1.5, 2.5));
}

TEST(ATensorFile, IsRefusedWhenItIsNone) {
  expect_unreadable(input_from_file(""));
  expect_unreadable(input_from_file("no tensor"));
  expect_unreadable(input_from_file(tensor_file().substr(0, 100)));
  expect_unreadable(input_from_json(""));
  expect_unreadable(input_from_json("!!!!"));
  expect_unreadable(input_from_json(base64("no tensor")));
  expect_unreadable(input_from_json(base64(tensor_file()) + "A"));
}

TEST(ATensorFile, IsRefusedWithTheReadersReasonWhenItIsAnArchive) {
  auto broken = tensor_file();
  broken[broken.size() / 2] ^= 1;
  const auto input = input_from_file(broken);
  expect_unreadable(input);
  EXPECT_GT(input.error().message.size(), input_from_file("no tensor").error().message.size());
}

TEST(AnInput, LeavesNothingBehindButItsTensor) {
  std::variant<json, std::string> lists = json::parse("[[1,2]]");
  EXPECT_THAT(take_input(lists)->tensor.shape, ElementsAre(1, 2));
  EXPECT_EQ(lists, (std::variant<json, std::string>(json())));
  std::variant<json, std::string> file = tensor_file();
  EXPECT_THAT(take_input(file)->tensor.shape, ElementsAre(2));
  EXPECT_EQ(file, (std::variant<json, std::string>(json())));
}

TEST(AnImage, IsPassedOnAsItsBytes) {
  using namespace std::string_literals;
  for (const auto& image : {"\x89PNG\r\n\x1a\n and pixels"s, "\xff\xd8\xff and pixels"s}) {
    for (const auto& input : {input_from_file(image), input_from_json(base64(image))}) {
      ASSERT_TRUE(input.has_value());
      EXPECT_EQ(input->kind, ml::InputKind::image);
      EXPECT_FALSE(input->plain_numbers);
      EXPECT_EQ(input->tensor.dtype, ml::DType::uint8);
      EXPECT_THAT(input->tensor.shape, ElementsAre(static_cast<std::int64_t>(image.size())));
      EXPECT_EQ(std::memcmp(input->tensor.bytes.data(), image.data(), image.size()), 0);
    }
  }
  EXPECT_EQ(input_from_file(tensor_file())->kind, ml::InputKind::tensors);
}

}  // namespace
}  // namespace fedlog::actors
