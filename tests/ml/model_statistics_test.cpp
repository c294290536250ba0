#include "ml/model_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace fedlog::ml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

LayerStatistics layer(std::int64_t depth, std::string name, std::int64_t params, bool leaf = true) {
  LayerStatistics result;
  result.layer_id = 1;
  result.depth = depth;
  result.class_name = std::move(name);
  result.executed = true;
  result.is_leaf_layer = leaf;
  result.num_params = params;
  result.trainable_params = params;
  result.param_bytes = params * 4;
  result.output_bytes = 8;
  result.macs = params * 10;
  return result;
}

TEST(Statistics, AddUpTheLeavesAndWhatTheirOwnersHaveBesides) {
  // 40 parameters in all: 36 in the layer, 4 of the model's own.
  auto frozen = layer(0, "Model", 40, false);
  frozen.trainable_params = 36;
  const auto statistics = statistics_of({frozen, layer(1, "Linear", 36), layer(1, "ReLU", 0)}, {1, 8}, 4);
  EXPECT_EQ(statistics.total_params, 40);
  EXPECT_EQ(statistics.trainable_params, 36);
  EXPECT_EQ(statistics.total_param_bytes, 144);
  EXPECT_EQ(statistics.total_mult_adds, 360);
  EXPECT_EQ(statistics.total_output_bytes, 16);
  EXPECT_EQ(statistics.total_input, 96);
  EXPECT_EQ(statistics.layers[1].depth_index, 1);
  EXPECT_EQ(statistics.layers[2].depth_index, 2);
}

TEST(Statistics, CountAllLayersOfNestedContainersOnce) {
  const auto statistics = statistics_of({layer(0, "Model", 30, false), layer(1, "Block", 20, false),
                                         layer(2, "Linear", 20), layer(1, "Linear", 10)},
                                        {1}, 4);
  EXPECT_EQ(statistics.total_params, 30);
}

TEST(Statistics, CountTheParametersOfALayerThatIsUsedTwiceOnce) {
  auto again = layer(1, "Linear", 10);
  again.is_recursive = true;
  const auto statistics =
      statistics_of({layer(0, "Model", 10, false), layer(1, "Linear", 10), again}, {1}, 4);
  EXPECT_EQ(statistics.total_params, 10);
  EXPECT_EQ(statistics.total_mult_adds, 200) << "but it works twice";
}

TEST(Statistics, CountTiedWeightsInEachLayerThatHasThem) {
  const auto statistics =
      statistics_of({layer(0, "Tied", 156, false), layer(1, "Linear", 144), layer(1, "Linear", 156)}, {1}, 4);
  EXPECT_EQ(statistics.total_params, 300);
}

TEST(Statistics, StayAtTheLargestNumberInsteadOfOverflowing) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  auto huge = layer(0, "Linear", 1);
  huge.num_params = huge.macs = huge.param_bytes = huge.output_bytes = most;
  auto other = huge;
  other.depth = 1;
  const auto statistics = statistics_of({huge, other}, {most, most}, 4);
  EXPECT_EQ(statistics.total_params, most);
  EXPECT_EQ(statistics.total_input, most);
  EXPECT_EQ(statistics.total_output_bytes, most);
}

TEST(Statistics, ComeBackFromTheirBytes) {
  auto convolution = layer(1, "Conv2d", 40);
  convolution.kernel_size = std::vector<std::int64_t>{3, 3};
  convolution.input_size = {1, 1, 8, 8};
  convolution.output_size = {1, 4, 8, 8};
  convolution.var_name = "0";
  convolution.is_recursive = true;
  auto pool = layer(1, "MaxPool2d", 0);
  pool.kernel_size = std::int64_t{2};
  pool.executed = false;
  const auto statistics =
      statistics_of({layer(0, "Sequential", 40, false), convolution, pool}, {1, 1, 8, 8}, 4);
  const auto back = decode_statistics(encode_statistics(statistics, 4));
  ASSERT_TRUE(back.has_value()) << back.error();
  EXPECT_EQ(encode_statistics(*back, 4), encode_statistics(statistics, 4));
  EXPECT_EQ(back->total_params, statistics.total_params);
  EXPECT_EQ(back->total_input, 320);
  EXPECT_THAT(back->input_size, ElementsAre(1, 1, 8, 8));
  EXPECT_EQ(std::get<std::int64_t>(back->layers[2].kernel_size), 2);
  EXPECT_EQ(back->layers[2].depth_index, 2);
}

std::string error_of(std::string text) {
  const auto statistics = decode_statistics(std::as_bytes(std::span(text)));
  return statistics ? "" : statistics.error();
}

std::string sent(const LayerStatistics& first, const std::string& from = {}, const std::string& to = {}) {
  const auto bytes = encode_statistics({.input_size = {1}, .layers = {first}}, 4);
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Statistics, OfAWorkerThatLiesAreRefused) {
  const auto honest = layer(0, "Linear", 1);
  EXPECT_EQ(error_of(sent(honest)), "");
  EXPECT_THAT(error_of("no JSON"), HasSubstr("no JSON"));
  EXPECT_THAT(error_of("[]"), HasSubstr("missing"));
  EXPECT_THAT(error_of("{}"), HasSubstr("missing"));
  EXPECT_THAT(error_of(sent(honest, R"("num_params":1)", R"("num_params":-1)")), HasSubstr("at least 0"));
  EXPECT_THAT(error_of(sent(honest, R"("num_params":1)", R"("num_params":"1")")), HasSubstr("at least 0"));
  EXPECT_THAT(error_of(sent(honest, R"("num_params":1)", R"("num_params":18446744073709551615)")),
              HasSubstr("at least 0"));
  EXPECT_THAT(error_of(sent(honest, R"("executed":true)", R"("executed":1)")), HasSubstr("flag"));
  EXPECT_THAT(error_of(sent(honest, R"("class_name":"Linear")", R"("class_name":7)")), HasSubstr("text"));
  EXPECT_THAT(error_of(sent(honest, R"("macs":10)", R"("mac":10)")), HasSubstr("macs"));
  EXPECT_THAT(error_of(sent(honest, R"("kernel_size":null)", R"("kernel_size":true)")),
              HasSubstr("at least 0"));
  EXPECT_THAT(error_of(sent(layer(1, "Linear", 1))), HasSubstr("deeper"));
  EXPECT_THAT(error_of(sent(layer(1LL << 40, "Linear", 1))), HasSubstr("deeper"));
  const auto many = encode_statistics(
      {.input_size = {}, .layers = std::vector<LayerStatistics>(layer_records_limit + 1, honest)}, 4);
  EXPECT_FALSE(decode_statistics(many).has_value());
  auto long_text = sent(honest);
  long_text.append(encoded_statistics_limit_bytes, ' ');
  EXPECT_THAT(error_of(long_text), HasSubstr("too long"));
}

TEST(Statistics, HoldNamesThatAreSafeToShow) {
  const auto text = sent(layer(0, "Linear", 1), "Linear", R"(Lin\u0000\u001b[31mear)");
  const auto back = decode_statistics(std::as_bytes(std::span(text)));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->layers[0].class_name.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace fedlog::ml
