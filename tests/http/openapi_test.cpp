#include "http/openapi.h"

#include <algorithm>
#include <limits>
#include <set>

#include "http/model_statistics.h"
#include "http/openapi_components.h"
#include "http/openapi_page.h"
#include "http/serializers.h"
#include "http/training_status.h"
#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Description : public ApiTest {
 protected:
  Description() {
    add_user(1, "ada");
    settings.server.development = true;
  }

  std::vector<Route> routes() { return Application{gateway, settings}.router().routes(); }
  Body document() { return openapi_document(routes()); }

  // Every "$ref" in a node.
  static void collect_references(const Body& node, std::set<std::string>& references) {
    if (!node.is_structured()) return;
    for (const auto& [name, value] : node.items()) {
      if (name == "$ref" && value.is_string()) references.insert(value.get<std::string>());
      collect_references(value, references);
    }
  }

  // A serializer and a schema agree: each says all that the other must.
  static void expect_schema(const std::string& name, const Body& shown) {
    const auto schemas = openapi_schemas();
    Body schema = schemas.at(name);
    if (schema.contains("allOf")) {
      schema = schemas.at("GlobalModel");
      schema["properties"].update(schemas.at(name)["allOf"][1]["properties"]);
      schema["required"].push_back("stats");
    }
    for (const auto& [field, value] : shown.items()) {
      EXPECT_TRUE(schema["properties"].contains(field)) << name << " is shown with " << field;
    }
    for (const auto& field : schema["required"]) {
      EXPECT_TRUE(shown.contains(field.get<std::string>())) << name << " is shown without " << field;
    }
  }
};

TEST_F(Description, LeavesNothingUndocumented) {
  std::string missing;
  for (const auto& each : undocumented(routes())) missing += "\n  " + each;
  EXPECT_EQ(missing, "") << "docs/api.md tells how to declare it";
}

TEST_F(Description, NamesWhatATableLeavesUnsaid) {
  const Handler handler = [](Call&) { return no_content(); };
  const Operation said{.summary = "Do it", .answers = {{.status = 204, .meaning = "Done."}}};
  auto vague = said;
  vague.fields = {{.name = "colour", .required = true}};
  vague.query = {{.name = "sort"}};
  vague.answers.push_back({.status = 200, .meaning = ""});
  const std::vector<Route> table{
      {.pattern = "/api/a/{a_id}/",
       .view_name = "A",
       .methods = {{"GET", handler}, {"PUT", handler, Access::authenticated, vague}}},
      {.pattern = "/api/b/",
       .view_name = "B",
       .description = "All said.",
       .methods = {{"POST", handler, Access::authenticated, said}}}};
  EXPECT_THAT(
      undocumented(table),
      ElementsAre(
          "/api/a/{a_id}/ has no description", "/api/a/{a_id}/: Route::parameters does not tell what a_id is",
          "GET /api/a/{a_id}/ has no summary", "GET /api/a/{a_id}/ has no answers",
          "PUT /api/a/{a_id}/: colour has no description", "PUT /api/a/{a_id}/: colour has no example",
          "PUT /api/a/{a_id}/: sort has no description", "PUT /api/a/{a_id}/: answer 200 has no meaning",
          "PUT /api/a/{a_id}/: answer 200 has no schema"));
}

TEST_F(Description, HasEveryCallOfTheTableUnderANameOfItsOwn) {
  const auto all = document();
  std::set<std::string> names;
  std::size_t calls = 0;
  for (const auto& route : routes()) {
    auto path = route.pattern;
    if (const auto at = path.find(":int"); at != std::string::npos) path.erase(at, 4);
    for (const auto& method : route.methods) {
      const auto& operation = all["paths"][path][to_lower(method.name)];
      EXPECT_EQ(operation["summary"], method.operation.summary);
      names.insert(operation["operationId"].get<std::string>());
      ++calls;
    }
  }
  EXPECT_EQ(names.size(), calls);
}

TEST_F(Description, RefersOnlyToWhatItHolds) {
  const auto all = document();
  std::set<std::string> references;
  collect_references(all, references);
  EXPECT_GT(references.size(), 10U);
  for (const auto& reference : references) {
    EXPECT_TRUE(all.contains(Body::json_pointer{reference.substr(1)})) << reference;
  }
}

TEST_F(Description, IsTheTableThatRefusesMethods) {
  for (const auto& route : routes()) {
    auto path = route.pattern;
    for (auto open = path.find('{'); open != std::string::npos; open = path.find('{')) {
      path.replace(open, path.find('}') - open + 1, "1");
    }
    for (const std::string name : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
      if (std::ranges::find(route.methods, name, &Method::name) != route.methods.end()) continue;
      const auto response = send(1, name, path);
      EXPECT_EQ(response.status, 405) << name << " " << path;
      EXPECT_EQ(response.headers.get("Allow"), allow_header(route));
    }
    EXPECT_EQ(send(1, "OPTIONS", path).headers.get("Allow"), allow_header(route));
  }
}

