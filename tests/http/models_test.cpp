#include "tests/http/models_fixture.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;

TEST_F(Models, AreUploadedWithFieldsBeforeAndAfterTheFile) {
  for (const std::size_t piece : {1U, 7U, 1U << 20}) {
    piece_bytes = piece;
    accept_upload([](actors::ModelUpload& upload) {
      EXPECT_EQ(upload.kind, domain::ModelKind::swag);
      EXPECT_EQ(upload.name, "first");
      EXPECT_EQ(upload.description, "a model");
      EXPECT_EQ(upload.round, 5);
      EXPECT_EQ(upload.input_shape, (domain::InputShape{std::nullopt, 3}));
      EXPECT_EQ(bytes_of(upload.file), "bytes");
      EXPECT_EQ(bytes_of(upload.preprocessing), "steps");
    });
    EXPECT_ANSWER(send_parts(1, "POST", "/api/models/",
                             {{"input_shape", "None"},
                              {"name", "first"},
                              {"colour", "red"},
                              {"model_file", "bytes", "m.pt"},
                              {"model_preprocessing_file", "steps", "p.pt"},
                              {"other_file", "dropped", "o.pt"},
                              {"type", "SWAG"},
                              {"round", "5"},
                              {"input_shape", "3"},
                              {"description", "a model"}}),
                  201,
                  R"({"detail":"Model Upload Accepted","model_id":"00000000-0000-4000-8000-00000000000b"})");
  }
}

TEST_F(Models, OfUnknownTypeAreGlobal) {
  accept_upload([](actors::ModelUpload& upload) {
    EXPECT_EQ(upload.kind, domain::ModelKind::global);
    EXPECT_EQ(upload.input_shape, std::nullopt);
    EXPECT_EQ(upload.round, 0);
    EXPECT_EQ(upload.preprocessing, nullptr);
  });
  auto sent = parts;
  sent.push_back({"type", "what"});
  EXPECT_EQ(send_parts(1, "POST", "/api/models/", sent).status, 201);
}

TEST_F(Models, AreRefusedWithoutWhatTheyNeed) {
  const std::vector<Part> file{{"model_file", "bytes", "m"}};
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", {{"description", "x"}, file[0]}), 400,
                R"(["Missing required field: name"])");
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", {{"name", "x"}, file[0]}), 400,
                R"(["Missing required field: description"])");
  const std::string no_file = R"({"detail":"No uploaded file 'model_file' found."})";
  const nlohmann::json fields{{"name", "first"}, {"description", "a model"}};
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", {parts[0], parts[1], {"else", "x", "m"}}), 400,
                no_file);
  EXPECT_ANSWER(send_json(1, "POST", "/api/models/", fields), 400, no_file);
  EXPECT_ANSWER(send_form(1, "POST", "/api/models/", "name=first&description=a"), 400, no_file);
  EXPECT_EQ(send_parts(0, "POST", "/api/models/", parts).status, 401);
}

TEST_F(Models, AreToldWhatIsWrongWithAField) {
  const std::pair<Part, std::string> cases[] = {
      {{"round", "two"}, R"({"round":["A valid integer is required."]})"},
      {{"round", "-1"}, R"({"round":["Ensure this value is greater than or equal to 0."]})"},
      {{"input_shape", "three"}, R"({"input_shape":["A valid integer or \"None\" is required."]})"},
      {{"input_shape", "0"}, R"({"input_shape":["A valid integer or \"None\" is required."]})"},
      {{"name", std::string(257, 'x')}, R"({"name":["Ensure this field has no more than 256 characters."]})"},
  };
  for (const auto& [part, expected] : cases) {
    auto sent = parts;
    sent.push_back(part);
    EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", sent), 400, expected);
  }
  EXPECT_CALL(gateway, upload_model(_, _))
      .WillOnce(Return(rejected(domain::Reason::invalid_file, "Invalid model file: it is empty.")));
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", parts), 400, R"(["Invalid model file: it is empty."])");
}

TEST_F(Models, TooLargeForThisServerAreRefusedAndToldTheLimit) {
  settings.limits.model_bytes_max = 4;
  settings.limits.form_bytes_max = 100;
  const std::string limits =
      R"({"detail":"A form may have at most 100 bytes of fields on this server (its setting )"
      R"(limits.form_bytes_max) and 4 bytes in each file (its setting limits.model_bytes_max)."})";
  piece_bytes = 3;
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", parts), 413, limits);
  settings.limits.model_bytes_max = 5;
  accept_upload([](auto&) {});
  EXPECT_EQ(send_parts(1, "POST", "/api/models/", parts).status, 201);
  settings.limits.json_bytes_max = 10;
  EXPECT_ANSWER(send_json(1, "POST", "/api/models/", {{"name", "longer than ten"}}), 413,
                R"({"detail":"A JSON body may have at most 10 bytes on this server (its setting )"
                R"(limits.json_bytes_max)."})");
}

