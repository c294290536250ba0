#include "actors/uploads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>

#include "storage/data_folder.h"
#include "tests/actors/vector_file.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class UploadedFiles : public ::testing::Test {
 protected:
  std::unique_ptr<Upload> received(const std::string& content) {
    auto upload = uploads.begin();
    EXPECT_TRUE(upload.has_value());
    EXPECT_TRUE((*upload)->write(std::as_bytes(std::span{content})).has_value());
    return std::move(*upload);
  }

  [[nodiscard]] std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      count += entry.is_regular_file() ? 1U : 0U;
    }
    return count;
  }

  static std::string weights(std::vector<float> values) {
    return ml::state_dict_file({{.name = "weight", .values = std::move(values)}});
  }
  static std::string tensor() {
    return ml::torch_file(
        ml::complete_pickle(ml::pickled_tensor({.shape = {1}, .strides = {1}, .storage_elements = 1})),
        {{.key = "0", .content = ml::raw<float>({1})}});
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  Uploads uploads{storage->blobs(), true};
};

TEST_F(UploadedFiles, AreKeptAsBlobsWhenTheyAreModels) {
  const auto content = weights({1, 2});
  auto upload = received(content);
  EXPECT_EQ(upload->size_bytes(), content.size());
  const auto blob = uploads.keep_model(*upload);
  ASSERT_TRUE(blob.has_value()) << blob.error().message;
  EXPECT_EQ(storage->blobs().read(*blob).value(), content);
}

TEST_F(UploadedFiles, LeaveNothingBehindWhenTheyAreDropped) {
  received(weights({1, 2}));
  EXPECT_EQ(files(), 0U);
}

TEST_F(UploadedFiles, AreRefusedWhenTheyAreNoModels) {
  for (const auto& content : {std::string{}, std::string{"no model"}, weights({1}).substr(0, 50), tensor(),
                              ml::torch_file(ml::complete_pickle("}"), {})}) {
    {
      auto upload = received(content);
      const auto blob = uploads.keep_model(*upload);
      ASSERT_FALSE(blob.has_value());
      EXPECT_EQ(blob.error().reason, domain::Reason::invalid_file);
      EXPECT_THAT(blob.error().message, StartsWith("Invalid model file: "));
    }
    EXPECT_EQ(files(), 0U);
  }
}

TEST_F(UploadedFiles, AreRefusedAsPreprocessingUnlessTheyAreModules) {
  auto upload = received(weights({1}));
  const auto blob = uploads.keep_preprocessing(*upload);
  ASSERT_FALSE(blob.has_value());
  EXPECT_EQ(blob.error().reason, domain::Reason::invalid_file);
  EXPECT_THAT(blob.error().message, StartsWith("Invalid preprocessing file: it is not a module"));
}

TEST_F(UploadedFiles, AreRefusedAsPreprocessingWhenTheWorkerHasNoRuleForOneOfTheirClasses) {
  const auto keep = [&](const std::string& step) {
    const auto transforms = [](const std::string& name, const std::string& state) {
      return ml::pickled_global("torchvision.transforms.transforms", name) + ")\x81}" + state + "b";
    };
    const auto steps = "](" + transforms("ToTensor", "") + transforms(step, "") + "e";
    const auto pipeline = transforms("Compose", ml::pickled_items({{"transforms", steps}}));
    auto upload = received(ml::torch_file(ml::complete_pickle(pipeline), {}));
    return uploads.keep_preprocessing(*upload);
  };
  const auto kept = keep("Normalize");
  EXPECT_TRUE(kept.has_value()) << kept.error().message;
  const auto refused = keep("RandomCrop");
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message,
              StartsWith("Invalid preprocessing file: it holds an object of class "
                         "torchvision.transforms.transforms.RandomCrop, which is not executed"));
}

class UploadedUpdates : public UploadedFiles {
 protected:
  Result<domain::BlobId> keep(const std::string& content) {
    auto upload = received(content);
    return uploads.keep_update(*upload, base);
  }
  domain::BlobId base = uploads.keep_model(*received(weights({1, 2}))).value();
};

TEST_F(UploadedFiles, AreRefusedAsPreprocessingBeyondWhatJsonCanShow) {
  auto upload = received(std::string(32 * 1024 * 1024 + 1, 'x'));
  const auto blob = uploads.keep_preprocessing(*upload);
  ASSERT_FALSE(blob.has_value());
  EXPECT_EQ(blob.error().reason, domain::Reason::invalid_file);
  EXPECT_THAT(blob.error().message, HasSubstr("at most 33554432"));
}

TEST_F(UploadedUpdates, AreKeptWhenTheyFitTheirBase) {
  const auto blob = keep(weights({3, 4}));
  ASSERT_TRUE(blob.has_value()) << blob.error().message;
  EXPECT_EQ(storage->blobs().read(*blob).value(), weights({3, 4}));
}

