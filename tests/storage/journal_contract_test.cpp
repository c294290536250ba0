#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "storage/data_folder.h"
#include "storage/envelope_codec.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;

struct InMemory {
  static std::unique_ptr<Storage> open(const std::filesystem::path& folder) {
    return open_memory_storage(folder);
  }
};

struct InDataFolder {
  static std::unique_ptr<Storage> open(const std::filesystem::path& folder) {
    auto storage = open_data_folder(folder / "data", {});
    if (!storage) throw std::runtime_error(storage.error());
    return std::move(*storage);
  }
};

// What every journal does, whatever it is made of.
template <class Implementation>
class JournalContract : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::unique_ptr<Storage> storage_ = Implementation::open(folder_.path());
  Journal& journal_ = storage_->journal();
};

using Implementations = ::testing::Types<InMemory, InDataFolder>;
class Names {
 public:
  template <class Implementation>
  static std::string GetName(int) {
    return std::is_same_v<Implementation, InMemory> ? "InMemory" : "InDataFolder";
  }
};
TYPED_TEST_SUITE(JournalContract, Implementations, Names);

TYPED_TEST(JournalContract, GivesPositionsAndVersionsFromOne) {
  const auto first = this->journal_.append_and_wait(upload(1));
  const auto second = this->journal_.append_and_wait(report(1, 1));
  const auto third = this->journal_.append_and_wait(upload(2));
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ((*first)[0].position, 1u);
  EXPECT_EQ((*first)[0].version, 1u);
  EXPECT_EQ((*second)[0].position, 2u);
  EXPECT_EQ((*second)[0].version, 2u);
  EXPECT_EQ((*third)[0].position, 3u);
  EXPECT_EQ((*third)[0].version, 1u);
  EXPECT_EQ(this->journal_.last_position(), 3u);
  EXPECT_EQ(this->journal_.version_of(stream_of(model_id(1))), 2u);
}

TYPED_TEST(JournalContract, KeepsWhatTheCommitSays) {
  auto commit = upload(1);
  commit.acting_user = user_id(7);
  commit.command.bytes[3] = 9;
  commit.correlation = "request-1";
  const auto envelope = this->journal_.append_and_wait(commit).value().at(0);
  EXPECT_EQ(envelope.stream, stream_of(model_id(1)));
  EXPECT_EQ(envelope.type, "ModelUploaded");
  EXPECT_EQ(envelope.revision, 1);
  EXPECT_EQ(envelope.acting_user, user_id(7));
  EXPECT_EQ(envelope.command, commit.command);
  EXPECT_EQ(envelope.correlation, "request-1");
  EXPECT_EQ(envelope.payload, commit.appends[0].events[0].payload);
  EXPECT_GT(envelope.time.microseconds, 1'700'000'000'000'000);
  EXPECT_EQ(encode_envelope(this->journal_.read_all(1, 10).at(0)), encode_envelope(envelope));
}

TYPED_TEST(JournalContract, RefusesAnAppendThatExpectsAnOlderVersion) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  ASSERT_TRUE(this->journal_.append_and_wait(report(1, 1)));
  const auto refused = this->journal_.append_and_wait(report(1, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, JournalErrorCode::version_mismatch);
  EXPECT_NE(refused.error().message.find("at version 2, not 1"), std::string::npos)
      << refused.error().message;
  EXPECT_EQ(this->journal_.last_position(), 2u);
  EXPECT_FALSE(this->journal_.failure());
}

TYPED_TEST(JournalContract, RefusesASecondCreationOfAStream) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  EXPECT_EQ(this->journal_.append_and_wait(upload(1)).error().code, JournalErrorCode::version_mismatch);
}

TYPED_TEST(JournalContract, WritesAllStreamsOfACommitOrNone) {
  auto both = upload(1);
  both.appends.push_back(upload(2).appends[0]);
  both.appends[1].expected_version = 5;
  both.secrets.push_back({"token/1", "secret"});
  EXPECT_FALSE(this->journal_.append_and_wait(both));
  EXPECT_EQ(this->journal_.last_position(), 0u);
  EXPECT_TRUE(this->journal_.read_stream(stream_of(model_id(1))).empty());
  EXPECT_FALSE(this->journal_.secret("token/1"));
  EXPECT_FALSE(this->storage_->views().model(model_id(1)));

  both.appends[1].expected_version = 0;
  const auto written = this->journal_.append_and_wait(both);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->size(), 2u);
  EXPECT_EQ((*written)[0].time, (*written)[1].time);
  EXPECT_EQ(this->journal_.secret("token/1"), "secret");
  EXPECT_EQ(this->journal_.version_of(stream_of(model_id(2))), 1u);
}