TEST_F(Description, TellsFieldsFromTheRulesThatReadThem) {
  const auto all = document();
  const auto& registration = all["paths"]["/api/users/"]["post"];
  const auto& fields = registration["requestBody"]["content"]["application/json"]["schema"];
  EXPECT_EQ(fields["required"].dump(), R"(["username","password","message_endpoint"])");
  EXPECT_EQ(fields["properties"]["username"]["maxLength"], 150);
  EXPECT_EQ(fields["properties"]["actor"]["default"], false);
  EXPECT_TRUE(registration["callbacks"].contains("notification"));
  const auto& update = all["paths"]["/api/models/{model_id}/"]["post"]["requestBody"]["content"];
  EXPECT_EQ(update.size(), 1U);
  EXPECT_EQ(update["multipart/form-data"]["schema"]["properties"]["model_file"]["format"], "binary");
  const auto& training =
      all["paths"]["/api/trainings/"]["post"]["requestBody"]["content"]["application/json"];
  EXPECT_EQ(training["schema"]["additionalProperties"], false);
  EXPECT_EQ(training["schema"]["properties"]["target_num_updates"]["minimum"], 1);
  EXPECT_EQ(training["schema"]["properties"]["options"]["allOf"][0]["$ref"],
            "#/components/schemas/TrainingOptions");
  const auto& patch = all["paths"]["/api/groups/{group_id}/"]["patch"]["requestBody"];
  EXPECT_EQ(patch["required"], false);
  EXPECT_FALSE(patch["content"]["application/json"]["schema"].contains("required"));
}

TEST_F(Description, ShowsErrorsAsTheyAreAnswered) {
  const auto all = document();
  const auto first_of = [&](const char* path, const char* verb) {
    const auto& examples =
        all["paths"][path][verb]["responses"]["400"]["content"]["application/json"]["examples"];
    std::string texts;
    for (const auto& [name, example] : examples.items()) texts += example["value"].dump() + "\n";
    return texts;
  };
  EXPECT_THAT(first_of("/api/users/", "post"), HasSubstr(R"({"username":["This field is required."]})"));
  EXPECT_THAT(first_of("/api/trainings/", "post"),
              HasSubstr(R"({"model_id":["Missing data for required field."]})"));
  EXPECT_THAT(first_of("/api/models/", "post"), HasSubstr(R"(["Missing required field: name"])"));
  EXPECT_THAT(first_of("/api/models/{model_id}/", "post"), HasSubstr(R"({"detail":"'round'"})"));
  EXPECT_THAT(first_of("/api/models/{model_id}/metrics/", "post"),
              HasSubstr(R"({"detail":"Metric names or values are missing"})"));
}

TEST_F(Description, SaysWhereCredentialsAreNotNeeded) {
  const auto all = document();
  EXPECT_EQ(all["security"].dump(), R"([{"tokenAuth":[]},{"basicAuth":[]}])");
  EXPECT_EQ(all["paths"]["/api/users/"]["post"]["security"][0], Body::object());
  EXPECT_FALSE(all["paths"]["/api/users/"]["get"].contains("security"));
}

TEST_F(Description, HasSchemasOfAllThatIsShown) {
  const auto model_shown = [&](const domain::Model& model, const std::optional<Body>& stats = std::nullopt) {
    MemoryBudget memory{1024};
    BoundedText text{{.size_bytes_max = 1024, .memory = memory}};
    EXPECT_TRUE(append_serialized(text, model, gateway, stats));
    return Body::parse(text.text());
  };
  const auto user = *world.views().user(id_number<domain::UserId>(1));
  expect_schema("User", serialized(user, "token"));
  expect_schema("RegisteredUser", serialized(user, "token"));
  expect_schema("Group", serialized(world.group(1, "hospitals")));
  domain::Model model;
  model.kind = domain::ModelKind::global;
  expect_schema("GlobalModel", model_shown(model));
  expect_schema("Metadata", model_shown(model, Body(nullptr)));
  model.kind = domain::ModelKind::swag;
  expect_schema("SwagModel", model_shown(model));
  model.kind = domain::ModelKind::mean;
  expect_schema("MeanModel", model_shown(model));
  model.kind = domain::ModelKind::local;
  expect_schema("LocalModel", model_shown(model));
  domain::Training training;
  training.options.json = "{}";
  expect_schema("Training", serialized(training, Detail::list));
  training.state = domain::TrainingState::ongoing;
  training.paused = true;
  training.deadline = domain::Timestamp{};
  expect_schema("Training", serialized(training, Detail::list));
  training.state = domain::TrainingState::error;
  expect_schema("TrainingDetail", serialized(training, Detail::single));
  domain::TrainingStatus status;
  status.awaited.emplace_back();
  const auto explained = serialized(status, [](domain::UserId) { return std::string{"ada"}; });
  expect_schema("TrainingStatus", explained);
  expect_schema("AwaitedParticipant", explained["awaited"][0]);
  storage::MetricRow row;
  row.metric.number = std::numeric_limits<double>::infinity();
  MemoryBudget memory{1024};
  BoundedText metric{{.size_bytes_max = 1024, .memory = memory}};
  ASSERT_TRUE(append_serialized(metric, row, gateway).has_value());
  expect_schema("Metric", Body::parse(metric.text()));
  actors::ModelStatistics statistics;
  statistics.layers.emplace_back();
  const auto shown = serialized(statistics);
  expect_schema("Statistics", shown);
  expect_schema("Layer", shown["summary_list"][0]);
}

