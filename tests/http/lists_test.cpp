#include "http/lists.h"

#include <limits>

#include "http/list_answer.h"
#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// User 1 asks; it owns model 10, of training 20 with user 2, and metrics of it.
class Lists : public ApiTest {
 protected:
  Lists() {
    owner = add_user(1, "ada", true);
    add_user(2, "Bob");
    add_model(10, "first");
  }

  void add_model(std::uint8_t number, const std::string& name) {
    world.model({.model = id_number<domain::ModelId>(number),
                 .owner = owner.id,
                 .name = name,
                 .description = "d",
                 .input_shape = {},
                 .weights = domain::BlobId{},
                 .preprocessing = {},
                 .members = {},
                 .copied_from = {}});
  }
  void add_training(std::uint8_t number, std::uint8_t model, domain::AggregationMethod method) {
    world.training({.training = id_number<domain::TrainingId>(number),
                    .model = id_number<domain::ModelId>(model),
                    .actor = owner.id,
                    .target_num_updates = number,
                    .aggregation_method = method,
                    .options = {},
                    .participants = {id_number<domain::UserId>(2)},
                    .weights = domain::BlobId{},
                    .preprocessing = {}});
  }
  void report(const std::string& name, double value, std::int64_t step = 0) {
    world.apply(id_number<domain::ModelId>(10),
                domain::ModelEvent{domain::MetricsReported{.reporter = owner.id,
                                                           .model = id_number<domain::ModelId>(10),
                                                           .step = step,
                                                           .metrics = {{name, value, std::nullopt}}}});
  }

  json get(const std::string& path, std::uint8_t user = 1) {
    const auto answer = send(user, "GET", path, {.headers = {{"Host", "h"}}});
    EXPECT_EQ(answer.status, 200) << path << text_of(answer);
    return json::parse(text_of(answer));
  }
  // One field of a list's rows.
  std::vector<json> values(const std::string& path, const std::string& field) {
    auto answer = get(path);
    std::vector<json> found;
    for (const auto& row : answer.is_object() ? answer["results"] : answer) found.push_back(row.at(field));
    return found;
  }
  std::vector<json> usernames(const std::string& query) { return values("/api/users/" + query, "username"); }

  domain::User owner;
  const std::string metrics = "/api/models/00000000-0000-4000-8000-00000000000a/metrics/";
};

TEST_F(Lists, ArePlainUntilAPageIsAskedFor) {
  EXPECT_TRUE(get("/api/users/").is_array());
  const auto page = get("/api/users/?limit=1");
  EXPECT_EQ(page["count"], 2);
  EXPECT_EQ(page["next"], "http://h/api/users/?limit=1&offset=1");
  EXPECT_EQ(page["previous"], nullptr);
  ASSERT_EQ(page["results"].size(), 1U);
  EXPECT_EQ(page["results"][0], get("/api/users/")[0]);
  const auto text = text_of(send(1, "GET", "/api/users/?limit=1&offset=7"));
  EXPECT_EQ(text, R"({"count":2,"next":null,"previous":"/api/users/?limit=1&offset=6","results":[]})");
  EXPECT_EQ(send(1, "GET", "/api/users/?limit=1").headers.get("Content-Type"), "application/json");
}

TEST_F(Lists, ComeWholeInPages) {
  for (std::uint8_t number = 3; number < 30; ++number) add_user(number, "user " + std::to_string(number));
  const auto all = usernames("");
  for (const std::string query : {"", "&actor=true", "&ordering=id"}) {
    std::vector<json> found;
    for (int offset = 0; offset < 29; offset += 10) {
      const auto page = get("/api/users/?limit=10&offset=" + std::to_string(offset) + query);
      EXPECT_EQ(page["count"], 29);
      EXPECT_EQ(page["next"].is_null(), offset == 20);
      for (const auto& row : page["results"]) found.push_back(row["username"]);
    }
    EXPECT_EQ(found, all) << query;
  }
}

TEST_F(Lists, AreOrderedByTheirFieldsAndThenByCreation) {
  add_user(3, "carl");
  add_user(4, "ada2");
  EXPECT_THAT(usernames("?ordering=username"), ElementsAre("Bob", "ada", "ada2", "carl"));
  EXPECT_THAT(usernames("?ordering=-username"), ElementsAre("carl", "ada2", "ada", "Bob"));
  EXPECT_THAT(usernames("?ordering=-actor,-id"), ElementsAre("ada2", "carl", "Bob", "ada"));
  EXPECT_THAT(usernames("?ordering=last_name"), ElementsAre("ada", "Bob", "carl", "ada2"));
  EXPECT_THAT(usernames("?ordering=username&limit=2&offset=1"), ElementsAre("ada", "ada2"));
  EXPECT_THAT(usernames("?ordering=username&limit=2&offset=3"), ElementsAre("carl"));
  const auto beyond = get("/api/users/?ordering=username&limit=2&offset=18446744073709551615");
  EXPECT_EQ(beyond["count"], 4);
  EXPECT_THAT(beyond["results"], IsEmpty());
}

