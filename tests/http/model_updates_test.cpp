#include "tests/http/models_fixture.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::Return;

class Updates : public Models {
 protected:
  Updates() { ON_CALL(gateway, may_submit_update(_, _, _)).WillByDefault(Return(actors::Result<void>{})); }

  static std::vector<Part> update_without(const std::string& dropped) {
    std::vector<Part> all{{"owner", "x"},           {"round", "0"},
                          {"sample_size", "12"},    {"metric_names", "loss"},
                          {"metric_values", "0.5"}, {"model_file", "bytes", "m.pt"}};
    std::erase_if(all, [&](const Part& part) { return part.name == dropped; });
    return all;
  }
};

TEST_F(Updates, AreAccepted) {
  EXPECT_CALL(gateway, submit_update(_, id_number<domain::ModelId>(10), _))
      .WillOnce([](const auto&, auto, actors::UpdateUpload update) {
        EXPECT_EQ(update.round, 0);
        EXPECT_EQ(update.sample_size, 12);
        EXPECT_EQ(bytes_of(update.file), "bytes");
        EXPECT_EQ(update.metrics.size(), 1U);
        return actors::Result<void>{};
      });
  EXPECT_ANSWER(send_parts(1, "POST", model_path, update_without("")), 201,
                R"({"detail":"Model Update Accepted"})");
}

TEST_F(Updates, AreRefusedWithoutWhatTheyNeed) {
  EXPECT_CALL(gateway, submit_update(_, _, _)).Times(0);
  const std::pair<const char*, std::string> cases[] = {
      {"round", R"({"detail":"'round'"})"},
      {"sample_size", R"({"detail":"'sample_size'"})"},
      {"model_file", R"({"detail":"No uploaded file 'model_file' found."})"},
      {"metric_values", R"({"detail":"Metric names or values are missing"})"},
  };
  for (const auto& [dropped, expected] : cases) {
    EXPECT_ANSWER(send_parts(1, "POST", model_path, update_without(dropped)), 400, expected);
  }
  auto parts_with_text = update_without("round");
  parts_with_text.push_back({"round", "x"});
  EXPECT_ANSWER(send_parts(1, "POST", model_path, parts_with_text), 400,
                R"({"round":["A valid integer is required."]})");
}

// So many of 2000 participants still add up to what a mean weighs exactly.
TEST_F(Updates, OfTooManySamplesAreRefused) {
  EXPECT_CALL(gateway, submit_update(_, _, _)).WillOnce(Return(actors::Result<void>{}));
  for (const auto& [size, status] : {std::pair{"4503599627370", 201}, std::pair{"4503599627371", 400},
                                     std::pair{"4611686018427387904", 400}}) {
    auto sent = update_without("sample_size");
    sent.push_back({"sample_size", size});
    EXPECT_ANSWER(send_parts(1, "POST", model_path, sent), status,
                  status == 201
                      ? R"({"detail":"Model Update Accepted"})"
                      : R"({"sample_size":["Ensure this value is less than or equal to 4503599627370."]})");
  }
}

TEST_F(Updates, OfWhoMayNotSendAnyAreRefusedBeforeTheirFileIsTaken) {
  EXPECT_CALL(gateway, begin_upload()).Times(0);
  EXPECT_CALL(gateway, may_submit_update(_, _, _))
      .WillOnce(Return(rejected(domain::Reason::wrong_state, "Training with ID t is in state I")))
      .WillOnce(Return(rejected(domain::Reason::no_training_for_model, "None.")));
  EXPECT_ANSWER(send_parts(1, "POST", model_path, update_without("")), 400,
                R"(["Training with ID t is in state I"])");
  EXPECT_ANSWER(send_parts(1, "POST", model_path, update_without("")), 404, R"({"detail":"None."})");
}

TEST_F(Updates, ForAnotherRoundAreToldTheirOwnRound) {
  EXPECT_CALL(gateway, submit_update(_, _, _)).Times(0);
  EXPECT_CALL(gateway, may_submit_update(_, _, _))
      .Times(2)
      .WillRepeatedly([](const auto&, auto, std::optional<std::int64_t> round) -> actors::Result<void> {
        return rejected(domain::Reason::wrong_round, "not in round " + std::to_string(round.value_or(-1)));
      });
  auto sent = update_without("round");
  sent.push_back({"round", "3"});
  EXPECT_ANSWER(send_parts(1, "POST", model_path, sent), 400, R"(["not in round 3"])");
}

