#include "storage/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "storage/data_folder.h"
#include "storage/envelope_codec.h"
#include "storage/log_keys.h"
#include "storage/overlay.h"
#include "storage/rebuild_views.h"
#include "storage/table_journal.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// Four events in memory: a user, a model with a blob, a metric of it, another user. Faults are planted over
// it.
class Verification : public ::testing::Test {
 protected:
  Verification() {
    blob_ = storage_->blobs().put(std::as_bytes(std::span(std::string_view("weights")))).value();
    auto model = uploaded(1, user_id(1));
    model.weights = blob_;
    append(registration(*storage_, 1, "ada"));
    append(commit_of(stream_of(model_id(1)), 0, {EventCodec::encode(domain::ModelEvent{model})}));
    append(report(1, 1));
    append(registration(*storage_, 2, "grace"));
    snapshot_ = storage_->snapshot();
    planted_.emplace(*snapshot_);
    // The twin has no opening that would note which revision wrote its views.
    plant(Table::meta, "views-revision", big_endian(views_revision));
  }

  void append(Commit commit) {
    const auto committed = storage_->journal().append_and_wait(std::move(commit));
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  void plant(Table table, const std::string& key, const std::optional<std::string>& value) {
    value ? planted_->put(table, key, *value) : planted_->erase(table, key);
  }
  void plant(const Envelope& envelope) {
    plant(Table::log, log_key(envelope.position), encode_envelope(envelope));
  }
  [[nodiscard]] Envelope stored(std::uint64_t position) const {
    return read_log(*snapshot_, position, 1).at(0);
  }
  [[nodiscard]] Report verified(const VerifyOptions& options = {.views = true, .blob_contents = true}) const {
    return verify(*planted_, storage_->codec(), storage_->blobs(), options);
  }

  // The texts of all problems; empty where there are none.
  [[nodiscard]] std::string problems() const {
    std::string texts;
    for (const auto& problem : verified().problems) {
      texts += std::to_string(problem.position) + ": " + problem.text + "\n";
    }
    return texts;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Storage> storage_ = open_memory_storage(folder_.path());
  std::unique_ptr<TableReader> snapshot_;
  std::optional<Overlay> planted_;
  domain::BlobId blob_;
};

TEST_F(Verification, FindsNothingWhereNothingIsWrong) {
  EXPECT_EQ(problems(), "");
  const auto report = verified();
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.events, 4u);
  EXPECT_EQ(report.streams, 3u);
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_EQ(report.last_position, 4u);
  EXPECT_EQ(report.sound_until, 4u);
  EXPECT_EQ(report.last_hash, stored(4).hash);
}

TEST_F(Verification, FindsAMissingEvent) {
  plant(Table::log, log_key(2), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("3: positions 2 to 2 are missing"));
  EXPECT_EQ(verified().sound_until, 1u);
}

TEST_F(Verification, FindsAChangedEvent) {
  auto envelope = stored(3);
  envelope.acting_user = user_id(9);
  plant(envelope);
  EXPECT_THAT(problems(), HasSubstr("3: the hash does not fit the event"));
}

TEST_F(Verification, FindsAChangedEventWithAHashOfItsOwn) {
  auto envelope = stored(2);
  envelope.correlation = "another";
  envelope.hash = hash_of(envelope);
  plant(envelope);
  EXPECT_THAT(problems(), HasSubstr("3: it does not continue the hash chain"));
}

TEST_F(Verification, FindsAGapInAStream) {
  auto envelope = stored(3);
  envelope.version = 4;
  envelope.hash = hash_of(envelope);
  plant(envelope);
  EXPECT_THAT(problems(), HasSubstr("goes from version 1 to 4"));
}

TEST_F(Verification, FindsATimeThatGoesBack) {
  auto envelope = stored(3);
  envelope.time.microseconds = 1;
  envelope.hash = hash_of(envelope);
  plant(envelope);
  EXPECT_THAT(problems(), HasSubstr("3: its time is before the event before it"));
}

TEST_F(Verification, FindsAPayloadThatCannotBeDecoded) {
  auto envelope = stored(3);
  envelope.payload = "\xa0";
  envelope.hash = hash_of(envelope);
  plant(envelope);
  EXPECT_THAT(problems(), HasSubstr("expected 4 fields, found 0"));
}

TEST_F(Verification, FindsPersonalTextThatCannotBeDecrypted) {
  auto envelope = stored(1);
  envelope.payload[envelope.payload.size() / 2] ^= 1;
  envelope.hash = hash_of(envelope);
  plant(envelope);
  EXPECT_FALSE(verified().sound());
  EXPECT_EQ(verified().sound_until, 0u);
}

TEST_F(Verification, FindsBytesThatAreNoEnvelope) {
  plant(Table::log, log_key(3), "damaged");
  EXPECT_THAT(problems(), HasSubstr("3: the envelope cannot be decoded"));
}

TEST_F(Verification, FindsAWrongHead) {
  plant(Table::heads, stream_of(model_id(1)), "damaged");
  EXPECT_THAT(problems(), HasSubstr("the head of " + stream_of(model_id(1)) + " is not its last event"));
}

TEST_F(Verification, FindsAMissingHead) {
  plant(Table::heads, stream_of(model_id(1)), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("heads of streams are missing"));
}

TEST_F(Verification, FindsWrongIndexes) {
  plant(Table::streams, stream_key(stream_of(model_id(1)), 2), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("3: the index of streams does not lead to it"));
  plant(Table::streams, stream_key("model/x", 1), "x");
  plant(Table::streams, stream_key("model/x", 2), "x");
  EXPECT_THAT(problems(), HasSubstr("entries for events that do not exist"));
}

TEST_F(Verification, FindsMissingAndDamagedBlobs) {
  const auto place = storage_->blobs().path(blob_).value();
  std::ofstream(place) << "other bytes";
  EXPECT_THAT(problems(), HasSubstr("2: blob " + blob_.text() + " is damaged"));
  EXPECT_TRUE(verified({.views = true, .blob_contents = false}).sound());
  std::filesystem::remove(place);
  EXPECT_THAT(problems(), HasSubstr("2: blob " + blob_.text() + " is missing"));
}

// A training of the model, with a blob of its own; then both are deleted.
class DeletedThings : public Verification {
 protected:
  DeletedThings() {
    happens_to_model(domain::ModelJoinedTraining{training_id(1)});
    auto creation = created(1, 1, user_id(1), {user_id(2)});
    creation.weights = blob_;
    happens(creation);
    happens(domain::TrainingStarted{});
    happens(domain::RoundOpened{0});
    happens(domain::UpdateAccepted{user_id(2), model_id(5), 0, update, 10, {}});
  }

