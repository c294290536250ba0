#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "storage/projection_trainings.h"
#include "tests/storage/projection_fixture.h"

// What is kept for receivers who ask for their notifications.
namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct KeptInMemory {
  static std::unique_ptr<Storage> open(const std::filesystem::path& folder) {
    return open_memory_storage(folder);
  }
};

struct KeptInDataFolder {
  static std::unique_ptr<Storage> open(const std::filesystem::path& folder) {
    return open_data_folder(folder / "data", {}).value();
  }
};

template <class Implementation>
class KeptNotifications : public ::testing::Test {
 protected:
  KeptNotifications() {
    append(stream_of(model_id(1)), {EventCodec::encode(domain::ModelEvent{uploaded(1, user_id(1))})});
    opens(1);
  }
  void TearDown() override {
    EXPECT_EQ(compare_views_with_log(*storage_->snapshot(), storage_->codec()), std::nullopt);
  }

  std::vector<Envelope> append(const StreamName& stream, std::vector<NewEvent> events) {
    return storage_->journal()
        .append_and_wait(commit_of(stream, storage_->journal().version_of(stream), std::move(events)))
        .value();
  }
  void opens(std::uint8_t training) {
    append(stream_of(training_id(training)), {EventCodec::encode(domain::TrainingEvent{created(
                                                 training, 1, user_id(1), {user_id(2), user_id(3)})})});
  }

  // The position that each is given.
  std::vector<std::uint64_t> requests(std::uint8_t training, std::uint8_t receiver, std::size_t count = 1) {
    const domain::NotificationRequested requested{{.receiver = user_id(receiver),
                                                   .kind = domain::NotificationKind::update_round_start,
                                                   .training = training_id(training),
                                                   .model = model_id(1),
                                                   .round = 0}};
    const auto envelopes =
        append(stream_of(training_id(training)),
               std::vector<NewEvent>(count, EventCodec::encode(domain::TrainingEvent{requested})));
    std::vector<std::uint64_t> positions;
    for (const auto& envelope : envelopes) positions.push_back(envelope.position);
    return positions;
  }