TEST_F(Models, MeetAFullDisk) {
  EXPECT_CALL(gateway, begin_upload()).WillOnce([]() -> actors::Result<std::unique_ptr<actors::Upload>> {
    return rejected(domain::Reason::storage_full, "The disk is full.");
  });
  EXPECT_ANSWER(send_parts(1, "POST", "/api/models/", parts), 507, R"({"detail":"The disk is full."})");
}

TEST_F(Models, CanBeTheMeanOfOthers) {
  EXPECT_CALL(gateway, create_mean_model(_, _))
      .WillOnce([](const actors::RequestContext&, const actors::MeanModel& model) {
        EXPECT_EQ(model.name, "mean");
        EXPECT_THAT(model.members, ElementsAre(id_number<domain::ModelId>(10)));
        EXPECT_EQ(model.input_shape, (domain::InputShape{std::nullopt, 3}));
        return id_number<domain::ModelId>(12);
      });
  nlohmann::json body{{"type", "MEAN"},
                      {"name", "mean"},
                      {"description", "d"},
                      {"input_shape", {nullptr, 3}},
                      {"models", {model_text}}};
  EXPECT_EQ(send_json(1, "POST", "/api/models/", body).status, 201);
  body["models"] = {"abc"};
  EXPECT_ANSWER(send_json(1, "POST", "/api/models/", body), 400, R"(["Invalid model UUIDs found."])");
  body["models"] = model_text;
  EXPECT_ANSWER(send_json(1, "POST", "/api/models/", body), 400, R"(["Invalid type for field: models"])");
  body.erase("models");
  EXPECT_ANSWER(send_json(1, "POST", "/api/models/", body), 400, R"(["Missing required field: models"])");
}

TEST_F(Models, ShowTheirFieldsInTheContractsOrder) {
  EXPECT_ANSWER(send(1, "GET", model_path + std::string{"metadata/"}), 200,
                R"({"id":"00000000-0000-4000-8000-00000000000a","round":0,"name":"first",)"
                R"("description":"a model","input_shape":null,"preprocessing":null,)"
                R"("owner":"00000000-0000-4000-8000-000000000001","stats":null,"has_preprocessing":false})");
  auto swag = facts();
  swag.model = id_number<domain::ModelId>(11);
  swag.kind = domain::ModelKind::swag;
  swag.input_shape = domain::InputShape{std::nullopt, 3};
  swag.preprocessing = blob_number(2);
  world.model(swag);
  EXPECT_ANSWER(send(1, "GET", "/api/models/00000000-0000-4000-8000-00000000000b/metadata/"), 200,
                R"({"id":"00000000-0000-4000-8000-00000000000b","round":0,"name":"first",)"
                R"("description":"a model","input_shape":[null,3],"preprocessing":"aGVsbG8=",)"
                R"("swag_first_moment":"","swag_second_moment":"",)"
                R"("owner":"00000000-0000-4000-8000-000000000001","stats":null,"has_preprocessing":true})");
  auto mean = facts();
  mean.model = id_number<domain::ModelId>(12);
  mean.kind = domain::ModelKind::mean;
  mean.weights.reset();
  mean.members = {id_number<domain::ModelId>(10)};
  world.model(mean);
  const auto list = nlohmann::ordered_json::parse(text_of(send(1, "GET", "/api/models/")));
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[2].dump(),
            R"({"id":"00000000-0000-4000-8000-00000000000c","round":0,"name":"first",)"
            R"("description":"a model","input_shape":null,"preprocessing":null,)"
            R"("owner":"00000000-0000-4000-8000-000000000001",)"
            R"("models":["00000000-0000-4000-8000-00000000000a"],"has_preprocessing":false})");
  EXPECT_ANSWER(send(2, "GET", "/api/models/"), 200, "[]");
  const auto refused = send(1, "GET", "/api/models/00000000-0000-4000-8000-00000000000c/");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(text_of(refused), ::testing::HasSubstr("mean model"));
}

