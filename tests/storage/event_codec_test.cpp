#include "storage/event_codec.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/storage/examples.h"
#include "tests/storage/hex.h"

namespace fedlog::storage {
namespace {

using namespace testing;

class OneKey final : public KeyRing {
 public:
  std::optional<UserKey> key;
  std::optional<UserKey> key_of(domain::UserId) const override { return key; }
  std::string lookup_digest(std::string_view text) const override { return std::string(text); }
};

UserKey example_key() {
  UserKey key;
  key.fill(0x5a);
  return key;
}

domain::Metric number_metric() {
  return {.name = "loss", .number = 0.125, .blob = std::nullopt};
}
domain::Metric blob_metric() {
  return {.name = "curve", .number = std::nullopt, .blob = blob_id(3)};
}

domain::Notification notification() {
  return {.receiver = user_id(2),
          .kind = domain::NotificationKind::update_round_start,
          .training = training_id(1),
          .model = model_id(1),
          .round = 4,
          .mu = 0.25,
          .reason = "No participant is left."};
}

std::vector<domain::UserEvent> user_events() {
  return {registered(1, "ada"),
          domain::UserChanged{user_id(1), domain::Personal{"Augusta"}, domain::Personal{"King"}, std::nullopt,
                              domain::Personal{"poll:"}},
          domain::UserWebhookSecretChanged{user_id(1), true},
          domain::UserTokenReplaced{user_id(1)},
          domain::UserPasswordChanged{user_id(1)},
          domain::UserDeactivated{user_id(1)},
          domain::UserActivated{user_id(1)}};
}

std::vector<domain::GroupEvent> group_events() {
  return {domain::GroupCreated{{1}, "clinics"}, domain::GroupRenamed{"hospitals"},
          domain::GroupMemberAdded{user_id(2)}, domain::GroupMemberRemoved{user_id(2)},
          domain::GroupDeleted{}};
}

std::vector<domain::ModelEvent> model_events() {
  auto mean = uploaded(2, user_id(1));
  mean.kind = domain::ModelKind::mean;
  mean.members = {model_id(1), model_id(3)};
  mean.copied_from = model_id(1);
  return {mean,
          domain::PreprocessingReplaced{blob_id(2)},
          domain::MetricsReported{user_id(2), model_id(1), 3, {number_metric(), blob_metric()}},
          domain::ModelJoinedTraining{training_id(1)},
          domain::ModelLeftTraining{5, blob_id(4), std::nullopt, blob_id(5), blob_id(6)},
          domain::ModelDeleted{}};
}

std::vector<domain::TrainingEvent> training_events() {
  auto creation = created(1, 1, user_id(1), {user_id(2), user_id(3)});
  creation.aggregation_method = domain::AggregationMethod::fed_dc;
  creation.uncertainty_method = domain::UncertaintyMethod::mc_dropout;
  creation.options = {.json = R"({"daisy_chain_period":5})",
                      .daisy_chain_period = 5,
                      .uncertainty_samples = 20,
                      .uncertainty_softmax = true,
                      .round_deadline_s = 600,
                      .test_deadline_s = 60,
                      .min_updates = 2,
                      .min_updates_fraction = 0.5,
                      .on_deadline = domain::OnDeadline::error,
                      .on_unreachable = domain::OnUnreachable::error,
                      .max_rounds_without_quorum = 3,
                      .mu = 0.25,
                      .open_to_join = true};
  creation.preprocessing = blob_id(6);
  return {
      creation,
      domain::ParticipantJoined{user_id(4)},
      domain::ParticipantRemoved{user_id(4), "removed by the training's owner"},
      domain::TrainingStarted{},
      domain::RoundOpened{1},
      domain::UpdateAccepted{user_id(2), model_id(9), 1, blob_id(9), 128, {number_metric()}},
      domain::RoundClosed{1, {model_id(9), model_id(10)}},
      domain::RoundAggregated{1, blob_id(11)},
      domain::ModelsPassedOn{2, {model_id(10), model_id(9)}},
      domain::SwagRoundOpened{2},
      domain::MomentsAccepted{user_id(2), 2, blob_id(12), blob_id(13), "float32 [8]", 128},
      domain::SwagRoundClosed{2, {user_id(2), user_id(3)}},
      domain::MomentsAveraged{2, blob_id(14), blob_id(15)},
      domain::TestOpened{2},
      domain::TrainingCompleted{},
      domain::TrainingFailed{"No participant is left."},
      domain::TrainingCancelled{"Cancelled by its owner."},
      domain::TrainingPaused{},
      domain::TrainingResumed{},
      domain::DeadlineSet{{1'767'225'600'000'123}},
      domain::DeadlinePassed{2, domain::Phase::updating, {user_id(2)}, true},
      domain::TrainingDeleted{},
      domain::NotificationRequested{notification()},
      domain::NotificationSettled{id<domain::EventId>(7), user_id(2), domain::DeliveryOutcome::refused, 404,
                                  1, "HTTP status 404", domain::NotificationKind::update_round_start, 4}};
}

Envelope envelope_of(const NewEvent& event, StreamName stream) {
  Envelope envelope;
  envelope.position = 1;
  envelope.stream = std::move(stream);
  envelope.version = 1;
  envelope.type = event.type;
  envelope.revision = event.revision;
  envelope.payload = event.payload;
  return envelope;
}

std::string golden(const NewEvent& event) {
  std::ifstream file(FEDLOG_GOLDEN "/" + event.type + "." + std::to_string(event.revision) + ".hex");
  std::string hex;
  file >> hex;
  return hex;
}

class EventCodecTest : public ::testing::Test {
 protected:
  EventCodecTest() { keys_.key = example_key(); }
  OneKey keys_;
  EventCodec codec_{keys_};
  NewEvent registration_ = EventCodec::encode(domain::UserEvent{registered(1, "ada")}, example_key());
  Envelope registration_envelope_ = envelope_of(registration_, stream_of(user_id(1)));
};

TEST_F(EventCodecTest, WritesAndReadsTheReleasedBytesOfEveryEvent) {
  for (const auto& event : user_events()) {
    const auto encoded = EventCodec::encode(event, example_key());
    EXPECT_EQ(to_hex(encoded.payload), golden(encoded)) << encoded.type;
    auto stored = envelope_of(encoded, stream_of(user_id(1)));
    stored.payload = from_hex(golden(encoded));
    EXPECT_TRUE(codec_.decode_user(stored) == event) << encoded.type;
  }
  for (const auto& event : group_events()) {
    const auto encoded = EventCodec::encode(event);
    EXPECT_EQ(to_hex(encoded.payload), golden(encoded)) << encoded.type;
    auto stored = envelope_of(encoded, "group/1");
    stored.payload = from_hex(golden(encoded));
    EXPECT_TRUE(codec_.decode_group(stored) == event) << encoded.type;
  }
  for (const auto& event : model_events()) {
    const auto encoded = EventCodec::encode(event);
    EXPECT_EQ(to_hex(encoded.payload), golden(encoded)) << encoded.type;
    auto stored = envelope_of(encoded, stream_of(model_id(1)));
    stored.payload = from_hex(golden(encoded));
    EXPECT_TRUE(codec_.decode_model(stored) == event) << encoded.type;
  }
  for (const auto& event : training_events()) {
    const auto encoded = EventCodec::encode(event);
    EXPECT_EQ(to_hex(encoded.payload), golden(encoded)) << encoded.type;
    auto stored = envelope_of(encoded, stream_of(training_id(1)));
    stored.payload = from_hex(golden(encoded));
    EXPECT_TRUE(codec_.decode_training(stored) == event) << encoded.type;
  }
}

TEST_F(EventCodecTest, CoversEveryKindOfEventWithAnExample) {
  // The two of a model that may be in a training's stream too have one example.
  EXPECT_EQ(user_events().size(), std::variant_size_v<domain::UserEvent>);
  EXPECT_EQ(group_events().size(), std::variant_size_v<domain::GroupEvent>);
  EXPECT_EQ(model_events().size(), std::variant_size_v<domain::ModelEvent>);
  EXPECT_EQ(training_events().size() + 2, std::variant_size_v<domain::TrainingEvent>);
}

TEST_F(EventCodecTest, ReadsTheBytesOfEarlierRevisions) {
  std::ifstream file(FEDLOG_GOLDEN "/ModelLeftTraining.1.hex");
  std::string hex;
  file >> hex;
  auto stored = envelope_of(EventCodec::encode(domain::ModelEvent{domain::ModelLeftTraining{}}),
                            stream_of(model_id(1)));
  stored.revision = 1;
  stored.payload = from_hex(hex);
  const domain::ModelEvent today =
      domain::ModelLeftTraining{5, blob_id(4), std::nullopt, std::nullopt, std::nullopt};
  const auto read = codec_.decode_model(stored);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(*read == today);
  EXPECT_TRUE(codec_.to_json(stored, false)->at("swag_first_moment").is_null());
  stored.payload += 'x';
  EXPECT_NE(codec_.decode_model(stored).error().message.find("1 bytes are left over"), std::string::npos);
}

// What a golden file of a training's stream holds, in the form of an earlier revision.
std::expected<domain::TrainingEvent, CodecError> read_golden(const EventCodec& codec, const std::string& type,
                                                             int revision) {
  std::ifstream file(FEDLOG_GOLDEN "/" + type + "." + std::to_string(revision) + ".hex");
  std::string hex;
  file >> hex;
  return codec.decode_training(
      envelope_of({.type = type, .revision = revision, .payload = from_hex(hex)}, stream_of(training_id(1))));
}

TEST_F(EventCodecTest, ReadsTrainingsThatWereCreatedWithoutDeadlines) {
  const auto read = read_golden(codec_, "TrainingCreated", 1);
  ASSERT_TRUE(read) << read.error().message;
  const auto& creation = std::get<domain::TrainingCreated>(*read);
  domain::TrainingOptions options;
  options.json = R"({"daisy_chain_period":5})";
  options.daisy_chain_period = 5;
  options.uncertainty_samples = 20;
  options.uncertainty_softmax = true;
  EXPECT_EQ(creation.options, options);
  EXPECT_EQ(creation.participants.size(), 2U);
  EXPECT_EQ(creation.preprocessing, blob_id(6));
}

TEST_F(EventCodecTest, ReadsNotificationsOfTheFirstRevision) {
  const auto read = read_golden(codec_, "NotificationRequested", 1);
  ASSERT_TRUE(read) << read.error().message;
  auto told = notification();
  told.mu.reset();
  told.reason.reset();
  EXPECT_EQ(std::get<domain::NotificationRequested>(*read).notification, told);
  const auto end = read_golden(codec_, "NotificationSettled", 1);
  ASSERT_TRUE(end) << end.error().message;
  const auto& settled = std::get<domain::NotificationSettled>(*end);
  EXPECT_EQ(settled.status, 404);
  EXPECT_FALSE(settled.kind);
  EXPECT_FALSE(settled.round);
}

TEST_F(EventCodecTest, HoldsSomethingOfEachOf2000ParticipantsInOneEvent) {
  const std::vector<domain::UserId> users(2000, user_id(2));
  const std::vector<domain::ModelId> models(2000, model_id(2));
  auto creation = created(1, 1, user_id(1), users);
  for (const domain::TrainingEvent& event :
       {domain::TrainingEvent{creation}, domain::TrainingEvent{domain::RoundClosed{1, models}},
        domain::TrainingEvent{domain::ModelsPassedOn{1, models}},
        domain::TrainingEvent{domain::SwagRoundClosed{1, users}},
        domain::TrainingEvent{domain::DeadlinePassed{1, domain::Phase::updating, users, false}}}) {
    const auto encoded = EventCodec::encode(event);
    EXPECT_LE(encoded.payload.size(), Journal::payload_max_bytes) << encoded.type;
  }
}

TEST_F(EventCodecTest, HidesPersonalTextInTheBytes) {
  for (const auto* text : {"ada", "First", "Last", "example.org"}) {
    EXPECT_EQ(registration_.payload.find(text), std::string::npos) << text;
  }
}

TEST_F(EventCodecTest, ReadsPersonalTextAsErasedWithoutTheKey) {
  keys_.key.reset();
  const auto event = codec_.decode_user(registration_envelope_);
  ASSERT_TRUE(event);
  EXPECT_EQ(std::get<domain::UserRegistered>(*event).username.text, "(erased)");
  EXPECT_EQ(std::get<domain::UserRegistered>(*event).user, user_id(1));
}

TEST_F(EventCodecTest, RefusesPersonalTextThatWasMovedToAnotherUser) {
  registration_envelope_.stream = stream_of(user_id(2));
  const auto event = codec_.decode_user(registration_envelope_);
  ASSERT_FALSE(event);
  EXPECT_NE(event.error().message.find("cannot be decrypted"), std::string::npos) << event.error().message;
}

TEST_F(EventCodecTest, NamesTheEventThatItCannotRead) {
  auto envelope = envelope_of(EventCodec::encode(domain::GroupEvent{domain::GroupRenamed{"x"}}), "group/1");
  envelope.payload += 'x';
  EXPECT_EQ(codec_.decode_group(envelope).error().message,
            "event GroupRenamed at position 1 (version 1 of group/1): 1 bytes are left over");
  envelope.revision = 2;
  EXPECT_NE(codec_.decode_group(envelope).error().message.find("revision 2 is not known"), std::string::npos);
  envelope.type = "GroupPainted";
  EXPECT_NE(codec_.decode_group(envelope).error().message.find("type is not known"), std::string::npos);
}

TEST_F(EventCodecTest, ShowsEventsAsJson) {
  EXPECT_EQ(codec_.to_json(registration_envelope_, true)->at("email"), "ada@example.org");
  EXPECT_EQ(codec_.to_json(registration_envelope_, false)->at("email"), "(personal)");
  const auto upload_envelope =
      envelope_of(EventCodec::encode(domain::ModelEvent{uploaded(1, user_id(2))}), stream_of(model_id(1)));
  const auto json = codec_.to_json(upload_envelope, false).value();
  EXPECT_EQ(json.at("owner"), user_id(2).text());
  EXPECT_EQ(json.at("kind"), "GLOBAL");
  EXPECT_EQ(json.at("input_shape").dump(), "[null,28,28]");
  EXPECT_EQ(json.at("weights"), blob_id(1).text());
  EXPECT_TRUE(json.at("preprocessing").is_null());
}

TEST_F(EventCodecTest, KnowsTheBlobsOfAnEvent) {
  const auto blobs_of = [&](const domain::ModelEvent& event) {
    return codec_.blobs_of(envelope_of(EventCodec::encode(event), stream_of(model_id(1)))).value();
  };
  EXPECT_EQ(blobs_of(uploaded(1, user_id(2))), std::vector{blob_id(1)});
  EXPECT_EQ(blobs_of(model_events()[2]), std::vector{blob_id(3)});
  EXPECT_TRUE(blobs_of(domain::ModelDeleted{}).empty());
}

}  // namespace
}  // namespace fedlog::storage
