#include "actors/training_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/actors/broken_journal.h"
#include "tests/actors/trainings.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// A storage with the example training in it, driven by a process of its own.
class LiveTraining {
 public:
  LiveTraining() {
    const auto model = storage::testing::upload(1);
    EXPECT_TRUE(journal().append_and_wait(model));
    EXPECT_TRUE(journal().append_and_wait(storage::testing::commit_of(
        stream, 0, {storage::EventCodec::encode(domain::TrainingEvent{facts()})})));
    const auto created = load();
    auto ports = recorded_.ports();
    ports.append = [this](storage::Commit commit) { pending_.push_back(std::move(commit)); };
    process_.emplace(created.training, created.version, std::move(ports));
  }

  void carry_out(domain::TrainingCommand command) {
    process_->command(message(std::move(command)));
    while (!pending_.empty()) {
      auto commit = std::move(pending_.front());
      pending_.erase(pending_.begin());
      process_->committed(journal().append_and_wait(std::move(commit)));
    }
  }

  // Through to the test of the first round.
  void run_a_round() {
    carry_out(domain::StartTraining{by(1)});
    carry_out(update_of(3));
    carry_out(update_of(2));
    carry_out(domain::RecordAggregation{recorded_.aggregations.back(), blob_id(9)});
  }

  [[nodiscard]] LoadedTraining load() {
    auto loaded = load_training(journal(), storage_->codec(), training_id(1));
    EXPECT_TRUE(loaded.has_value()) << loaded.error();
    return std::move(*loaded);
  }

  // Keeps a snapshot that differs from the log, so that it can be seen whether it was used.
  void save_marked_snapshot() {
    auto marked = load();
    marked.training.reason = mark;
    save_snapshot(journal(), marked);
  }

  // Replaces bytes of the snapshot by others of the same length.
  void forge_snapshot(const std::string& from, const std::string& to) {
    auto bytes = journal().snapshot(stream).value();
    const auto place = bytes.find(from);
    ASSERT_NE(place, std::string::npos);
    journal().put_snapshot(stream, bytes.replace(place, from.size(), to));
  }

  [[nodiscard]] storage::Journal& journal() { return storage_->journal(); }
  [[nodiscard]] const storage::EventCodec& codec() const { return storage_->codec(); }
  [[nodiscard]] const TrainingProcess& process() const { return *process_; }

  static constexpr auto mark = "from the snapshot";
  const storage::StreamName stream = storage::stream_of(training_id(1));

 private:
  TemporaryFolder folder_;
  std::unique_ptr<storage::Storage> storage_ = storage::open_memory_storage(folder_.path());
  RecordedPorts recorded_;
  std::vector<storage::Commit> pending_;
  std::optional<TrainingProcess> process_;
};

TEST(LoadTraining, GivesTheStateThatTheLiveOneHas) {
  LiveTraining live;
  live.run_a_round();
  const auto loaded = live.load();
  EXPECT_EQ(loaded.training, live.process().training());
  EXPECT_EQ(loaded.version, live.process().version());
}

TEST(LoadTraining, IsAtVersionZeroWhereThereIsNone) {
  LiveTraining live;
  const auto loaded = load_training(live.journal(), live.codec(), training_id(77));
  ASSERT_TRUE(loaded.has_value());
  EXPECT_EQ(loaded->version, 0U);
}

TEST(LoadTraining, BeginsWithTheSnapshot) {
  LiveTraining live;
  live.run_a_round();
  live.save_marked_snapshot();
  EXPECT_EQ(live.load().training.reason, live.mark);
  EXPECT_EQ(live.load().version, live.process().version());
}

TEST(LoadTraining, AddsWhatHappenedAfterTheSnapshot) {
  LiveTraining live;
  live.carry_out(domain::StartTraining{by(1)});
  live.save_marked_snapshot();
  live.carry_out(update_of(2));
  live.carry_out(update_of(3));
  auto loaded = live.load();
  EXPECT_EQ(loaded.training.reason, live.mark);
  loaded.training.reason.clear();
  EXPECT_EQ(loaded.training, live.process().training());
  EXPECT_EQ(loaded.version, live.process().version());
}

TEST(LoadTraining, IgnoresASnapshotWhoseStateWasChanged) {
  LiveTraining live;
  live.run_a_round();
  live.save_marked_snapshot();
  live.forge_snapshot(live.mark, "fr0m the snapshot");
  EXPECT_EQ(live.load().training, live.process().training());
}

TEST(LoadTraining, IgnoresASnapshotOfAnotherRevisionOfTheCode) {
  LiveTraining live;
  live.run_a_round();
  live.save_marked_snapshot();
  live.forge_snapshot("revision\x04", "revision\x02");
  EXPECT_EQ(live.load().training, live.process().training());
}

TEST(LoadTraining, IgnoresASnapshotThatCannotBeRead) {
  LiveTraining live;
  live.run_a_round();
  live.journal().put_snapshot(live.stream, "no snapshot at all");
  EXPECT_EQ(live.load().training, live.process().training());
}

TEST(LoadTraining, IgnoresASnapshotOfAnotherLog) {
  LiveTraining live;
  LiveTraining other;
  live.carry_out(domain::StartTraining{by(1)});
  other.carry_out(domain::StartTraining{by(1)});
  other.save_marked_snapshot();
  live.journal().put_snapshot(live.stream, other.journal().snapshot(other.stream).value());
  EXPECT_EQ(live.load().training, live.process().training());
}

TEST(LoadTraining, IgnoresASnapshotFromBeyondTheEndOfTheLog) {
  LiveTraining live;
  LiveTraining longer;
  longer.run_a_round();
  longer.save_marked_snapshot();
  live.journal().put_snapshot(live.stream, longer.journal().snapshot(longer.stream).value());
  EXPECT_EQ(live.load().training, live.process().training());
  EXPECT_EQ(live.load().version, 1U);
}

TEST(LoadTraining, NamesTheEventThatCannotBeRead) {
  LiveTraining live;
  live.run_a_round();
  BrokenJournal broken{live.journal()};
  broken.break_stream(live.stream);
  const auto loaded = load_training(broken, live.codec(), training_id(1));
  ASSERT_FALSE(loaded.has_value());
  EXPECT_THAT(loaded.error(), HasSubstr("TrainingCreated"));
}

TEST(SaveSnapshot, KeepsNothingOfATrainingThatDoesNotExist) {
  LiveTraining live;
  save_snapshot(live.journal(), {});
  EXPECT_FALSE(live.journal().snapshot(storage::stream_of(domain::TrainingId{})));
}

}  // namespace
}  // namespace fedlog::actors
