#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;

constexpr auto path = "/api/trainings/00000000-0000-4000-8000-000000000014/";
constexpr auto nil_path = "/api/trainings/00000000-0000-4000-8000-000000000000/";
constexpr auto nil_not_found = R"({"detail":"Training 00000000-0000-4000-8000-000000000000 not found."})";
constexpr auto one_text = "00000000-0000-4000-8000-000000000002";

// User 1 runs training 20 of model 10 with user 2; user 3 is a stranger.
class Trainings : public ApiTest {
 protected:
  Trainings() {
    const auto owner = add_user(1, "owner");
    const auto one = add_user(2, "one");
    add_user(3, "stranger");
    world.model({.model = id_number<domain::ModelId>(10),
                 .owner = owner.id,
                 .name = "m",
                 .description = "d",
                 .input_shape = {},
                 .weights = domain::BlobId{},
                 .preprocessing = {},
                 .members = {},
                 .copied_from = {}});
    domain::TrainingOptions options;
    options.json = R"({"uncertainty":{"N":7}})";
    world.training({.training = training,
                    .model = id_number<domain::ModelId>(10),
                    .actor = owner.id,
                    .target_num_updates = 2,
                    .options = options,
                    .participants = {one.id},
                    .weights = domain::BlobId{},
                    .preprocessing = {}});
  }

  static nlohmann::json request() {
    return {{"model_id", "00000000-0000-4000-8000-00000000000a"},
            {"target_num_updates", 2},
            {"metric_names", {"loss"}},
            {"aggregation_method", "FedProx"},
            {"clients", {one_text}}};
  }

  template <class Event>
  void happens(Event event) {
    world.apply(training, domain::TrainingEvent{std::move(event)});
  }

  const domain::TrainingId training = id_number<domain::TrainingId>(20);
};

TEST_F(Trainings, AreCreated) {
  EXPECT_CALL(gateway, create_training(_, _))
      .WillOnce([](const auto&, const actors::TrainingRequest& request) {
        EXPECT_EQ(request.model, id_number<domain::ModelId>(10));
        EXPECT_EQ(request.target_num_updates, 3);
        EXPECT_EQ(request.aggregation_method, domain::AggregationMethod::fed_prox);
        EXPECT_EQ(request.uncertainty_method, domain::UncertaintyMethod::mc_dropout);
        EXPECT_EQ(request.options.dump(), R"({"uncertainty":{"N":7}})");
        EXPECT_THAT(request.participants, ElementsAre(id_number<domain::UserId>(2)));
        return id_number<domain::TrainingId>(21);
      });
  auto body = request();
  body["target_num_updates"] = "3";
  body["uncertainty_method"] = "MC_DROPOUT";
  body["options"] = {{"uncertainty", {{"N", 7}}}};
  EXPECT_ANSWER(send_json(1, "POST", "/api/trainings/", body), 201,
                R"({"detail":"Training created successfully!",)"
                R"("training_id":"00000000-0000-4000-8000-000000000015"})");
}

TEST_F(Trainings, AreCreatedWithWhatIsRequiredAndByForm) {
  EXPECT_CALL(gateway, create_training(_, _))
      .WillOnce([](const auto&, const actors::TrainingRequest& request) {
        EXPECT_EQ(request.target_num_updates, 2);
        EXPECT_EQ(request.uncertainty_method, domain::UncertaintyMethod::none);
        EXPECT_EQ(request.options.dump(), R"({"a":1})");
        EXPECT_EQ(request.participants.size(), 2U);
        return id_number<domain::TrainingId>(21);
      });
  EXPECT_EQ(send_form(1, "POST", "/api/trainings/",
                      "model_id=00000000-0000-4000-8000-00000000000a&target_num_updates=2"
                      "&aggregation_method=FedAvg&options=%7B%22a%22%3A1%7D"
                      "&clients=00000000-0000-4000-8000-000000000002"
                      "&clients=00000000-0000-4000-8000-000000000003")
                .status,
            201);
}