class MomentsOfWeights : public Models {
 protected:
  MomentsOfWeights() {
    ON_CALL(gateway, may_submit_moments(_, _, _)).WillByDefault(Return(actors::Result<void>{}));
  }

  static std::vector<Part> moments_without(const std::string& dropped) {
    std::vector<Part> all{{"round", "1"},
                          {"sample_size", "12"},
                          {"first_moment_file", "first", "1.pt"},
                          {"second_moment_file", "second", "2.pt"}};
    std::erase_if(all, [&](const Part& part) { return part.name == dropped; });
    return all;
  }

  const std::string path = model_path + std::string{"swag/"};
};

TEST_F(MomentsOfWeights, AreAccepted) {
  EXPECT_CALL(gateway, submit_moments(_, id_number<domain::ModelId>(10), _))
      .WillOnce([](const auto&, auto, actors::MomentsUpload moments) {
        EXPECT_EQ(moments.round, 1);
        EXPECT_EQ(moments.sample_size, 12);
        EXPECT_EQ(bytes_of(moments.first), "first");
        EXPECT_EQ(bytes_of(moments.second), "second");
        return actors::Result<void>{};
      });
  EXPECT_ANSWER(send_parts(1, "POST", path, moments_without("")), 201,
                R"({"detail":"SWAG Statistic Accepted"})");
}

TEST_F(MomentsOfWeights, AreRefusedWithoutWhatTheyNeed) {
  EXPECT_CALL(gateway, submit_moments(_, _, _)).Times(0);
  const std::pair<const char*, std::string> cases[] = {
      {"round", R"({"detail":"'round'"})"},
      {"sample_size", R"({"detail":"'sample_size'"})"},
      {"first_moment_file", R"({"detail":"No uploaded file 'first_moment_file' found."})"},
      {"second_moment_file", R"({"detail":"No uploaded file 'second_moment_file' found."})"},
  };
  for (const auto& [dropped, expected] : cases) {
    EXPECT_ANSWER(send_parts(1, "POST", path, moments_without(dropped)), 400, expected);
  }
}

TEST_F(MomentsOfWeights, OfTooManySamplesAreRefused) {
  EXPECT_CALL(gateway, submit_moments(_, _, _)).Times(0);
  auto sent = moments_without("sample_size");
  sent.push_back({"sample_size", "4503599627371"});
  EXPECT_ANSWER(send_parts(1, "POST", path, sent), 400,
                R"({"sample_size":["Ensure this value is less than or equal to 4503599627370."]})");
}

TEST_F(MomentsOfWeights, OfWhoMayNotSendAnyAreRefusedBeforeTheirFilesAreTaken) {
  EXPECT_CALL(gateway, begin_upload()).Times(0);
  EXPECT_CALL(gateway, may_submit_moments(_, _, _))
      .WillOnce(Return(rejected(domain::Reason::wrong_state, "Training with ID t is in state I")))
      .WillOnce(Return(rejected(domain::Reason::permission_denied, "You are not a participant!")));
  EXPECT_ANSWER(send_parts(1, "POST", path, moments_without("")), 400,
                R"(["Training with ID t is in state I"])");
  EXPECT_ANSWER(send_parts(1, "POST", path, moments_without("")), 403,
                R"({"detail":"You are not a participant!"})");
}

TEST_F(MomentsOfWeights, AreToldWhyTheyWereRefused) {
  EXPECT_CALL(gateway, submit_moments(_, _, _))
      .WillOnce([](const auto&, auto, const actors::MomentsUpload&) -> actors::Result<void> {
        return rejected(domain::Reason::wrong_round, "not in round 1");
      })
      .WillOnce([](const auto&, auto, const actors::MomentsUpload&) -> actors::Result<void> {
        return rejected(domain::Reason::invalid_file, "Invalid first moment file: no tensor.");
      });
  EXPECT_ANSWER(send_parts(1, "POST", path, moments_without("")), 400, R"(["not in round 1"])");
  EXPECT_ANSWER(send_parts(1, "POST", path, moments_without("")), 400,
                R"(["Invalid first moment file: no tensor."])");
}

}  // namespace
}  // namespace fedlog::http
