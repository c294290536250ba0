#include "ml/aggregation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "ml/model_file.h"
#include "ml/small_floats.h"
#include "tests/ml/fixtures.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml {
namespace {

struct Round {
  std::string name;
  std::vector<std::uint64_t> sample_sizes;
};

std::vector<WeightedUpdate> updates_of(const Round& round, const std::string& form) {
  std::vector<WeightedUpdate> updates;
  for (std::size_t i = 0; i < round.sample_sizes.size(); ++i) {
    updates.push_back(
        {fixtures() / "rounds" / round.name / ("client" + std::to_string(i) + "_" + form + ".pt"),
         round.sample_sizes[i]});
  }
  return updates;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <typename Element>
std::vector<Element> elements(const ModelFile& file, const std::string& name) {
  const TensorRecord* record = file.find(name);
  EXPECT_NE(record, nullptr) << name;
  const Tensor tensor = file.read(*record);
  std::vector<Element> out(tensor.bytes.size() / sizeof(Element));
  std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

class FixtureRounds : public testing::Test {
 protected:
  void SetUp() override { FEDLOG_NEEDS_FIXTURES(); }

  std::filesystem::path mean(const Round& round, const std::string& base_form,
                             std::vector<WeightedUpdate> updates, unsigned threads = 1) {
    const auto base = fixtures() / "rounds" / round.name / ("base_" + base_form + ".pt");
    const auto output = folder_.path() / ("result" + std::to_string(++results_) + ".pt");
    const auto written = weighted_mean(base, updates, output, {.threads = threads});
    EXPECT_TRUE(written.has_value()) << written.error().message;
    return output;
  }

  TemporaryFolder folder_;
  int results_ = 0;
};

const Round mlp{"mlp", {10, 3, 250, 1, 97}};
const Round cnn{"cnn", {10, 3, 250, 1, 97}};
const Round mixed{"mixed", {10, 3, 250}};
const Round tied{"tied", {10, 3, 250}};

TEST_F(FixtureRounds, FloatsAreTheExactMeanRoundedOnce) {
  for (const Round& round : {mlp, cnn, tied}) {
    const auto exact = ModelFile::open(fixtures() / "rounds" / round.name / "exact_f32.safetensors").value();
    for (const std::string form : {"script", "eager"}) {
      const auto result = ModelFile::open(mean(round, form, updates_of(round, form)));
      ASSERT_TRUE(result.has_value()) << result.error().message;
      for (const TensorRecord& tensor : exact.tensors()) {
        EXPECT_EQ(result->read(*result->find(tensor.name)).bytes, exact.read(tensor).bytes)
            << round.name << " " << form << " " << tensor.name;
      }
    }
  }
}

TEST_F(FixtureRounds, IntegersAreTheExactMeanRoundedHalfToEven) {
  const auto exact = ModelFile::open(fixtures() / "rounds/cnn/exact_f64.safetensors").value();
  const auto result = ModelFile::open(mean(cnn, "eager", updates_of(cnn, "eager"))).value();
  for (const std::string name : {"1.num_batches_tracked", "5.num_batches_tracked"}) {
    const double rounded = std::nearbyint(elements<double>(exact, name)[0]);
    EXPECT_EQ(elements<std::int64_t>(result, name)[0], static_cast<std::int64_t>(rounded)) << name;
  }
}

TEST_F(FixtureRounds, EveryTypeIsRoundedOnceFromTheExactMean) {
  const auto exact = ModelFile::open(fixtures() / "rounds/mixed/exact_f64.safetensors").value();
  for (const std::string form : {"script", "eager"}) {
    const auto result = ModelFile::open(mean(mixed, form, updates_of(mixed, form))).value();
    EXPECT_EQ(elements<double>(result, "f64"), elements<double>(exact, "f64"));
    for (std::size_t i = 0; i < 4; ++i) {
      const auto at = [&](const char* name) { return elements<double>(exact, name)[i]; };
      EXPECT_EQ(elements<std::uint16_t>(result, "f16")[i], to_float16(at("f16")));
      EXPECT_EQ(elements<std::uint16_t>(result, "bf16")[i], to_bfloat16(at("bf16")));
      EXPECT_EQ(elements<float>(result, "f32")[i], static_cast<float>(at("f32")));
      EXPECT_EQ(static_cast<double>(elements<std::int64_t>(result, "i64")[i]), std::nearbyint(at("i64")));
      EXPECT_EQ(elements<std::int32_t>(result, "i32")[i], std::nearbyint(at("i32")));
      EXPECT_EQ(elements<std::uint8_t>(result, "u8")[i], std::nearbyint(at("u8")));
    }
  }
}

TEST_F(FixtureRounds, TheBitsDependNeitherOnThreadsNorOnTheUpdatesFormat) {
  for (const Round& round : {mlp, cnn, tied}) {
    const std::string one = content_of(mean(round, "script", updates_of(round, "script")));
    EXPECT_EQ(one, content_of(mean(round, "script", updates_of(round, "script"), 4)));
    EXPECT_EQ(one, content_of(mean(round, "script", updates_of(round, "eager"))));
  }
}

TEST_F(FixtureRounds, AnyOrderGivesTheSameBitsWhereSumsAreExact) {
  auto updates = updates_of(mlp, "eager");
  const std::string first = content_of(mean(mlp, "eager", updates));
  std::ranges::reverse(updates);
  EXPECT_EQ(first, content_of(mean(mlp, "eager", updates)));
}

TEST_F(FixtureRounds, TheResultDiffersFromItsBaseInStoragesAndChecksumsOnly) {
  const auto base_path = fixtures() / "rounds/cnn/base_script.pt";
  const auto base = ModelFile::open(base_path).value();
  std::string expected = content_of(base_path);
  std::string result = content_of(mean(cnn, "script", updates_of(cnn, "script")));
  ASSERT_EQ(expected.size(), result.size());
  EXPECT_NE(expected, result);
  const auto blank = [&](std::uint64_t offset, std::uint64_t size) {
    expected.replace(offset, size, size, '0');
    result.replace(offset, size, size, '0');
  };
  for (const StorageRecord& storage : base.storages()) {
    blank(storage.file_offset, storage.size_bytes);
    for (const std::uint64_t offset : storage.crc_offsets) {
      blank(offset, 4);
    }
  }
  EXPECT_EQ(expected, result);
}

TEST_F(FixtureRounds, BooleansKeepTheValuesOfTheBase) {
  const Round round{"bool", {10, 3}};
  const auto base = ModelFile::open(fixtures() / "rounds/bool/base_eager.pt").value();
  const auto result = ModelFile::open(mean(round, "eager", updates_of(round, "eager"))).value();
  EXPECT_EQ(elements<std::uint8_t>(result, "flag"), elements<std::uint8_t>(base, "flag"));
}

TEST_F(FixtureRounds, MomentsAreAveragedWithTheFirstAsTheBase) {
  const auto expected = ModelFile::open(fixtures() / "rounds/swag/expected.safetensors").value();
  std::vector<WeightedUpdate> updates;
  for (const auto& [client, size] : std::map<int, std::uint64_t>{{0, 10}, {1, 250}, {2, 97}}) {
    updates.push_back(
        {fixtures() / "rounds/swag" / ("client" + std::to_string(client) + "_first_moment.pt"), size});
  }
  const auto output = folder_.path() / "moment.pt";
  ASSERT_TRUE(weighted_mean(updates.front().file, updates, output).has_value());
  const Tensor mean = read_tensor(output).value();
  const Tensor exact = expected.read(*expected.find("first.exact_f32"));
  EXPECT_EQ(mean.bytes, exact.bytes);
}

}  // namespace
}  // namespace fedlog::ml
