#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "ml/aggregation.h"
#include "ml/exact_sum.h"
#include "ml/model_file.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml {
namespace {

using Sizes = std::vector<std::int64_t>;

std::size_t count_of(const Sizes& shape) {
  return static_cast<std::size_t>(element_count(shape).value());
}

// Updates that hold their elements in another order than the base, and float64.
class StridedMean : public testing::Test {
 protected:
  // A file of one tensor "w" whose element at row-major index i is value(i).
  template <typename Element, typename Value>
  std::filesystem::path put(const Sizes& shape, const Sizes& strides, const std::string& storage_type,
                            const Value& value) {
    std::vector<Element> elements(count_of(shape));
    const TensorRecord record{.name = "w", .shape = shape, .strides = strides};
    ElementWalk walk(record);
    for (std::size_t i = 0; i < elements.size(); ++i, walk.advance()) {
      elements[static_cast<std::size_t>(walk.position())] = value(i);
    }
    auto path = folder_.path() / (std::to_string(++files_) + ".pt");
    const auto tensor = pickled_tensor({.shape = shape,
                                        .strides = strides,
                                        .storage_type = storage_type,
                                        .storage_elements = static_cast<std::int64_t>(elements.size())});
    std::ofstream(path, std::ios::binary) << torch_file(complete_pickle("}" + pickled_items({{"w", tensor}})),
                                                        {{.key = "0", .content = raw(elements)}});
    return path;
  }

  template <typename Element>
  std::vector<Element> mean(const std::filesystem::path& base, const std::vector<WeightedUpdate>& updates,
                            unsigned threads = 2) {
    const auto output = folder_.path() / "result.pt";
    const auto written = weighted_mean(base, updates, output, {.threads = threads});
    EXPECT_TRUE(written.has_value()) << written.error().message;
    const auto file = ModelFile::open(output).value();
    const Tensor tensor = file.read(*file.find("w"));
    std::vector<Element> out(tensor.bytes.size() / sizeof(Element));
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return out;
  }

  TemporaryFolder folder_;
  int files_ = 0;
};

TEST_F(StridedMean, IsThatOfContiguousUpdatesWhateverTheOrders) {
  // More than the elements that are done at once.
  const Sizes shape{23, 40, 33, 20};
  const std::vector<Sizes> orders{
      contiguous_strides(shape), {26400, 1, 800, 40}, {1, 23, 920, 30360}, {660, 15180, 1, 33}};
  for (const Sizes& base_order : {orders[0], orders[2]}) {
    const auto base = put<float>(shape, base_order, "FloatStorage", [](std::size_t) { return 0.0F; });
    std::vector<WeightedUpdate> updates;
    std::vector<double> sums(count_of(shape));
    double total = 0;
    for (std::uint64_t number = 1; number <= 6; ++number) {
      const auto value = [&](std::size_t i) {
        return static_cast<float>((i * number * 7919) % 100'003) / 64;
      };
      updates.push_back({put<float>(shape, orders[number % orders.size()], "FloatStorage", value), number});
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += value(i) * static_cast<double>(number);
      total += static_cast<double>(number);
    }
    std::vector<float> expected;
    for (const double sum : sums) expected.push_back(static_cast<float>(sum / total));
    EXPECT_EQ(mean<float>(base, updates), expected);
  }
}

TEST_F(StridedMean, TakesExpandedUpdates) {
  const auto base = put<float>({3, 40}, {40, 1}, "FloatStorage", [](std::size_t) { return 0.0F; });
  const auto row = pickled_tensor({.shape = {3, 40}, .strides = {0, 1}, .storage_elements = 40});
  const auto path = folder_.path() / "expanded.pt";
  std::ofstream(path, std::ios::binary)
      << torch_file(complete_pickle("}" + pickled_items({{"w", row}})),
                    {{.key = "0", .content = raw(std::vector<float>(40, 2))}});
  EXPECT_EQ(mean<float>(base, {{path, 1}, {base, 3}}), std::vector<float>(120, 0.5F));
}

TEST_F(StridedMean, OfFloat64IsExactBeforeItIsRounded) {
  const Sizes shape{300, 200};
  const Sizes turned{1, 300};
  std::vector<WeightedUpdate> updates;
  std::vector<ExactSum> sums(count_of(shape));
  std::uint64_t total = 0;
  for (const std::uint64_t weight : {10, 3, 250, 1, 97, 61, 999, 12'345, 7, 88}) {
    const auto value = [&](std::size_t i) {
      // Beside ordinary ones some that overflow, cancel, or are no numbers.
      if (i % 1000 == 1) return 1.7e308;
      if (i % 1000 == 2) return weight == 10 ? 1e308 : -1e290;
      if (i % 1000 == 3 && weight == 7) return std::numeric_limits<double>::infinity();
      return static_cast<double>((i + 1) * weight * 2'654'435'761 % 1'000'003) / 1'000'003;
    };
    updates.push_back(
        {put<double>(shape, weight % 2 == 0 ? turned : contiguous_strides(shape), "DoubleStorage", value),
         weight});
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i].add(value(i), weight);
    total += weight;
  }
  std::vector<double> expected;
  for (const ExactSum& sum : sums) expected.push_back(sum.mean(total));
  EXPECT_EQ(expected[1], 1.7e308);
  for (const auto& base : {updates[0].file, updates[1].file})
    EXPECT_EQ(mean<double>(base, updates), expected);
}

// Peak memory of this process since the last reset, mapped pages among it.
std::uint64_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

void reset_peak() {
  std::ofstream("/proc/self/clear_refs") << "5";
}

TEST_F(StridedMean, LeavesNoPagesOfUpdatesBehind) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own pages count too";
#endif
  constexpr std::int64_t side = 1536;
  constexpr std::uint64_t file_bytes = side * side * sizeof(float);
  constexpr std::size_t clients = 24;
  const auto value = [](std::size_t i) { return static_cast<float>(i % 1000); };
  const auto base = put<float>({side, side}, {side, 1}, "FloatStorage", value);
  const auto turned = put<float>({side, side}, {1, side}, "FloatStorage", value);
  for (const auto& update : {base, turned}) {
    // Each is mapped for itself.
    const std::vector<WeightedUpdate> updates(clients, {.file = update, .sample_size = 1});
    reset_peak();
    const auto before = peak_bytes();
    ASSERT_TRUE(weighted_mean(base, updates, folder_.path() / "result.pt", {.threads = 2}).has_value());
    EXPECT_LT(peak_bytes() - before, clients * file_bytes / 3);
  }
}

}  // namespace
}  // namespace fedlog::ml