TEST_F(Lists, AreSearchedForAllWordsInAnyOfTheirTexts) {
  add_user(3, "Adam");
  EXPECT_THAT(usernames("?search=AD"), ElementsAre("ada", "Bob", "Adam"));  // all are ada@example.org
  EXPECT_THAT(usernames("?search=adam"), ElementsAre("Adam"));
  EXPECT_THAT(usernames("?search=LOVE,bob"), ElementsAre("Bob"));
  EXPECT_THAT(usernames("?search=bob+adam"), IsEmpty());
  EXPECT_THAT(usernames("?search=hook"), IsEmpty());  // not of endpoints
  const auto page = get("/api/users/?search=ada&limit=1&offset=1");
  EXPECT_EQ(page["count"], 3);
  EXPECT_EQ(page["results"][0]["username"], "Bob");
  EXPECT_EQ(page["next"], "http://h/api/users/?limit=1&offset=2&search=ada");
}

TEST_F(Lists, AreFilteredByEquality) {
  EXPECT_THAT(usernames("?username=Bob"), ElementsAre("Bob"));
  EXPECT_THAT(usernames("?username=bob"), IsEmpty());
  EXPECT_THAT(usernames("?client=true"), IsEmpty());
  EXPECT_THAT(usernames("?actor=1&search=bob"), ElementsAre("Bob"));
  EXPECT_THAT(usernames("?id=00000000000040008000000000000002"), ElementsAre("Bob"));
  world.deactivate(2);
  EXPECT_THAT(usernames("?x_active=false"), ElementsAre("Bob"));
}

TEST_F(Lists, RefuseAndNameWhatTheyDoNotKnow) {
  for (const std::string path : {"/api/users/", "/api/groups/", "/api/models/", "/api/trainings/",
                                 "/api/users/groups/", "/api/users/trainings/"}) {
    for (const auto* query : {"?colour=red", "?ordering=colour"}) {
      const auto answer = send(1, "GET", path + query);
      EXPECT_EQ(answer.status, 400) << path << query;
      EXPECT_THAT(text_of(answer), HasSubstr("colour")) << path << query;
    }
  }
  EXPECT_EQ(send(1, "GET", metrics + "?step=first").status, 400);
  EXPECT_EQ(send(2, "GET", metrics + "?step=first").status, 403);
  EXPECT_EQ(send(1, "GET", "/api/users/?format=json").status, 200);
}

TEST_F(Lists, OfTrainingsAreFilteredByStateAndMethod) {
  add_model(11, "second");
  add_training(20, 10, domain::AggregationMethod::fed_prox);
  add_training(21, 11, domain::AggregationMethod::fed_avg);
  world.apply(id_number<domain::TrainingId>(21), domain::TrainingEvent{domain::TrainingStarted{}});
  const auto targets = [&](const std::string& query) {
    return values("/api/trainings/" + query, "target_num_updates");
  };
  EXPECT_THAT(targets("?state=O"), ElementsAre(21));
  EXPECT_THAT(targets("?state=I"), ElementsAre(20));
  EXPECT_THAT(targets("?aggregation_method=FedProx"), ElementsAre(20));
  EXPECT_THAT(targets("?ordering=-target_num_updates"), ElementsAre(21, 20));
  EXPECT_THAT(targets("?ordering=last_update"), ElementsAre(20, 21));
  EXPECT_THAT(targets("?search=prox"), ElementsAre(20));
  EXPECT_THAT(targets("?locked=true"), IsEmpty());
  EXPECT_EQ(send(1, "GET", "/api/trainings/?state=X").status, 400);
  EXPECT_EQ(get("/api/users/trainings/?limit=1", 2)["count"], 2);
}

TEST_F(Lists, OfModelsAreAskedLikeOthers) {
  add_model(11, "Second");
  EXPECT_THAT(values("/api/models/?ordering=-name", "name"), ElementsAre("first", "Second"));
  EXPECT_THAT(values("/api/models/?search=SECOND", "name"), ElementsAre("Second"));
  EXPECT_THAT(values("/api/models/?has_preprocessing=false&limit=1&offset=1", "name"), ElementsAre("Second"));
  EXPECT_EQ(get("/api/models/?limit=1")["count"], 2);
}