TEST_F(UploadedUpdates, AreRefusedWhenTheyDoNotFitTheirBase) {
  const auto blob = keep(weights({3, 4, 5}));
  ASSERT_FALSE(blob.has_value());
  EXPECT_EQ(blob.error().reason, domain::Reason::invalid_file);
  EXPECT_THAT(blob.error().message, StartsWith("Invalid model file: "));
  EXPECT_THAT(blob.error().message, HasSubstr("weight"));
  EXPECT_EQ(files(), 1U) << "the base";
}

TEST_F(UploadedUpdates, AreRefusedWhenTheyAreNoModels) {
  EXPECT_THAT(keep("no model").error().message, StartsWith("Invalid model file: "));
  EXPECT_THAT(keep(tensor()).error().message, StartsWith("Invalid model file: "));
}

TEST_F(UploadedUpdates, MustBeFiniteUnlessTheServerAllowsOthers) {
  const auto broken = weights({3, std::numeric_limits<float>::quiet_NaN()});
  EXPECT_THAT(keep(broken).error().message, HasSubstr("NaN"));
  Uploads lenient{storage->blobs(), false};
  EXPECT_TRUE(lenient.keep_update(*received(broken), base).has_value());
}

TEST_F(UploadedUpdates, CannotBeJudgedWithoutTheirBase) {
  const auto blob = uploads.keep_update(*received(weights({3, 4})), domain::BlobId{});
  EXPECT_EQ(blob.error().reason, domain::Reason::internal);
  EXPECT_THAT(blob.error().message, HasSubstr("fedlog verify"));
}

class UploadedMoments : public UploadedUpdates {
 protected:
  Result<Uploads::Moments> keep(const std::string& first, const std::string& second) {
    const auto first_upload = received(first);
    const auto second_upload = received(second);
    return uploads.keep_moments(*first_upload, *second_upload, base);
  }
};

TEST_F(UploadedMoments, AreKeptWhenTheyFitTheModel) {
  const auto first = testing::vector_file<float>({1, 2});
  const auto second = testing::vector_file<float>({1, 4});
  const auto kept = keep(first, second);
  ASSERT_TRUE(kept.has_value()) << kept.error().message;
  EXPECT_EQ(storage->blobs().read(kept->first).value(), first);
  EXPECT_EQ(storage->blobs().read(kept->second).value(), second);
  EXPECT_EQ(kept->form, "float32 [2]");
}

TEST_F(UploadedMoments, AreRefusedWithTheFaultOfTheFileThatHasOne) {
  const auto good = testing::vector_file<float>({1, 2});
  EXPECT_THAT(keep("text", good).error().message, StartsWith("Invalid first moment file: "));
  EXPECT_THAT(keep(good, weights({1, 2})).error().message, StartsWith("Invalid second moment file: "));
  EXPECT_THAT(keep(good, testing::vector_file<float>({1})).error().message,
              HasSubstr("it is float32 [1], the first moment is float32 [2]"));
  EXPECT_THAT(keep(good, testing::vector_file<double>({1, 2})).error().message, HasSubstr("float64 [2]"));
  EXPECT_THAT(keep(std::string(32 * 1024 * 1024 + 1, 'x'), good).error().message,
              HasSubstr("at most 33554432"));
  EXPECT_EQ(keep("text", good).error().reason, domain::Reason::invalid_file);
  EXPECT_EQ(files(), 1U) << "the base";
}

TEST_F(UploadedFiles, HaveMetricsOfNumbersAndOfBytes) {
  const auto kept = uploads.keep_metrics({{"accuracy", 0.5}, {"confusion", std::string("\x00\x01", 2)}});
  ASSERT_TRUE(kept.has_value());
  const auto& metrics = kept->metrics;
  ASSERT_EQ(metrics.size(), 2U);
  EXPECT_EQ(metrics[0], (domain::Metric{.name = "accuracy", .number = 0.5, .blob = {}}));
  EXPECT_EQ(metrics[1].name, "confusion");
  EXPECT_FALSE(metrics[1].number);
  EXPECT_EQ(storage->blobs().read(metrics[1].blob.value()).value(), std::string("\x00\x01", 2));
}

TEST(BlobErrors, AreToldToCallers) {
  EXPECT_EQ(rejection_of(storage::BlobError::disk_full).reason, domain::Reason::storage_full);
  EXPECT_EQ(rejection_of(storage::BlobError::missing).reason, domain::Reason::internal);
  EXPECT_EQ(rejection_of(storage::BlobError::failed).reason, domain::Reason::busy);
}

}  // namespace
}  // namespace fedlog::actors
