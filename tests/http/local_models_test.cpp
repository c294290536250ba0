#include "tests/http/models_fixture.h"

// What daisy chaining and SWAG rounds show of models.
namespace fedlog::http {
namespace {

using namespace testing;

// User 1 runs training 20 of model 10; users 2 and 3 take part. Model 30 + n is of user n.
class LocalModels : public Models {
 protected:
  LocalModels() {
    add_user(3, "another");
    add_user(4, "nobody");
    world.training({.training = training,
                    .model = global,
                    .actor = owner.id,
                    .target_num_updates = 2,
                    .options = {.json = "{}", .daisy_chain_period = 2, .mu = {}},
                    .participants = {user(2), user(3)},
                    .weights = blob_number(1),
                    .preprocessing = {}});
    happens(domain::TrainingStarted{});
    happens(domain::RoundOpened{0});
    update(2, 32);
    update(3, 33);
  }

  static domain::UserId user(std::uint8_t number) { return id_number<domain::UserId>(number); }
  static domain::ModelId local(std::uint8_t number) { return id_number<domain::ModelId>(number); }

  void happens(domain::TrainingEvent event) { world.apply(training, event); }
  void update(std::uint8_t participant, std::uint8_t model) {
    happens(domain::UpdateAccepted{.participant = user(participant),
                                   .model = local(model),
                                   .round = 0,
                                   .weights = blob_number(1),
                                   .sample_size = 1,
                                   .metrics = {}});
  }

  std::vector<std::string> listed(const std::string& part) {
    std::vector<std::string> ids;
    const auto path = "/api/trainings/" + training.text() + "/models/" + part;
    for (const auto& model : nlohmann::json::parse(text_of(send(2, "GET", path)))) ids.push_back(model["id"]);
    return ids;
  }
  int status_of(std::uint8_t caller, domain::ModelId model) {
    return send(caller, "GET", "/api/models/" + model.text() + "/metadata/").status;
  }

  const domain::TrainingId training = id_number<domain::TrainingId>(20);
  const domain::ModelId global = id_number<domain::ModelId>(10);
};

TEST_F(LocalModels, ThatWerePassedOnAreReadByTheirOwnerTheActorAndWhoWasGivenThem) {
  EXPECT_EQ(status_of(2, local(33)), 403);
  happens(domain::ModelsPassedOn{1, {local(33), local(32)}});
  for (const auto& model : {local(32), local(33)}) {
    for (const std::uint8_t reader : std::initializer_list<std::uint8_t>{1, 2, 3}) {
      EXPECT_EQ(status_of(reader, model), 200) << model.text() << " read by " << int{reader};
    }
    EXPECT_EQ(status_of(4, model), 403);
  }
}

TEST_F(LocalModels, AreListedAndTheLatestOfEachParticipant) {
  happens(domain::ModelsPassedOn{1, {local(33), local(32)}});
  update(2, 42);
  EXPECT_THAT(listed(""),
              ::testing::ElementsAre(global.text(), local(33).text(), local(32).text(), local(42).text()));
  EXPECT_THAT(listed("latest/"), ::testing::ElementsAre(global.text(), local(33).text(), local(42).text()));
}

TEST_F(LocalModels, LeaveTheGlobalOneWithTheMomentsOfASwagRound) {
  happens(domain::RoundClosed{0, {local(32), local(33)}});
  happens(domain::RoundAggregated{0, blob_number(1)});
  happens(domain::SwagRoundOpened{1});
  const auto shown = [&] {
    return nlohmann::json::parse(text_of(send(1, "GET", "/api/trainings/" + training.text() + "/")));
  };
  EXPECT_EQ(shown()["state"], "S");
  EXPECT_EQ(shown()["locked"], false);
  for (const std::uint8_t participant : std::initializer_list<std::uint8_t>{2, 3}) {
    happens(domain::MomentsAccepted{.participant = user(participant),
                                    .round = 1,
                                    .first_moment = blob_number(2),
                                    .second_moment = blob_number(2),
                                    .form = "float32 [8]",
                                    .sample_size = 3});
  }
  const auto metrics = nlohmann::json::parse(text_of(send(1, "GET", model_path + std::string{"metrics/"})));
  ASSERT_EQ(metrics.size(), 6U);
  EXPECT_EQ(metrics[0]["key"], "SWAG First Moment Local");
  EXPECT_EQ(metrics[0]["value_binary"], "aGVsbG8=");
  EXPECT_EQ(metrics[0]["step"], 1);
  EXPECT_EQ(metrics[2]["key"], "SWAG Sample Size Local");
  EXPECT_EQ(metrics[2]["value_float"], 3.0);
  happens(domain::SwagRoundClosed{1, {user(2), user(3)}});
  EXPECT_EQ(shown()["locked"], true);
  happens(domain::MomentsAveraged{1, blob_number(2), blob_number(2)});
  happens(domain::TestOpened{1});
  const auto model = nlohmann::json::parse(text_of(send(1, "GET", model_path + std::string{"metadata/"})));
  EXPECT_EQ(model["swag_first_moment"], "aGVsbG8=");
  EXPECT_EQ(model["swag_second_moment"], "aGVsbG8=");
}

}  // namespace
}  // namespace fedlog::http