TEST_F(Trainings, AreToldEverythingThatIsWrong) {
  EXPECT_ANSWER(send_json(1, "POST", "/api/trainings/", nlohmann::json::object()), 400,
                R"({"model_id":["Missing data for required field."],)"
                R"("target_num_updates":["Missing data for required field."],)"
                R"("aggregation_method":["Missing data for required field."]})");
  EXPECT_ANSWER(send_json(1, "POST", "/api/trainings/",
                          {{"model_id", "abc"},
                           {"target_num_updates", "many"},
                           {"metric_names", "loss"},
                           {"aggregation_method", "Sum"},
                           {"uncertainty_method", "GUESS"},
                           {"options", nlohmann::json::array()},
                           {"clients", {"x"}}}),
                400,
                R"({"model_id":["Not a valid UUID."],"target_num_updates":["Not a valid integer."],)"
                R"("metric_names":["Not a valid list."],)"
                R"("aggregation_method":["Must be one of: FedAvg, FedDC, FedProx."],)"
                R"("uncertainty_method":["Must be one of: NONE, ENSEMBLE, MC_DROPOUT, SWAG."],)"
                R"("options":["Not a valid mapping type."],"clients":{"0":["Not a valid UUID."]}})");
  EXPECT_ANSWER(send_json(1, "POST", "/api/trainings/", {1}), 400, R"({"_schema":["Invalid input type."]})");
  EXPECT_ANSWER(send(1, "POST", "/api/trainings/", {"application/json", "{"}), 400, broken_json_answer);
}

