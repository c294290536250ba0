#include "tools/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::tools {
namespace {

using namespace storage::testing;
using nlohmann::json;
using storage::stream_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Lines = std::vector<nlohmann::ordered_json>;

class ControlRequests : public ::testing::Test {
 protected:
  void commit(storage::Commit commit) { ASSERT_TRUE(storage->journal().append_and_wait(std::move(commit))); }

  Lines lines_of(const json& request) {
    Lines lines;
    const auto outcome = answer_control_request(request, *storage, [&](const auto& line) {
      lines.push_back(line);
      return true;
    });
    EXPECT_TRUE(outcome.has_value()) << outcome.error();
    return lines;
  }

  std::string error_of(const json& request) {
    const auto outcome = answer_control_request(request, *storage, [](const auto&) { return true; });
    return outcome ? "" : outcome.error();
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
};

TEST_F(ControlRequests, ForAnEmptyLogAreAnsweredWithNothing) {
  EXPECT_THAT(lines_of({{"command", "log"}}), IsEmpty());
}

TEST_F(ControlRequests, ForTheLogOfAStreamGiveItsEnvelopes) {
  commit(upload(1));
  commit(upload(2));
  commit(report(1, 1));
  const auto lines = lines_of({{"command", "log"}, {"stream", stream_of(model_id(1))}});
  ASSERT_THAT(lines, SizeIs(2));
  std::vector<std::string> names;
  for (const auto& [name, value] : lines[1].items()) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("position", "stream", "version", "id", "type", "revision", "time",
                                 "acting_user", "command", "correlation", "payload", "previous", "hash"));
  EXPECT_EQ(lines[1]["position"], 3);
  EXPECT_EQ(lines[1]["version"], 2);
  EXPECT_EQ(lines[1]["type"], "MetricsReported");
  EXPECT_EQ(lines[1]["acting_user"], nullptr);
  EXPECT_EQ(lines[1]["payload"]["metrics"][0]["name"], "accuracy");
  EXPECT_EQ(lines[1]["previous"], lines[0]["hash"]);
}

TEST_F(ControlRequests, ForTheLogOfAStreamBeginWhereTheyAreToldTo) {
  commit(upload(1));
  commit(report(1, 1));
  commit(report(1, 2));
  const auto lines = lines_of({{"command", "log"}, {"stream", stream_of(model_id(1))}, {"from", 3}});
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["version"], 3);
}

TEST_F(ControlRequests, ForTheWholeLogReadItPageByPage) {
  commit(upload(1));
  constexpr std::uint64_t events = 2500;
  for (std::uint64_t version = 1; version < events; ++version) commit(report(1, version));
  const auto lines = lines_of({{"command", "log"}});
  ASSERT_THAT(lines, SizeIs(events));
  for (std::uint64_t index = 0; index < events; ++index) ASSERT_EQ(lines[index]["position"], index + 1);
  EXPECT_THAT(lines_of({{"command", "log"}, {"from", 2400}}), SizeIs(101));
  EXPECT_THAT(lines_of({{"command", "log"}, {"from", 2501}}), IsEmpty());
  EXPECT_THAT(lines_of({{"command", "log"}, {"from", 0}}), SizeIs(events)) << "positions begin with 1";
}

TEST_F(ControlRequests, StopWhenNobodyWantsMore) {
  for (std::uint8_t number = 1; number <= 5; ++number) commit(upload(number));
  int lines = 0;
  const auto outcome =
      answer_control_request({{"command", "log"}}, *storage, [&](const auto&) { return ++lines < 2; });
  EXPECT_TRUE(outcome.has_value());
  EXPECT_EQ(lines, 2);
}

TEST_F(ControlRequests, ShowPersonalFieldsOnlyWhenThatIsAsked) {
  commit(registration(*storage, 1, "ada"));
  const auto hidden = lines_of({{"command", "log"}}).at(0);
  const auto shown = lines_of({{"command", "log"}, {"reveal", true}}).at(0);
  EXPECT_EQ(hidden["payload"]["username"], "(personal)");
  EXPECT_EQ(hidden.dump().find("example.org"), std::string::npos);
  EXPECT_EQ(shown["payload"]["username"], "ada");

  const auto user = stream_of(user_id(1));
  const auto hidden_state = lines_of({{"command", "show"}, {"stream", user}}).at(0);
  const auto shown_state = lines_of({{"command", "show"}, {"stream", user}, {"reveal", true}}).at(0);
  EXPECT_EQ(hidden_state["state"]["email"], "(personal)");
  EXPECT_EQ(hidden_state.dump().find("ada"), std::string::npos);
  EXPECT_EQ(shown_state["state"]["email"], "ada@example.org");
}

TEST_F(ControlRequests, ForAnUnknownStreamAreRefused) {
  EXPECT_THAT(error_of({{"command", "log"}, {"stream", "model/x"}}),
              HasSubstr("There is no stream \"model/x\""));
  EXPECT_THAT(error_of({{"command", "show"}, {"stream", "model/x"}}),
              HasSubstr("There is no stream \"model/x\""));
  EXPECT_THAT(error_of({{"command", "show"}}), HasSubstr("There is no stream"));
}