TEST_F(Models, ShowTheirStatisticsInTheirMetadata) {
  ml::LayerStatistics convolution{.layer_id = 2,
                                  .class_name = "Conv2d",
                                  .var_name = "0",
                                  .depth = 1,
                                  .executed = true,
                                  .is_leaf_layer = true,
                                  .input_size = {1, 1, 8, 8},
                                  .output_size = {1, 4, 8, 8},
                                  .kernel_size = std::vector<std::int64_t>{3, 3},
                                  .trainable_params = 40,
                                  .num_params = 40,
                                  .param_bytes = 160,
                                  .output_bytes = 1024,
                                  .macs = 2560};
  auto pool = convolution;
  pool.kernel_size = std::int64_t{2};
  const actors::ModelStatistics statistics{.input_size = {1, 1, 8, 8},
                                           .total_input = 320,
                                           .total_mult_adds = 2,
                                           .total_output_bytes = 3,
                                           .total_param_bytes = 4,
                                           .total_params = 5,
                                           .trainable_params = 6,
                                           .layers = {convolution, pool}};
  EXPECT_CALL(gateway, statistics(::testing::_, ::testing::_))
      .WillOnce(::testing::Return(std::make_shared<const actors::ModelStatistics>(statistics)));
  const auto metadata =
      nlohmann::ordered_json::parse(text_of(send(1, "GET", model_path + std::string{"metadata/"})));
  const auto& stats = metadata.at("stats");
  const auto& layers = stats.at("summary_list");
  EXPECT_EQ(layers.at(0).dump(),
            R"({"layer_id":2,"class_name":"Conv2d","depth":1,"depth_index":0,"executed":true,"var_name":"0",)"
            R"("is_leaf_layer":true,"contains_lazy_param":false,"is_recursive":false,)"
            R"("input_size":[1,1,8,8],"output_size":[1,4,8,8],"kernel_size":[3,3],"trainable_params":40,)"
            R"("num_params":40,"param_bytes":160,"output_bytes":1024,"macs":2560})");
  EXPECT_EQ(layers.at(1).at("kernel_size"), 2);
  auto totals = stats;
  totals.erase("summary_list");
  EXPECT_EQ(totals.dump(),
            R"({"input_size":[[1,1,8,8]],"total_input":320,"total_mult_adds":2,"total_output_bytes":3,)"
            R"("total_param_bytes":4,"total_params":5,"trainable_params":6})");
}

TEST_F(Models, AreNotFoundByUnknownIdsNorShownToStrangers) {
  EXPECT_ANSWER(send(1, "GET", nil_path), 400, nil_not_found);
  EXPECT_ANSWER(send(1, "GET", "/api/models/abc/"), 400, R"({"detail":"Model abc not found."})");
  EXPECT_ANSWER(send(1, "GET", nil_path + std::string{"metadata/"}), 400, nil_not_found);
  EXPECT_ANSWER(send(1, "GET", nil_path + std::string{"metrics/"}), 400, nil_not_found);
  for (const char* part : {"", "metadata/", "metrics/", "preprocessing/"}) {
    EXPECT_ANSWER(send(2, "GET", model_path + std::string{part}), 403, no_permission);
  }
}

TEST_F(Models, AreFoundByTheirIdInEveryFormThatItsClientsMayWrite) {
  for (const std::string id : {"0000000000004000800000000000000a", "00000000-0000-4000-8000-00000000000A",
                               "urn:uuid:00000000-0000-4000-8000-00000000000a"}) {
    const auto answer = send(1, "GET", "/api/models/" + id + "/metadata/");
    EXPECT_EQ(answer.status, 200) << id;
    EXPECT_EQ(nlohmann::json::parse(text_of(answer)).at("id"), model_text) << id;
  }
  EXPECT_ANSWER(send(1, "GET", "/api/models/0000000000004000800000000000000/"), 400,
                R"({"detail":"Model 0000000000004000800000000000000 not found."})");
}

TEST_F(Models, HavePreprocessing) {
  const auto path = model_path + std::string{"preprocessing/"};
  EXPECT_ANSWER(send(1, "GET", path), 404,
                R"({"detail":"Model '00000000-0000-4000-8000-00000000000a' has no preprocessing model )"
                R"(defined."})");
  EXPECT_CALL(gateway, replace_preprocessing(_, id_number<domain::ModelId>(10), _))
      .WillOnce([](const auto&, auto, std::unique_ptr<actors::Upload> file) {
        EXPECT_EQ(bytes_of(file), "hello");
        return actors::Result<void>{};
      });
  EXPECT_ANSWER(send_parts(1, "POST", path, {{"model_preprocessing_file", "hello", "p.pt"}}), 202,
                R"({"detail":"Proprocessing Model Upload Accepted"})");
  EXPECT_ANSWER(send_form(1, "POST", path, "a=b"), 400,
                R"({"detail":"No uploaded file 'model_preprocessing_file' found."})");
  EXPECT_ANSWER(send_parts(1, "POST", nil_path + std::string{"preprocessing/"},
                           {{"model_preprocessing_file", "hello", "p.pt"}}),
                400, R"({"detail":"GlobalModel 00000000-0000-4000-8000-000000000000 not found."})");
  world.apply(id_number<domain::ModelId>(10),
              domain::ModelEvent{domain::PreprocessingReplaced{blob_number(2)}});
  const auto answer = send(1, "GET", path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Disposition"),
            R"(filename="model-00000000-0000-4000-8000-00000000000a-proprecessing.pt")");
}