TEST_F(Description, TellsAStrangerWhatARegistrationAnswersAndWhatNotificationsAskFor) {
  const auto all = document();
  const auto& registered =
      all["paths"]["/api/users/"]["post"]["responses"]["201"]["content"]["application/json"];
  EXPECT_TRUE(registered["example"].contains("token"));
  const auto kind = all["components"]["schemas"]["Notification"]["properties"]["notification_type"];
  const auto meaning = kind["description"].get<std::string>();
  for (const auto& name : kind["enum"]) EXPECT_THAT(meaning, HasSubstr(name.get<std::string>() + ": "));
}

TEST_F(Description, StandsInOptionsAsTheFrameworksActions) {
  const auto options = [&](const std::string& path) {
    return Body::parse(text_of(send(1, "OPTIONS", path)));
  };
  const auto users = options("/api/users/");
  EXPECT_EQ(users["name"], "User");
  EXPECT_EQ(users["actions"]["POST"]["username"].dump(),
            R"({"type":"string","required":true,"read_only":false,"label":"Username",)"
            R"("help_text":"What the user is called; unique.","max_length":150})");
  EXPECT_EQ(users["actions"]["POST"]["actor"]["type"], "boolean");
  const auto trainings = options("/api/trainings/");
  EXPECT_EQ(trainings["actions"]["POST"]["aggregation_method"]["choices"][0].dump(),
            R"({"value":"FedAvg","display_name":"FedAvg"})");
  EXPECT_EQ(trainings["actions"]["POST"]["clients"]["child"]["type"], "string");
  EXPECT_EQ(options("/api/groups/1/")["actions"].size(), 1U);  // PUT, as the framework has it, but no PATCH
  EXPECT_EQ(options("/api/models/")["actions"]["POST"]["model_file"]["type"], "file upload");
  EXPECT_FALSE(options("/api/users/myself/").contains("actions"));
}

// All that a reader is told, wherever it stands in the document, and the names of what a call takes and
// gives.
TEST_F(Description, AsAPageLeavesNothingOut) {
  const auto all = document();
  const auto page = openapi_page(all, "");
  const auto expect_on_page = [&](const std::string& text, const std::string& where) {
    EXPECT_TRUE(page.contains(escaped_html(text))) << where << " is not on the page: " << text;
  };
  const std::set<std::string> told{"description", "summary", "title", "operationId"};
  const std::set<std::string> named{"properties", "headers", "callbacks", "securitySchemes",
                                    "schemas",    "paths",   "content",   "responses"};
  const std::function<void(const Body&, const std::string&)> visit = [&](const Body& node,
                                                                         const std::string& where) {
    if (!node.is_structured()) return;
    for (const auto& [name, value] : node.items()) {
      const auto here = where + "/" + name;
      if (where.ends_with("/example") || where == "/components/responses")
        continue;  // shown where they are used
      if (told.contains(name) && value.is_string()) expect_on_page(value.get<std::string>(), here);
      if (named.contains(where.substr(where.rfind('/') + 1))) expect_on_page(name, here);
      visit(value, here);
    }
  };
  visit(all, "");
  EXPECT_TRUE(page.contains("Credentials: <a href=\"#credentials\">none or tokenAuth or basicAuth</a>"));
}

TEST_F(Description, AsAPageEscapesAllText) {
  const Body evil = Body::parse(R"x({
    "info": {"title": "<script>t()</script>", "description": "a & <b>"},
    "tags": [{"name": "<i>"}],
    "paths": {"/<p>/": {"get": {"operationId": "\"><x", "summary": "'<s>", "tags": ["<i>"],
      "parameters": [{"name": "<n>", "in": "query", "schema": {"type": "<t>", "default": "<d>"}}],
      "responses": {"200": {"description": "<r>", "content": {"<m>": {"schema": {}, "example": "<e>"}}}}}}},
    "components": {"schemas": {"<c>": {"description": "<cd>", "properties": {"<f>": {}}}}}
  })x");
  const auto page = openapi_page(evil, "<how>");
  for (const char* unescaped : {"<script>", "<b>evil", "<i>", "<p>/", "\"><x", "'<s>", "<n>", "<t>", "<d>",
                                "<r>", "<m>", "<e>", "<c>", "<cd>", "<f>", "<how>"}) {
    EXPECT_THAT(page, Not(HasSubstr(unescaped)));
  }
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;t()&lt;/script&gt;"));
  EXPECT_THAT(page, HasSubstr("a &amp; &lt;b&gt;"));
}

}  // namespace
}  // namespace fedlog::http
