#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "ml/aggregation.h"
#include "ml/model_file.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WeightedMean : public testing::Test {
 protected:
  std::filesystem::path put(const std::string& content) {
    auto path = folder_.path() / (std::to_string(++files_) + ".pt");
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  std::vector<float> result(const std::string& name) const {
    const auto file = ModelFile::open(output_);
    EXPECT_TRUE(file.has_value()) << file.error().message;
    const Tensor tensor = file->read(*file->find(name));
    std::vector<float> out(tensor.bytes.size() / sizeof(float));
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return out;
  }

  std::string fault(const std::filesystem::path& base, const std::vector<WeightedUpdate>& updates) const {
    const auto written = weighted_mean(base, updates, output_);
    return written ? "" : written.error().message;
  }

  TemporaryFolder folder_;
  std::filesystem::path output_ = folder_.path() / "result.pt";
  int files_ = 0;
};

TEST_F(WeightedMean, WeighsByNameWhateverTheOrderOfLayers) {
  const auto base = put(state_dict_file({{"a", {0, 0}}, {"b", {0}}}));
  const auto first = put(state_dict_file({{"a", {1, 2}}, {"b", {10}}}));
  const auto second = put(state_dict_file({{"b", {20}}, {"a", {5, -2}}}));
  ASSERT_EQ(fault(base, {{first, 1}, {second, 3}}), "");
  EXPECT_THAT(result("a"), ElementsAre(4, -1));
  EXPECT_THAT(result("b"), ElementsAre(17.5));
}

TEST_F(WeightedMean, ReadsUpdatesByTheirStrides) {
  const auto matrix = [](std::vector<std::int64_t> strides, const std::vector<float>& values) {
    return torch_file(
        complete_pickle("}" + pickled_items({{"w", pickled_tensor({.shape = {2, 2},
                                                                   .strides = std::move(strides),
                                                                   .storage_elements = 4})}})),
        {{.key = "0", .content = raw(values)}});
  };
  const auto rows = put(matrix({2, 1}, {1, 2, 3, 4}));
  const auto columns = put(matrix({1, 2}, {1, 3, 2, 4}));
  ASSERT_EQ(fault(rows, {{rows, 1}, {columns, 1}}), "");
  EXPECT_THAT(result("w"), ElementsAre(1, 2, 3, 4));
  ASSERT_EQ(fault(columns, {{rows, 1}, {columns, 1}}), "");
  EXPECT_THAT(result("w"), ElementsAre(1, 2, 3, 4));
}