TEST_F(Models, TakeMetrics) {
  const auto path = model_path + std::string{"metrics/"};
  EXPECT_CALL(gateway, report_metrics(_, id_number<domain::ModelId>(10), _))
      .Times(2)
      .WillRepeatedly([](const auto&, auto, const std::vector<actors::MetricInput>& metrics) {
        EXPECT_EQ(metrics.size(), 1U);
        return actors::Result<void>{};
      });
  const std::string accepted =
      R"({"detail":"Model Metrics Upload Accepted","model_id":"00000000-0000-4000-8000-00000000000a"})";
  EXPECT_ANSWER(send_form(1, "POST", path, "metric_names=f1&metric_values=1"), 201, accepted);
  EXPECT_ANSWER(send_parts(1, "POST", path,
                           {{"metric_names", "loss"}, {"metric_values", "0.25"}, {"attachment", "x", "x"}}),
                201, accepted);
  EXPECT_ANSWER(send_form(1, "POST", path, "metric_names=loss"), 400,
                R"({"detail":"Metric names or values are missing"})");
  EXPECT_CALL(gateway, report_metrics(_, _, _))
      .WillOnce(Return(
          rejected(domain::Reason::permission_denied, "You do not have permission to perform this action.")));
  EXPECT_ANSWER(send_form(2, "POST", path, "metric_names=a&metric_values=1"), 403, no_permission);
}

TEST_F(Models, ListTheirMetricsAsValidJsonWhateverTheNumbers) {
  const auto report = [&](domain::Metric metric) {
    world.apply(id_number<domain::ModelId>(10),
                domain::ModelEvent{domain::MetricsReported{.reporter = owner.id,
                                                           .model = id_number<domain::ModelId>(10),
                                                           .step = 1,
                                                           .metrics = {std::move(metric)}}});
  };
  report({.name = "loss", .number = 1.0, .blob = {}});
  report({.name = "note", .number = {}, .blob = blob_number(2)});
  report({.name = "worst", .number = -std::numeric_limits<double>::infinity(), .blob = {}});
  const auto answer = send(1, "GET", model_path + std::string{"metrics/"});
  ASSERT_EQ(answer.status, 200);
  auto rows = nlohmann::ordered_json::parse(text_of(answer));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].begin().key(), "id");
  EXPECT_LT(rows[0]["id"], rows[1]["id"]);
  for (auto& row : rows) row.erase("id");
  const std::string rest = R"("step":1,"model":"00000000-0000-4000-8000-00000000000a",)"
                           R"("reporter":"00000000-0000-4000-8000-000000000001")";
  EXPECT_EQ(rows[0].dump(),
            R"({"identifier":null,"key":"loss","value_float":1.0,"value_binary":null,)" + rest + "}");
  EXPECT_EQ(rows[1].dump(),
            R"({"identifier":null,"key":"note","value_float":null,"value_binary":"aGVsbG8=",)" + rest + "}");
  EXPECT_EQ(rows[2].dump(), R"({"identifier":null,"key":"worst","value_float":null,"value_binary":null,)" +
                                rest + R"(,"x_value_text":"-Infinity"})");
}

TEST_F(Models, AreDeleted) {
  EXPECT_CALL(gateway, delete_model(_, id_number<domain::ModelId>(10)))
      .WillOnce(Return(actors::Result<void>{}));
  EXPECT_ANSWER(send(1, "DELETE", model_path), 200, R"({"detail":"Model removed!"})");
  EXPECT_ANSWER(send(1, "DELETE", "/api/models/abc/"), 400, R"({"detail":"Model abc not found."})");
}

TEST_F(Models, PassTheIdempotencyKeyScopedToUserMethodAndPath) {
  EXPECT_CALL(gateway, delete_model(_, _)).WillOnce([](const actors::RequestContext& context, auto) {
    EXPECT_EQ(context.idempotency_key,
              std::string{"00000000-0000-4000-8000-000000000001 DELETE "} + model_path + " again-1");
    return actors::Result<void>{};
  });
  EXPECT_EQ(send(1, "DELETE", model_path, {.headers = {{"Idempotency-Key", "again-1"}}}).status, 200);
  for (const auto& key : {std::string{}, std::string{"a b"}, std::string(129, 'k')}) {
    EXPECT_EQ(send(1, "DELETE", model_path, {.headers = {{"Idempotency-Key", key}}}).status, 400) << key;
  }
}

}  // namespace
}  // namespace fedlog::http