TEST_F(Lists, OfATrainingsModelsAreAskedLikeOthers) {
  add_training(20, 10, domain::AggregationMethod::fed_avg);
  const std::string path = "/api/trainings/00000000-0000-4000-8000-000000000014/models/";
  world.apply(id_number<domain::TrainingId>(20), domain::TrainingEvent{domain::TrainingStarted{}});
  world.apply(id_number<domain::TrainingId>(20), domain::TrainingEvent{domain::RoundOpened{0}});
  world.apply(id_number<domain::TrainingId>(20),
              domain::TrainingEvent{domain::UpdateAccepted{
                  id_number<domain::UserId>(2), id_number<domain::ModelId>(12), 0, domain::BlobId{}, 7, {}}});
  EXPECT_EQ(get(path).size(), 2U);
  EXPECT_EQ(get(path + "?limit=1&offset=1")["results"][0]["sample_size"], 7);
  EXPECT_EQ(get(path + "?sample_size=7").size(), 1U);
  EXPECT_EQ(get(path + "?base_model=00000000-0000-4000-8000-00000000000a").size(), 1U);
  EXPECT_EQ(get(path + "latest/?limit=1")["count"], 2);
  EXPECT_EQ(get("/api/models/?search=first&limit=3", 2)["count"], 1);
  add_user(3, "stranger");
  EXPECT_EQ(get(path + "?limit=1", 3)["count"], 0);
}

TEST_F(Lists, OfGroupsAreAskedLikeOthers) {
  world.group(1, "clinics", {owner.id});
  world.group(2, "Labs", {owner.id});
  EXPECT_THAT(values("/api/groups/?ordering=-id", "name"), ElementsAre("Labs", "clinics"));
  EXPECT_THAT(values("/api/groups/?id=2", "name"), ElementsAre("Labs"));
  EXPECT_THAT(values("/api/users/groups/?search=lab", "name"), ElementsAre("Labs"));
  EXPECT_EQ(get("/api/groups/?limit=1")["count"], 2);
  EXPECT_EQ(get("/api/users/groups/?limit=1")["count"], 2);
}

TEST_F(Lists, OfMetricsAreAskedLikeOthers) {
  report("loss", 0.5, 0);
  report("f1", 0.75, 1);
  report("loss", std::numeric_limits<double>::quiet_NaN(), 1);
  report("loss", 0.25, 2);
  EXPECT_THAT(values(metrics + "?key=loss&ordering=value_float", "step"), ElementsAre(1, 2, 0));
  EXPECT_THAT(values(metrics + "?step=1", "key"), ElementsAre("f1", "loss"));
  EXPECT_THAT(values(metrics + "?limit=2&offset=1", "key"), ElementsAre("f1", "loss"));
  EXPECT_EQ(get(metrics + "?limit=2")["count"], 4);
  EXPECT_EQ(get(metrics + "?reporter=00000000-0000-4000-8000-000000000002").size(), 0U);
}

TEST_F(Lists, AreCutOffWhereTheyAreTooLongAndSayHowToGoOn) {
  settings.limits.list_bytes_max = 400;
  const auto refused = send(1, "GET", "/api/users/");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(text_of(refused), HasSubstr("limits.list_bytes_max"));
  EXPECT_THAT(text_of(refused), HasSubstr("?limit=100&offset=0"));
  EXPECT_EQ(get("/api/users/?limit=1")["count"], 2);
}

class ListsWithFiles : public Lists {
 protected:
  static constexpr std::size_t file_bytes = 3'000'000;

  ListsWithFiles() { add_model_with_file(11); }

  void add_model_with_file(std::uint8_t number) {
    domain::BlobId file;
    file.digest[31] = number;
    gateway.blobs[file] = std::string(file_bytes, 'f');
    world.model({.model = id_number<domain::ModelId>(number),
                 .owner = owner.id,
                 .name = "large",
                 .description = "d",
                 .input_shape = {},
                 .weights = domain::BlobId{},
                 .preprocessing = file,
                 .members = {},
                 .copied_from = {}});
  }
  Response list(Application& application, const std::string& path = "/api/models/") {
    auto request = make_request("GET", path, {{"Authorization", "Token " + token_of(1)}, {"Host", "h"}});
    request.id = "request-1";
    StringBody body{""};
    return application.answer(request, body);
  }
};