TEST_F(Trainings, AreToldWhatIsWrongWithAField) {
  const std::pair<nlohmann::json, std::string> cases[] = {
      {{{"colour", "red"}}, R"({"colour":["Unknown field."]})"},
      {{{"target_num_updates", nullptr}, {"clients", nullptr}},
       R"({"target_num_updates":["Field may not be null."],"clients":["Field may not be null."]})"},
      {{{"target_num_updates", -1}}, R"({"target_num_updates":["Must be greater than or equal to 1."]})"},
      {{{"target_num_updates", true}}, R"({"target_num_updates":["Not a valid integer."]})"},
      {{{"target_num_updates", 1e300}}, R"({"target_num_updates":["Not a valid integer."]})"},
      {{{"target_num_updates", UINT64_MAX}}, R"({"target_num_updates":["Not a valid integer."]})"},
      {{{"aggregation_method", 1}}, R"({"aggregation_method":["Not a valid string."]})"},
      {{{"clients", {one_text, nullptr}}}, R"({"clients":{"1":["Field may not be null."]}})"},
      {{{"clients", std::vector<std::string>(2001, one_text)}},
       R"({"clients":["Longer than maximum length 2000."]})"},
      {{{"metric_names", std::vector<std::string>(257, "loss")}},
       R"({"metric_names":["Longer than maximum length 256."]})"},
      {{{"options", {{"a", std::string(20'000, 'x')}}}},
       R"({"options":["Longer than maximum length 16384."]})"},
  };
  for (const auto& [change, expected] : cases) {
    auto body = request();
    body.update(change);
    EXPECT_ANSWER(send_json(1, "POST", "/api/trainings/", body), 400, expected);
  }
}

// A hundred names, and how many more: the work and the answer do not grow with the request's square.
TEST_F(Trainings, NameAHundredUnknownFieldsAndCountTheOthers) {
  auto body = request();
  std::string form = "model_id=00000000-0000-4000-8000-00000000000a";
  for (int number = 0; number < 100'000; ++number) {
    body["unknown" + std::to_string(number)] = 1;
    if (number < 5000) form += "&unknown" + std::to_string(number) + "=1";
  }
  settings.limits.json_bytes_max = 16 * 1024 * 1024;
  settings.limits.json_values_max = 1'000'000;
  for (const auto& [method, url] : {std::pair{"POST", "/api/trainings/"},
                                    {"PUT", "/api/trainings/00000000-0000-4000-8000-000000000014/clients/"},
                                    {"PATCH", "/api/users/00000000-0000-4000-8000-000000000001/"}}) {
    const auto answer = send_json(1, method, url, body);
    EXPECT_EQ(answer.status, 400) << url;
    const auto errors = nlohmann::json::parse(text_of(answer));
    EXPECT_THAT(errors.size(), ::testing::AllOf(::testing::Gt(100U), ::testing::Lt(110U))) << url;
    EXPECT_THAT(errors.at("_schema").dump(), ::testing::HasSubstr("And 999")) << url;
    EXPECT_LT(text_of(answer).size(), 10'000U) << url;
  }
  const auto errors = nlohmann::json::parse(text_of(send_form(1, "POST", "/api/trainings/", form)));
  EXPECT_EQ(errors.at("_schema"), nlohmann::json({"And 4900 more unknown fields."}));
}

TEST_F(Trainings, NameAHundredWrongItems) {
  const auto answer = send_json(1, "PUT", "/api/trainings/00000000-0000-4000-8000-000000000014/clients/",
                                {{"clients", std::vector<int>(2000)}});
  EXPECT_EQ(answer.status, 400);
  const auto items = nlohmann::json::parse(text_of(answer)).at("clients");
  EXPECT_EQ(items.size(), 101U);
  EXPECT_EQ(items.at("99"), nlohmann::json({"Not a valid UUID."}));
  EXPECT_EQ(items.at("100"), nlohmann::json({"Not checked, nor what follows: too many items are wrong."}));
}

TEST_F(Trainings, ShowTheirFieldsInTheContractsOrder) {
  const std::string list =
      R"({"id":"00000000-0000-4000-8000-000000000014","state":"I","target_num_updates":2,)"
      R"("last_update":"2026-01-31T08:15:00.000123Z","uncertainty_method":"NONE",)"
      R"("aggregation_method":"FedAvg","options":{"uncertainty":{"N":7}},"locked":false,)"
      R"("model":"00000000-0000-4000-8000-00000000000a","actor":"00000000-0000-4000-8000-000000000001",)"
      R"("participants":["00000000-0000-4000-8000-000000000002"])";
  EXPECT_ANSWER(send(1, "GET", "/api/trainings/"), 200, "[" + list + "}]");
  EXPECT_ANSWER(send(2, "GET", "/api/trainings/"), 200, "[]");
  EXPECT_ANSWER(send(2, "GET", "/api/users/trainings/"), 200, "[" + list + "}]");
  for (const std::uint8_t user : {1, 2}) {
    EXPECT_ANSWER(send(user, "GET", path), 200,
                  list + R"(,"local_models_arrived":0,"local_models_expected":1})");
  }
  EXPECT_ANSWER(send(3, "GET", path), 403,
                R"({"detail":"You do not have permission to perform this action."})");
  EXPECT_ANSWER(send(1, "GET", nil_path), 400, nil_not_found);
  EXPECT_ANSWER(send(1, "GET", "/api/trainings/abc/"), 400, R"({"detail":"Training abc not found."})");
}

TEST_F(Trainings, ShowTheirUpdatesTheirAggregationAndWhyTheyFailed) {
  const auto local = id_number<domain::ModelId>(30);
  happens(domain::TrainingStarted{});
  happens(domain::RoundOpened{0});
  happens(domain::UpdateAccepted{.participant = id_number<domain::UserId>(2),
                                 .model = local,
                                 .round = 0,
                                 .weights = domain::BlobId{},
                                 .sample_size = 12,
                                 .metrics = {}});
  auto shown = nlohmann::json::parse(text_of(send(1, "GET", path)));
  EXPECT_EQ(shown["state"], "O");
  EXPECT_EQ(shown["x_waiting_for"], nlohmann::json::array());
  EXPECT_EQ(shown["local_models_arrived"], 1);
  EXPECT_EQ(shown["locked"], false);
  const std::string global_json =
      R"({"id":"00000000-0000-4000-8000-00000000000a","round":0,"name":"m","description":"d",)"
      R"("input_shape":null,"preprocessing":null,"owner":"00000000-0000-4000-8000-000000000001",)"
      R"("has_preprocessing":false})";
  const std::string local_json = R"({"id":"00000000-0000-4000-8000-00000000001e","round":0,"sample_size":12,)"
                                 R"("owner":"00000000-0000-4000-8000-000000000002",)"
                                 R"("base_model":"00000000-0000-4000-8000-00000000000a")";
  for (const char* part : {"models/", "models/latest/"}) {
    EXPECT_ANSWER(send(2, "GET", path + std::string{part}), 200, "[" + global_json + "," + local_json + "}]");
    EXPECT_ANSWER(send(3, "GET", path + std::string{part}), 200, "[]");
    EXPECT_ANSWER(send(1, "GET", nil_path + std::string{part}), 200, "[]");
    EXPECT_ANSWER(send(1, "GET", "/api/trainings/abc/" + std::string{part}), 400,
                  R"({"detail":"Training abc not found."})");
  }
  EXPECT_ANSWER(send(2, "GET", "/api/models/00000000-0000-4000-8000-00000000001e/metadata/"), 200,
                local_json + R"(,"stats":null})");

  happens(domain::RoundClosed{0, {local}});
  shown = nlohmann::json::parse(text_of(send(1, "GET", path)));
  EXPECT_EQ(shown["locked"], true);
  EXPECT_FALSE(shown.contains("x_reason"));
  happens(domain::TrainingFailed{"No participant is left."});
  shown = nlohmann::json::parse(text_of(send(1, "GET", path)));
  EXPECT_EQ(shown["state"], "E");
  EXPECT_EQ(shown["x_reason"], "No participant is left.");
}

TEST_F(Trainings, ShowWhomTheyWaitForUntilWhenAndThatTheyArePaused) {
  happens(domain::TrainingStarted{});
  happens(domain::RoundOpened{0});
  happens(domain::DeadlineSet{{1'769'847'360'000'123}});
  for (const char* shown_at : {path, "/api/trainings/"}) {
    auto shown = nlohmann::json::parse(text_of(send(1, "GET", shown_at)));
    if (shown.is_array()) shown = shown[0];
    EXPECT_EQ(shown["x_waiting_for"], nlohmann::json::array({one_text})) << shown_at;
    EXPECT_EQ(shown["x_deadline"], "2026-01-31T08:16:00.000123Z") << shown_at;
    EXPECT_FALSE(shown.contains("x_paused")) << shown_at;
  }
  happens(domain::TrainingPaused{});
  const auto shown = nlohmann::json::parse(text_of(send(1, "GET", path)));
  EXPECT_EQ(shown["x_paused"], true);
  EXPECT_FALSE(shown.contains("x_deadline"));
  EXPECT_EQ(shown["x_waiting_for"], nlohmann::json::array({one_text}));
}

TEST_F(Trainings, AreControlled) {
  using enum actors::TrainingControl;
  const std::tuple<const char*, actors::TrainingControl, const char*> calls[] = {
      {"cancel/", cancel, R"({"detail":"Training cancelled!"})"},
      {"pause/", pause, R"({"detail":"Training paused!"})"},
      {"resume/", resume, R"({"detail":"Training resumed!"})"},
      {"leave/", leave, R"({"detail":"You left the training!"})"},
      {"join/", join, R"({"detail":"You joined the training!"})"}};
  for (const auto& [name, control, done] : calls) {
    EXPECT_CALL(gateway, control_training(_, training, control))
        .WillOnce([](const actors::RequestContext& context, auto, auto) {
          EXPECT_EQ(context.caller.id, id_number<domain::UserId>(2));
          return actors::Result<void>{};
        })
        .WillOnce(Return(rejected(domain::Reason::wrong_state, "Training t is in state C")));
    EXPECT_ANSWER(send(2, "POST", path + std::string{name}), 200, done);
    EXPECT_ANSWER(send_json(2, "POST", path + std::string{name}, nlohmann::json::object()), 400,
                  R"(["Training t is in state C"])");
    EXPECT_ANSWER(send(2, "POST", "/api/trainings/abc/" + std::string{name}), 400,
                  R"({"detail":"Training abc not found."})");
    EXPECT_EQ(send(0, "POST", path + std::string{name}).status, 401);
  }
}

TEST_F(Trainings, AreExplained) {
  domain::TrainingStatus status;
  status.training = training;
  status.actor = id_number<domain::UserId>(1);
  status.state = domain::TrainingState::ongoing;
  status.phase = domain::Phase::updating;
  status.waits_for = domain::Wait::updates;
  status.awaited = {{.participant = id_number<domain::UserId>(2), .last_delivery = {}, .requested = {}},
                    {.participant = id_number<domain::UserId>(99), .last_delivery = {}, .requested = {}}};
  status.participants = 3;
  status.arrived = 1;
  EXPECT_CALL(gateway, training_status(_, training))
      .WillOnce(Return(status))
      .WillOnce(Return(rejected(domain::Reason::permission_denied, "No.")));
  const auto shown = nlohmann::json::parse(text_of(send(2, "GET", path + std::string{"status/"})));
  EXPECT_EQ(shown["waits_for"], "updates");
  EXPECT_EQ(shown["awaited"][0]["name"], "one");
  EXPECT_EQ(shown["awaited"][0]["says"], "one: nothing was sent to it yet.");
  EXPECT_EQ(shown["awaited"][1]["name"], id_number<domain::UserId>(99).text()) << "a user that is gone";
  EXPECT_NE(shown["summary"].get<std::string>().find("for the updates of 2 of 3 participants: one, "),
            std::string::npos);
  EXPECT_ANSWER(send(3, "GET", path + std::string{"status/"}), 403, R"({"detail":"No."})");
  EXPECT_ANSWER(send(3, "GET", "/api/trainings/abc/status/"), 400, R"({"detail":"Training abc not found."})");
}

TEST_F(Trainings, AreStartedAndDeleted) {
  EXPECT_CALL(gateway, start_training(_, training))
      .WillOnce(Return(actors::Result<void>{}))
      .WillOnce(Return(rejected(domain::Reason::already_started, "Training t is not in state INITIAL!")));
  EXPECT_ANSWER(send_json(1, "POST", path + std::string{"start/"}, nlohmann::json::object()), 202,
                R"({"detail":"Training started!"})");
  EXPECT_ANSWER(send(1, "POST", path + std::string{"start/"}), 400,
                R"({"detail":"Training t is not in state INITIAL!"})");
  EXPECT_CALL(gateway, delete_training(_, training)).WillOnce(Return(actors::Result<void>{}));
  EXPECT_ANSWER(send(1, "DELETE", path), 200, R"({"detail":"Training removed!"})");
  EXPECT_ANSWER(send(1, "DELETE", "/api/trainings/abc/"), 400, R"({"detail":"Training abc not found."})");
}

TEST_F(Trainings, ChangeTheirParticipants) {
  const auto clients = path + std::string{"clients/"};
  EXPECT_CALL(gateway, add_participants(_, training, ElementsAre(id_number<domain::UserId>(2))))
      .WillOnce(Return(actors::Result<void>{}));
  EXPECT_ANSWER(send_json(1, "PUT", clients, {{"clients", {one_text}}}), 202,
                R"({"detail":"Users registered as participants!"})");
  EXPECT_CALL(gateway, remove_participants(_, training, ElementsAre(id_number<domain::UserId>(2))))
      .WillOnce(Return(actors::Result<void>{}))
      .WillOnce(
          Return(rejected(domain::Reason::participants_not_found, "Not all provided users were found!")));
  EXPECT_ANSWER(send_json(1, "DELETE", clients, {{"clients", {one_text}}}), 200,
                R"({"detail":"Users removed from training participants!"})");
  EXPECT_ANSWER(send_json(1, "DELETE", clients, {{"clients", {one_text}}}), 400,
                R"({"detail":"Not all provided users were found!"})");
  EXPECT_ANSWER(send_json(1, "PUT", clients, nlohmann::json::object()), 400,
                R"({"clients":["Missing data for required field."]})");
  EXPECT_ANSWER(send_json(1, "PUT", clients, {{"clients", {"abc"}}, {"more", 1}}), 400,
                R"({"clients":{"0":["Not a valid UUID."]},"more":["Unknown field."]})");
}

}  // namespace
}  // namespace fedlog::http