  void happens_to(const StreamName& stream, NewEvent event) {
    append(commit_of(stream, storage_->journal().version_of(stream), {std::move(event)}));
  }
  void happens_to_model(const domain::ModelEvent& event) {
    happens_to(stream_of(model_id(1)), EventCodec::encode(event));
  }
  void happens(const domain::TrainingEvent& event) {
    happens_to(stream_of(training_id(1)), EventCodec::encode(event));
  }
  void remove(domain::BlobId blob) { std::filesystem::remove(storage_->blobs().path(blob).value()); }

  domain::BlobId update = storage_->blobs().put(std::as_bytes(std::span(std::string_view("update")))).value();
};

TEST_F(DeletedThings, NeedNoBlobs) {
  EXPECT_EQ(verify(*storage_, {}).blobs, 2U);
  EXPECT_EQ(verify(*storage_, {}).unused_blobs, 0U);
  happens(domain::TrainingDeleted{});
  happens_to_model(domain::ModelDeleted{});
  EXPECT_TRUE(verify(*storage_, {}).sound());
  EXPECT_EQ(verify(*storage_, {}).blobs, 0U);
  EXPECT_EQ(verify(*storage_, {}).unused_blobs, 2U);
  remove(update);
  remove(blob_);
  EXPECT_TRUE(verify(*storage_, {}).sound());
  EXPECT_EQ(verify(*storage_, {}).unused_blobs, 0U);
}

TEST_F(DeletedThings, DoNotExcuseAMissingBlobOfWhatIsThere) {
  remove(update);
  EXPECT_EQ(verify(*storage_, {}).problems.at(0).text, "blob " + update.text() + " is missing");
  happens(domain::TrainingDeleted{});
  happens_to_model(domain::ModelLeftTraining{
      .round = 0, .weights = blob_, .preprocessing = {}, .swag_first_moment = {}, .swag_second_moment = {}});
  EXPECT_TRUE(verify(*storage_, {}).sound());
  remove(blob_);
  EXPECT_EQ(verify(*storage_, {}).problems.at(0).text, "blob " + blob_.text() + " is missing");
}

class Settlements : public DeletedThings {
 protected:
  void request() {
    domain::Notification notification;
    notification.training = training_id(1);
    notification.model = model_id(1);
    notification.receiver = user_id(2);
    happens(domain::NotificationRequested{notification});
    requested = storage_->journal().read_stream(stream_of(training_id(1))).back().id;
  }
  void settle(domain::EventId notification) {
    domain::NotificationSettled settled;
    settled.notification = notification;
    settled.receiver = user_id(2);
    happens(settled);
  }
  [[nodiscard]] std::string problem() const {
    const auto report = verify(*storage_, {});
    return report.sound() ? "" : report.problems.at(0).text;
  }

  domain::EventId requested;
};

TEST_F(Settlements, AreOfNotificationsThatWereRequested) {
  request();
  settle(requested);
  EXPECT_EQ(problem(), "");
  settle(id<domain::EventId>(9));
  EXPECT_THAT(problem(), HasSubstr("is settled, but was not requested"));
}

TEST_F(Settlements, ComeOnce) {
  request();
  settle(requested);
  settle(requested);
  EXPECT_THAT(problem(), HasSubstr("was settled before"));
}

TEST_F(Verification, FindsWrongViews) {
  plant(Table::views, "u/unexpected", "row");
  EXPECT_THAT(problems(), HasSubstr("the views differ from what the log adds up to"));
  EXPECT_TRUE(verified({.views = false, .blob_contents = false}).sound());
}

TEST_F(Verification, CountsAllProblemsAndKeepsTheFirstHundred) {
  for (int number = 0; number < 150; ++number) {
    plant(Table::heads, "model/unknown " + std::to_string(number), "head");
  }
  EXPECT_EQ(verified().problems.size(), 100u);
  EXPECT_EQ(verified().problems_in_all, 150u);
}

}  // namespace
}  // namespace fedlog::storage