TEST_F(ListsWithFiles, ShareTheMemoryThatIsForAllOfThem) {
  settings.limits.list_memory_bytes_max = 10'000'000;
  Application application{gateway, settings};
  auto first = list(application);
  EXPECT_EQ(first.status, 200);
  const auto refused = list(application);  // the first one's text is not on its way yet
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.get("Retry-After"), "5");
  EXPECT_THAT(text_of(refused), HasSubstr("limits.list_memory_bytes_max"));
  EXPECT_EQ(list(application, "/api/models/00000000-0000-4000-8000-00000000000b/metadata/").status, 503);
  EXPECT_EQ(list(application, "/api/users/").status, 200) << "what is short needs no share";
  first.share.reset();
  EXPECT_EQ(list(application).status, 200);
}

TEST_F(ListsWithFiles, AreRefusedBeforeAFileIsReadThatIsTooLong) {
  settings.limits.list_bytes_max = 4'000'000;
  gateway.blobs.begin()->second.resize(3'000'001);
  EXPECT_EQ(send(1, "GET", "/api/models/").status, 400);
  const auto metadata = send(1, "GET", "/api/models/00000000-0000-4000-8000-00000000000b/metadata/");
  EXPECT_EQ(metadata.status, 400);
  EXPECT_THAT(text_of(metadata), HasSubstr("a model's files one by one"));
  EXPECT_EQ(gateway.blobs_read, 0);
}

TEST_F(ListsWithFiles, LeaveOutAModelThatIsDeletedWhileTheyAreWritten) {
  add_model_with_file(12);
  add_model(13, "last");
  gateway.deleted_blobs.insert(gateway.blobs.begin()->first);
  EXPECT_THAT(values("/api/models/", "name"), ElementsAre("first", "large", "last"));
  gateway.deleted_blobs.insert(gateway.blobs.rbegin()->first);
  EXPECT_THAT(values("/api/models/", "name"), ElementsAre("first", "last"));
}

TEST_F(Lists, CostWhatAPageShowsHoweverManyUsersThereAre) {
  const auto cost = [&](const std::string& path) {
    const auto before = world.reads();
    EXPECT_EQ(send(1, "GET", path).status, 200);
    return world.reads() - before;
  };
  for (std::uint8_t number = 3; number <= 100; ++number) add_user(number, "user " + std::to_string(number));
  const auto page = cost("/api/users/?limit=5");
  const auto everything = cost("/api/users/");
  for (std::uint8_t number = 101; number <= 200; ++number) add_user(number, "user " + std::to_string(number));
  EXPECT_EQ(cost("/api/users/?limit=5"), page);
  EXPECT_GT(cost("/api/users/"), everything + 100);  // what the guard must catch
}

TEST_F(Lists, KeepNoMoreRowsThanCanBeOrderedAtOnce) {
  struct Number {
    std::int64_t value;
  };
  const ListTable<Number> table{{{{.rule = {.name = "value", .type = FieldType::integer}},
                                  [](const Number& number) -> json { return number.value; }}}};
  std::int64_t last = 0;
  const storage::List<Number> list{[&] { return static_cast<std::uint64_t>(last); },
                                   [&](std::uint64_t, const storage::List<Number>::Visit& visit) {
                                     for (auto value = last; value > 0 && visit({value}); --value) {
                                     }
                                   }};
  const auto write = [](BoundedText& text, const Number& number) -> actors::Result<void> {
    text.text() += std::to_string(number.value);
    return {};
  };
  MemoryBudget memory{1 << 20};
  const auto answer = [&](const std::string& query) {
    return list_response(make_request("GET", "/" + query), list, table,
                         {.size_bytes_max = 1 << 20, .memory = memory}, write);
  };
  last = static_cast<std::int64_t>(ordered_rows_max);
  EXPECT_EQ(answer("?ordering=value").status, 200);
  last += 1;
  const auto refused = answer("?ordering=value");
  EXPECT_EQ(refused.status, 400);
  EXPECT_THAT(text_of(refused), HasSubstr(R"({"ordering":["More than 100000 results)"));
  EXPECT_EQ(answer("?ordering=value&limit=2&offset=99999").status, 400);
  EXPECT_EQ(
      text_of(answer("?ordering=value&limit=2&offset=1")),
      R"({"count":100001,"next":"/?limit=2&offset=3&ordering=value","previous":"/?limit=2&ordering=value",)"
      R"("results":[2,3]})");
  EXPECT_EQ(text_of(answer("?ordering=value&value=5")), "[5]");
}

}  // namespace
}  // namespace fedlog::http