TYPED_TEST(JournalContract, ShowsACommitInStreamsViewsAndSecretsWhenItIsAcknowledged) {
  std::promise<bool> seen;
  this->journal_.append(registration(*this->storage_, 1, "ada"), [&](Committed committed) {
    const auto user = this->storage_->views().user(user_id(1));
    seen.set_value(committed.has_value() && user && user->username.text == "ada" &&
                   this->journal_.read_stream(stream_of(user_id(1))).size() == 1);
  });
  EXPECT_TRUE(seen.get_future().get());
}

TYPED_TEST(JournalContract, ChainsTheHashesOfAStream) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  ASSERT_TRUE(this->journal_.append_and_wait(upload(2)));
  ASSERT_TRUE(this->journal_.append_and_wait(report(1, 1)));
  const auto stream = this->journal_.read_stream(stream_of(model_id(1)));
  ASSERT_EQ(stream.size(), 2u);
  EXPECT_EQ(stream[0].previous, Hash{});
  EXPECT_EQ(stream[1].previous, stream[0].hash);
  for (const auto& envelope : stream) EXPECT_EQ(envelope.hash, hash_of(envelope));
}

TYPED_TEST(JournalContract, GivesIdsAndTimesThatNeverGoBack) {
  for (std::uint8_t number = 1; number <= 50; ++number) {
    ASSERT_TRUE(this->journal_.append_and_wait(upload(number)));
  }
  const auto log = this->journal_.read_all(1, 100);
  ASSERT_EQ(log.size(), 50u);
  for (std::size_t index = 0; index < log.size(); ++index) {
    EXPECT_EQ(log[index].id.uuid.bytes[6] >> 4, 7);
    EXPECT_EQ(log[index].id.uuid.bytes[8] >> 6, 2);
    if (index == 0) continue;
    EXPECT_LT(log[index - 1].id, log[index].id);
    EXPECT_LE(log[index - 1].time, log[index].time);
  }
}

TYPED_TEST(JournalContract, ReadsFromAVersionAndFromAPositionOn) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  ASSERT_TRUE(this->journal_.append_and_wait(report(1, 1)));
  ASSERT_TRUE(this->journal_.append_and_wait(report(1, 2)));
  ASSERT_TRUE(this->journal_.append_and_wait(upload(2)));
  const auto stream = this->journal_.read_stream(stream_of(model_id(1)), 2);
  ASSERT_EQ(stream.size(), 2u);
  EXPECT_EQ(stream[0].version, 2u);
  const auto some = this->journal_.read_all(2, 2);
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some[0].position, 2u);
  EXPECT_EQ(some[1].position, 3u);
  EXPECT_TRUE(this->journal_.read_all(5, 10).empty());
  EXPECT_TRUE(this->journal_.read_all(1, 0).empty());
  EXPECT_TRUE(this->journal_.read_stream("model/unknown").empty());
  EXPECT_EQ(this->journal_.version_of("model/unknown"), 0u);
}

TYPED_TEST(JournalContract, AnswersASecondUseOfAnIdempotencyKeyWithTheFirstReply) {
  auto first = upload(1);
  first.idempotency_key = "user/route/key";
  first.reply = "created model 1";
  ASSERT_TRUE(this->journal_.append_and_wait(first));
  auto second = upload(2);
  second.idempotency_key = "user/route/key";
  second.reply = "created model 2";
  const auto duplicate = this->journal_.append_and_wait(second);
  ASSERT_FALSE(duplicate);
  EXPECT_EQ(duplicate.error().code, JournalErrorCode::duplicate);
  EXPECT_EQ(duplicate.error().reply, "created model 1");
  EXPECT_EQ(this->journal_.last_position(), 1u);
  second.idempotency_key = "user/route/other";
  EXPECT_TRUE(this->journal_.append_and_wait(second));
}

TYPED_TEST(JournalContract, TellsTheReplyOfAnIdempotencyKeyThatWasUsed) {
  auto first = upload(1);
  first.idempotency_key = "user/route/key";
  first.reply = "created model 1";
  ASSERT_TRUE(this->journal_.append_and_wait(first));
  EXPECT_EQ(this->journal_.reply_to("user/route/key"), "created model 1");
  EXPECT_FALSE(this->journal_.reply_to("user/route/other"));
}

TYPED_TEST(JournalContract, ForgetsTheIdempotencyKeyOfACommitThatWasRefused) {
  auto commit = upload(1, 3);
  commit.idempotency_key = "key";
  ASSERT_FALSE(this->journal_.append_and_wait(commit));
  commit.appends[0].expected_version = 0;
  EXPECT_TRUE(this->journal_.append_and_wait(commit));
}

TYPED_TEST(JournalContract, RefusesAnEventOfMoreThan64KiB) {
  auto commit = upload(1);
  commit.appends[0].events[0].payload.assign(Journal::payload_max_bytes + 1, 'x');
  EXPECT_EQ(this->journal_.append_and_wait(commit).error().code, JournalErrorCode::event_too_large);
}

