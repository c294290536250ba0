#include "ml/tensor_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "ml/tensor_box.h"

namespace fedlog::ml {
namespace {

using testing::ElementsAre;

TensorRecord view(std::vector<std::int64_t> shape, std::vector<std::int64_t> strides, std::int64_t offset = 0,
                  DType dtype = DType::uint8) {
  return {.name = {},
          .dtype = dtype,
          .shape = std::move(shape),
          .strides = std::move(strides),
          .offset_elements = offset};
}

std::vector<int> elements_of(const TensorRecord& tensor, const std::vector<std::byte>& storage) {
  std::vector<int> out;
  for (const std::byte each : contiguous_bytes(tensor, storage)) out.push_back(std::to_integer<int>(each));
  return out;
}

std::vector<std::byte> counted(std::size_t count) {
  std::vector<std::byte> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::byte>(i);
  return out;
}

TEST(TensorRecords, AreCopiedRowByRow) {
  const auto storage = counted(24);
  EXPECT_THAT(elements_of(view({2, 3}, {3, 1}, 1), storage), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(elements_of(view({3, 2}, {1, 3}, 1), storage), ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(elements_of(view({2, 2}, {10, 1}), storage), ElementsAre(0, 1, 10, 11));
  EXPECT_THAT(elements_of(view({3}, {7}, 2), storage), ElementsAre(2, 9, 16));
  EXPECT_THAT(elements_of(view({2, 2}, {0, 5}), storage), ElementsAre(0, 5, 0, 5));
  EXPECT_THAT(elements_of(view({2, 2, 1}, {1, 6, 99}), storage), ElementsAre(0, 6, 1, 7));
  EXPECT_THAT(elements_of(view({2, 2}, {1, 4}, 1, DType::int16), storage),
              ElementsAre(2, 3, 10, 11, 4, 5, 12, 13));
  EXPECT_THAT(elements_of(view({0, 2}, {1, 4}), storage), ElementsAre());
}

// A stride of a single element is never walked, so any is valid.
TEST(TensorRecords, AreWalkedWhateverTheStridesOfSingleElements) {
  const auto any = std::numeric_limits<std::int64_t>::max();
  const TensorRecord tensor = view({2, 1, 2}, {1, any, 2});
  ASSERT_EQ(end_element(tensor), 4);
  ElementWalk walk(tensor);
  std::vector<std::int64_t> positions;
  for (int i = 0; i < 4; ++i, walk.advance()) positions.push_back(walk.position());
  EXPECT_THAT(positions, ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(elements_of(view({1, 2, 1}, {any, 5, any}), counted(6)), ElementsAre(0, 5));
}

// Every element once, in boxes within the limit.
void expect_partition(const Dimensions& shape, const std::vector<Dimensions>& strides, std::uint64_t most) {
  const auto boxes = boxes_of(shape, strides, most);
  std::vector<int> seen(element_count(shape).value());
  for (const TensorBox& box : boxes) {
    const auto count = element_count(box.size).value();
    EXPECT_LE(count, most);
    EXPECT_EQ(count % row_length(box, shape), 0U);
    for (std::uint64_t i = 0; i < count; ++i) ++seen.at(position_in(box, contiguous_strides(shape), i));
  }
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

TEST(TensorBoxes, CutATensorIntoPieces) {
  expect_partition({}, {}, 10);
  expect_partition({25}, {}, 10);
  expect_partition({7, 11}, {}, 20);
  expect_partition({70, 110}, {{1, 70}, {110, 1}}, 256);
  expect_partition({6, 5, 3, 3}, {{45, 1, 15, 5}, {45, 9, 3, 1}}, 50);
  expect_partition({4, 5, 6}, {{30, 6, 1}, {1, 4, 20}, {5, 1, 20}, {0, 0, 0}}, 30);
}

TEST(TensorBoxes, AreRunsOfMemoryInEveryOrder) {
  const Dimensions shape{1000, 1000};
  for (const TensorBox& box : boxes_of(shape, std::vector<Dimensions>{{1, 1000}, {1000, 1}}, 10'000)) {
    EXPECT_EQ(box.size, (Dimensions{100, 100}));
  }
  // Channels last: whole slices of the first dimension are one run in both orders.
  const Dimensions filters{512, 64, 3, 3};
  for (const TensorBox& box :
       boxes_of(filters, std::vector<Dimensions>{{576, 1, 192, 64}, {576, 9, 3, 1}}, 576 * 8)) {
    EXPECT_EQ(box.size, (Dimensions{8, 64, 3, 3}));
    EXPECT_EQ(row_length(box, filters), 576U * 8);
  }
}

}  // namespace
}  // namespace fedlog::ml