  // All that are pending, the oldest first.
  void settles() {
    std::map<domain::TrainingId, std::vector<NewEvent>> events;
    for (const auto& row : storage_->views().outbox(0, 5'000)) {
      events[row.notification.training].push_back(
          EventCodec::encode(domain::TrainingEvent{domain::NotificationSettled{
              row.id, row.notification.receiver, domain::DeliveryOutcome::delivered, 200, 1, ""}}));
    }
    for (auto& [training, settlements] : events) append(stream_of(training), std::move(settlements));
  }

  std::vector<std::uint64_t> kept(std::uint8_t receiver, std::uint64_t after = 0, std::size_t limit = 5'000) {
    std::vector<std::uint64_t> positions;
    for (const auto& row : storage_->views().notifications_of(user_id(receiver), after, limit)) {
      positions.push_back(row.position);
    }
    return positions;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Storage> storage_ = Implementation::open(folder_.path());
};

using KeptIn = ::testing::Types<KeptInMemory, KeptInDataFolder>;
TYPED_TEST_SUITE(KeptNotifications, KeptIn);

TYPED_TEST(KeptNotifications, AreThoseOfOneReceiverInOrderAfterAPosition) {
  const auto first = this->requests(1, 2, 2);
  const auto others = this->requests(1, 3);
  const auto last = this->requests(1, 2);
  EXPECT_THAT(this->kept(2), ElementsAre(first[0], first[1], last[0]));
  EXPECT_THAT(this->kept(2, first[0]), ElementsAre(first[1], last[0]));
  EXPECT_THAT(this->kept(2, 0, 2), ElementsAre(first[0], first[1]));
  EXPECT_THAT(this->kept(2, last[0]), IsEmpty());
  EXPECT_THAT(this->kept(3), ElementsAre(others[0]));
  EXPECT_THAT(this->kept(4), IsEmpty());
}

TYPED_TEST(KeptNotifications, SayWhatWasRequestedAndWhen) {
  const auto envelope = this->append(
      stream_of(training_id(1)),
      {EventCodec::encode(domain::TrainingEvent{domain::NotificationRequested{
          {user_id(2), domain::NotificationKind::training_start, training_id(1), model_id(1), {}}}})})[0];
  const auto row = this->storage_->views().notifications_of(user_id(2), 0, 1).at(0);
  EXPECT_EQ(row.id, envelope.id);
  EXPECT_EQ(row.requested, envelope.time);
  EXPECT_EQ(row.notification.kind, domain::NotificationKind::training_start);
  EXPECT_EQ(row.notification.training, training_id(1));
}

TYPED_TEST(KeptNotifications, StayWhenTheyAreSettled) {
  const auto position = this->requests(1, 2)[0];
  const auto row = this->storage_->views().outbox(0, 1).at(0);
  this->append(stream_of(training_id(1)),
               {EventCodec::encode(domain::TrainingEvent{domain::NotificationSettled{
                   row.id, user_id(2), domain::DeliveryOutcome::delivered, 200, 1, ""}})});
  EXPECT_THAT(this->storage_->views().outbox(0, 1), IsEmpty());
  EXPECT_THAT(this->kept(2), ElementsAre(position));
}

TYPED_TEST(KeptNotifications, AreTheThousandOfEachReceiverThatWereSettledLast) {
  const auto old_ones = this->requests(1, 2, 3);
  this->requests(1, 3);
  const auto new_ones = this->requests(1, 2, notifications_kept - 1);
  this->settles();
  EXPECT_THAT(this->kept(2), SizeIs(notifications_kept));
  EXPECT_EQ(this->kept(2).front(), old_ones[2]);
  EXPECT_EQ(this->kept(2).back(), new_ones.back());
  EXPECT_THAT(this->kept(3), SizeIs(1));
}

// What others have in store for its receiver does not matter.
TYPED_TEST(KeptNotifications, AreAllThatArePending) {
  this->opens(2);
  const auto waiting = this->requests(1, 2);
  for (int count = 0; count < 2; ++count) this->requests(2, 2, notifications_kept);
  EXPECT_THAT(this->kept(2), SizeIs(2 * notifications_kept + 1));
  EXPECT_EQ(this->kept(2).front(), waiting[0]);
  this->settles();
  EXPECT_THAT(this->kept(2), SizeIs(notifications_kept));
  const auto more = this->requests(1, 2);
  EXPECT_EQ(this->kept(2).back(), more[0]);
}

TYPED_TEST(KeptNotifications, GoWithTheirTraining) {
  this->opens(2);
  this->requests(1, 2, 2);
  this->requests(1, 3, 2);
  this->settles();
  const auto of_the_other = this->requests(2, 2);
  this->append(stream_of(training_id(1)),
               {EventCodec::encode(domain::TrainingEvent{domain::TrainingDeleted{}})});
  EXPECT_THAT(this->kept(2), ElementsAre(of_the_other[0]));
  EXPECT_THAT(this->kept(3), IsEmpty());
  const auto more = this->requests(2, 2, notifications_kept);
  this->settles();
  EXPECT_THAT(this->kept(2), SizeIs(notifications_kept)) << "what went is not counted";
  EXPECT_EQ(this->kept(2).front(), more.front());
}

// Counts the rows that a scan would pass, were those that are erased still there, as they are for a while.
class WithTombstones final : public KeyValueWriter {
 public:
  std::optional<std::string> get(std::string_view key) const override {
    const auto found = rows_.find(std::string(key));
    return found == rows_.end() ? std::nullopt : found->second;
  }
  void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
    for (auto row = rows_.lower_bound(std::string(std::max(prefix, from)));
         row != rows_.end() && row->first.starts_with(prefix); ++row) {
      ++passed;
      if (row->second && !visit(row->first, *row->second)) return;
    }
  }
  void put(std::string_view key, std::string_view value) override { rows_[std::string(key)] = value; }
  void erase(std::string_view key) override { rows_[std::string(key)] = std::nullopt; }

  mutable std::size_t passed = 0;

 private:
  std::map<std::string, std::optional<std::string>> rows_;
};

TEST(KeptNotificationsOfALongLife, CostNoMoreThanTheFirst) {
  WithTombstones views;
  Envelope envelope;
  envelope.stream = stream_of(training_id(1));
  for (std::uint64_t count = 0; count < 3 * notifications_kept; ++count) {
    ++envelope.position;
    envelope.id.uuid.bytes[0] = static_cast<std::uint8_t>(count);
    envelope.id.uuid.bytes[1] = static_cast<std::uint8_t>(count >> 8);
    project_training(
        envelope,
        domain::NotificationRequested{
            {user_id(2), domain::NotificationKind::training_start, training_id(1), model_id(1), {}}},
        views);
    ++envelope.position;
    project_training(
        envelope,
        domain::NotificationSettled{envelope.id, user_id(2), domain::DeliveryOutcome::delivered, 200, 1, ""},
        views);
  }
  EXPECT_LE(views.passed, 3 * 2 * notifications_kept);
}

}  // namespace
}  // namespace fedlog::storage