TEST_F(WeightedMean, CrossesTheBordersOfBlocks) {
  std::vector<float> ones(100'001, 1.0F);
  std::vector<float> twos(100'001, 2.0F);
  ones.back() = 7;
  const auto first = put(state_dict_file({{"w", ones}}));
  const auto second = put(state_dict_file({{"w", twos}}));
  ASSERT_EQ(fault(first, {{first, 1}, {second, 1}}), "");
  std::vector<float> expected(100'001, 1.5F);
  expected.back() = 4.5F;
  EXPECT_EQ(result("w"), expected);
}

TEST_F(WeightedMean, AddsAnyNumberOfUpdatesInTheirOrderWhateverTheThreads) {
  // Of more steps than threads, and with a checksum of more than one piece.
  constexpr std::size_t count = 300'003;
  std::vector<WeightedUpdate> updates;
  std::vector<double> sums(count);
  double total = 0;
  for (std::uint64_t number = 1; number <= 11; ++number) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(std::sin(static_cast<double>(i) * static_cast<double>(number)));
      sums[i] += static_cast<double>(values[i]) * static_cast<double>(number * number);
    }
    updates.push_back({put(state_dict_file({{"first", {1}}, {"w", values}})), number * number});
    total += static_cast<double>(number * number);
  }
  std::vector<float> expected(count);
  for (std::size_t i = 0; i < count; ++i) {
    expected[i] = static_cast<float>(sums[i] / total);
  }
  for (const unsigned threads : {1U, 3U}) {
    const auto written = weighted_mean(updates.front().file, updates, output_, {.threads = threads});
    ASSERT_TRUE(written.has_value()) << written.error().message;
    EXPECT_EQ(result("w"), expected);
    EXPECT_THAT(result("first"), ElementsAre(1));
  }
}

TEST_F(WeightedMean, MixesUpdatesOfOtherStridesIntoTheOrder) {
  const auto matrix = [](std::vector<std::int64_t> strides, const std::vector<float>& values) {
    return torch_file(
        complete_pickle("}" + pickled_items({{"w", pickled_tensor({.shape = {2, 2},
                                                                   .strides = std::move(strides),
                                                                   .storage_elements = 4})}})),
        {{.key = "0", .content = raw(values)}});
  };
  std::vector<WeightedUpdate> updates;
  for (int number = 0; number < 9; ++number) {
    const bool turned = number % 3 == 1 || number == 5;
    updates.push_back({put(turned ? matrix({1, 2}, {1, 3, 2, 4}) : matrix({2, 1}, {1, 2, 3, 4})), 1});
  }
  ASSERT_EQ(fault(updates.front().file, updates), "");
  EXPECT_THAT(result("w"), ElementsAre(1, 2, 3, 4));
}

TEST_F(WeightedMean, IgnoresUpdatesOfSampleSizeZero) {
  const auto base = put(state_dict_file({{"a", {0}}}));
  const auto good = put(state_dict_file({{"a", {3}}}));
  const auto bad = put(state_dict_file({{"a", {std::numeric_limits<float>::quiet_NaN()}}}));
  ASSERT_EQ(fault(base, {{bad, 0}, {good, 5}}), "");
  EXPECT_THAT(result("a"), ElementsAre(3));
  EXPECT_THAT(fault(base, {{good, 0}}), HasSubstr("no update"));
  EXPECT_THAT(fault(base, {}), HasSubstr("no update"));
}

TEST_F(WeightedMean, RefusesSampleSizesThatAreNotExactInDouble) {
  const auto file = put(state_dict_file({{"a", {1}}}));
  EXPECT_EQ(fault(file, {{file, std::uint64_t{1} << 53}}), "");
  EXPECT_THAT(fault(file, {{file, std::uint64_t{1} << 53}, {file, 1}}), HasSubstr("2^53"));
  EXPECT_THAT(fault(file, {{file, ~std::uint64_t{0}}, {file, 1}}), HasSubstr("2^53"));
}

TEST_F(WeightedMean, LeavesNoFileAfterAnError) {
  const auto base = put(state_dict_file({{"a", {1}}}));
  const auto other = put(state_dict_file({{"b", {1}}}));
  EXPECT_THAT(fault(base, {{base, 1}, {other, 1}}), HasSubstr("Update 2 of 2: "));
  EXPECT_FALSE(std::filesystem::exists(output_));
}

TEST_F(WeightedMean, RefusesADamagedUpdate) {
  std::string content = state_dict_file({{"a", {1, 2, 3}}});
  const auto base = put(content);
  content[content.find(raw<float>({2}))] ^= 1;
  const auto damaged = put(content);
  EXPECT_THAT(fault(base, {{damaged, 1}}), HasSubstr("checksum"));
  // Who has verified the checksums before does not pay for it again.
  const std::vector<WeightedUpdate> updates{{damaged, 1}};
  EXPECT_TRUE(weighted_mean(base, updates, output_, {.limits = {.checksums_verified = true}}).has_value());
}

TEST_F(WeightedMean, AveragesTiedWeightsOnce) {
  const auto tied = [&](const std::vector<float>& values) {
    const std::string tensor = pickled_tensor({.shape = {2}, .strides = {1}, .storage_elements = 2});
    return put(torch_file(complete_pickle("}" + pickled_items({{"a", tensor}, {"b", tensor}})),
                          {{.key = "0", .content = raw(values)}}));
  };
  const auto first = tied({1, 2});
  ASSERT_EQ(fault(first, {{first, 1}, {tied({5, 4}), 1}}), "");
  EXPECT_THAT(result("a"), ElementsAre(3, 3));
  EXPECT_THAT(result("b"), ElementsAre(3, 3));
}

}  // namespace
}  // namespace fedlog::ml