TYPED_TEST(JournalContract, RefusesAnEventThatCannotBeDecodedAndGoesOn) {
  auto commit = upload(1);
  commit.appends[0].events[0].payload = "no CBOR";
  EXPECT_EQ(this->journal_.append_and_wait(commit).error().code, JournalErrorCode::invalid_event);
  EXPECT_EQ(this->journal_.append_and_wait(report(9, 0)).error().code, JournalErrorCode::invalid_event);
  EXPECT_EQ(this->journal_.last_position(), 0u);
  EXPECT_TRUE(this->journal_.append_and_wait(upload(1)));
}

TYPED_TEST(JournalContract, ChangesAndErasesSecretsWithoutAnyEvent) {
  Commit commit;
  commit.secrets.push_back({"password/1", "hash"});
  const auto committed = this->journal_.append_and_wait(commit);
  ASSERT_TRUE(committed);
  EXPECT_TRUE(committed->empty());
  EXPECT_EQ(this->journal_.secret("password/1"), "hash");
  commit.secrets[0].value.reset();
  ASSERT_TRUE(this->journal_.append_and_wait(commit));
  EXPECT_FALSE(this->journal_.secret("password/1"));
}

TYPED_TEST(JournalContract, KeepsTheNewestSnapshotOfAStream) {
  EXPECT_FALSE(this->journal_.snapshot("training/1"));
  this->journal_.put_snapshot("training/1", "old");
  this->journal_.put_snapshot("training/1", "new");
  EXPECT_EQ(this->journal_.snapshot("training/1"), "new");
}

TYPED_TEST(JournalContract, GivesGaplessPositionsToEightThreads) {
  constexpr std::uint8_t threads = 8;
  constexpr std::uint64_t events_each = 100;
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> appenders;
    for (std::uint8_t thread = 1; thread <= threads; ++thread) {
      appenders.emplace_back([this, thread, &failures] {
        if (!this->journal_.append_and_wait(upload(thread))) ++failures;
        for (std::uint64_t version = 1; version < events_each; ++version) {
          if (!this->journal_.append_and_wait(report(thread, version))) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
  const auto log = this->journal_.read_all(1, 10'000);
  ASSERT_EQ(log.size(), threads * events_each);
  std::map<StreamName, std::uint64_t> versions;
  for (std::size_t index = 0; index < log.size(); ++index) {
    ASSERT_EQ(log[index].position, index + 1);
    ASSERT_EQ(log[index].version, ++versions[log[index].stream]);
  }
}

TYPED_TEST(JournalContract, LetsOneOfManyThreadsWinAVersion) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  std::atomic<int> winners = 0;
  {
    std::vector<std::jthread> rivals;
    for (int rival = 0; rival < 8; ++rival) {
      rivals.emplace_back(
          [&] { winners += this->journal_.append_and_wait(report(1, 1)).has_value() ? 1 : 0; });
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(this->journal_.version_of(stream_of(model_id(1))), 2u);
}

TYPED_TEST(JournalContract, TakesEffectInTheOrderOfTheCalls) {
  std::vector<std::future<bool>> results;
  for (std::uint64_t version = 0; version < 200; ++version) {
    auto result = std::make_shared<std::promise<bool>>();
    results.push_back(result->get_future());
    this->journal_.append(version == 0 ? upload(1) : report(1, version),
                          [result](Committed committed) { result->set_value(committed.has_value()); });
  }
  EXPECT_TRUE(std::ranges::all_of(results, [](auto& result) { return result.get(); }));
}

TYPED_TEST(JournalContract, MayBeAppendedToFromWithinItsAnswer) {
  std::promise<bool> second;
  this->journal_.append(upload(1), [&](Committed) {
    this->journal_.append(report(1, 1),
                          [&](Committed committed) { second.set_value(committed.has_value()); });
  });
  EXPECT_TRUE(second.get_future().get());
}

TYPED_TEST(JournalContract, GivesASnapshotThatLaterCommitsDoNotChange) {
  ASSERT_TRUE(this->journal_.append_and_wait(upload(1)));
  const auto snapshot = this->storage_->snapshot();
  ASSERT_TRUE(this->journal_.append_and_wait(upload(2)));
  EXPECT_TRUE(snapshot->get(Table::heads, stream_of(model_id(1))));
  EXPECT_FALSE(snapshot->get(Table::heads, stream_of(model_id(2))));
}

TYPED_TEST(JournalContract, SealsSecretsSoThatOnlyItReadsThem) {
  const auto sealed = this->storage_->seal("token");
  EXPECT_EQ(sealed.find("token"), std::string::npos);
  EXPECT_EQ(this->storage_->unseal(sealed), "token");
  auto damaged = sealed;
  damaged.back() ^= 1;
  EXPECT_FALSE(this->storage_->unseal(damaged));
  EXPECT_FALSE(this->storage_->unseal("short"));
}

}  // namespace
}  // namespace fedlog::storage