TEST_F(ControlRequests, OfAnUnknownKindAreRefusedByName) {
  EXPECT_THAT(error_of({{"command", "erase"}}), HasSubstr("\"erase\""));
  EXPECT_THAT(error_of(json::object()), HasSubstr("does not know the command"));
}

TEST_F(ControlRequests, ShowTheStateOfEachKindOfStream) {
  commit(registration(*storage, 1, "ada"));
  commit(commit_of(stream_of(domain::GroupId{1}), 0,
                   {storage::EventCodec::encode(domain::GroupEvent{domain::GroupCreated{{1}, "first"}}),
                    storage::EventCodec::encode(domain::GroupEvent{domain::GroupMemberAdded{user_id(1)}})}));
  commit(upload(1));
  commit(commit_of(
      stream_of(training_id(1)), 0,
      {storage::EventCodec::encode(domain::TrainingEvent{created(1, 1, user_id(1), {user_id(2)})})}));
  const auto shown = [&](const std::string& stream) {
    const auto lines = lines_of({{"command", "show"}, {"stream", stream}});
    EXPECT_THAT(lines, SizeIs(1));
    EXPECT_EQ(lines[0]["stream"], stream);
    return lines[0];
  };
  EXPECT_EQ(shown(stream_of(user_id(1)))["state"]["id"], user_id(1).text());
  const auto group = shown("group/1");
  EXPECT_EQ(group["version"], 2);
  EXPECT_EQ(group["state"]["members"], json({user_id(1).text()}));
  EXPECT_EQ(shown(stream_of(model_id(1)))["state"]["name"], "mnist");
  const auto training = shown(stream_of(training_id(1)));
  EXPECT_EQ(training["state"]["state"], "I");
  EXPECT_EQ(training["state"]["participants"], json({user_id(2).text()}));
}

class Why : public ControlRequests {
 protected:
  Why() {
    commit(registration(*storage, 1, "ada"));
    commit(registration(*storage, 2, "bob"));
    commit(upload(1));
    training_events({created(1, 1, user_id(1), {user_id(2)}), domain::TrainingStarted{},
                     domain::RoundOpened{0}, request()});
  }

  void training_events(const std::vector<domain::TrainingEvent>& events) {
    std::vector<storage::NewEvent> encoded;
    for (const auto& event : events) encoded.push_back(storage::EventCodec::encode(event));
    commit(commit_of(stream, storage->journal().version_of(stream), std::move(encoded)));
  }

  static domain::TrainingEvent request() {
    return domain::NotificationRequested{{.receiver = user_id(2),
                                          .kind = domain::NotificationKind::update_round_start,
                                          .training = training_id(1),
                                          .model = model_id(1),
                                          .round = 0}};
  }

  nlohmann::ordered_json answer(bool reveal) {
    const auto lines = lines_of({{"command", "why"}, {"stream", stream}, {"reveal", reveal}});
    return lines.size() == 1 ? lines[0] : nlohmann::ordered_json{};
  }

  const std::string stream = stream_of(training_id(1));
};

TEST_F(Why, TellsWhatATrainingWaitsFor) {
  const auto status = answer(true);
  EXPECT_EQ(status["training_id"], training_id(1).text());
  EXPECT_EQ(status["waits_for"], "updates");
  EXPECT_THAT(status["summary"], HasSubstr("for the updates of 1 of 1 participant: bob."));
  EXPECT_THAT(status["awaited"][0]["says"], HasSubstr("bob: UPDATE_ROUND_START of round 0 is on its way"));
}

TEST_F(Why, AsksTheServerThatRuns) {
  domain::TrainingStatus running;
  running.waits_for = domain::Wait::tests;
  Lines lines;
  const auto outcome = answer_control_request(
      {{"command", "why"}, {"stream", stream}}, *storage,
      [&](const auto& line) {
        lines.push_back(line);
        return true;
      },
      [&](domain::TrainingId id) {
        EXPECT_EQ(id, training_id(1));
        return std::optional{running};
      });
  ASSERT_TRUE(outcome && lines.size() == 1);
  EXPECT_EQ(lines[0]["waits_for"], "tests");
}

TEST_F(Why, TellsNamesOnlyWhenThatIsAsked) {
  const auto status = answer(false);
  EXPECT_THAT(status["summary"], HasSubstr("1 participant: user/" + user_id(2).text() + "."));
  EXPECT_EQ(status.dump().find("bob"), std::string::npos);
}

TEST_F(Why, IsRefusedForWhatIsNoTraining) {
  for (const auto& other :
       {std::string{"training/x"}, stream_of(model_id(1)), stream_of(training_id(9)), std::string{}}) {
    EXPECT_THAT(error_of({{"command", "why"}, {"stream", other}}), HasSubstr("There is no training"));
  }
  training_events({domain::TrainingDeleted{}});
  EXPECT_THAT(error_of({{"command", "why"}, {"stream", stream}}), HasSubstr("was deleted"));
}

}  // namespace
}  // namespace fedlog::tools
