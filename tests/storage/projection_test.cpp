#include "storage/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/overlay.h"
#include "storage/view_keys.h"
#include "tests/storage/projection_fixture.h"
#include "tests/storage/rows_of.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Projection, ListsUsersInOrderOfRegistrationAndFindsThemByName) {
  registers(9, "ada");
  registers(2, "grace");
  ASSERT_EQ(rows_of(views_.users()).size(), 2u);
  EXPECT_EQ(views_.users().count(), 2u);
  EXPECT_EQ(rows_of(views_.users())[0].username.text, "ada");
  EXPECT_EQ(rows_of(views_.users())[1].email.text, "grace@example.org");
  EXPECT_EQ(views_.user_by_name("grace")->id, user_id(2));
  EXPECT_FALSE(views_.user_by_name("Grace"));
  EXPECT_EQ(views_.user(user_id(9))->message_endpoint.text, "http://ada.example.org:8080");
  EXPECT_GT(views_.user(user_id(9))->created.microseconds, 0);
  EXPECT_FALSE(views_.user(user_id(1)));
}

TEST_F(Projection, ShowsAUserWhoseKeyIsGoneAsErased) {
  registers(1, "ada");
  Commit erasure;
  erasure.secrets.push_back({"user-key/" + user_id(1).text(), std::nullopt});
  ASSERT_TRUE(storage_->journal().append_and_wait(erasure));
  EXPECT_EQ(views_.user(user_id(1))->username.text, "(erased)");
  erasure.secrets[0].value = "damaged";
  ASSERT_TRUE(storage_->journal().append_and_wait(erasure));
  EXPECT_THROW(static_cast<void>(views_.user(user_id(1))), std::runtime_error);
  storage_ = open_memory_storage(folder_.path());  // nothing to compare
}

TEST_F(Projection, FollowsAGroupThroughItsLife) {
  registers(1, "ada");
  happens_to_group(1, domain::GroupCreated{{1}, "clinics"});
  happens_to_group(2, domain::GroupCreated{{2}, "labs"});
  happens_to_group(1, domain::GroupMemberAdded{user_id(1)});
  happens_to_group(1, domain::GroupRenamed{"hospitals"});
  EXPECT_FALSE(views_.group_by_name("clinics"));
  EXPECT_EQ(views_.group_by_name("hospitals")->id.number, 1);
  EXPECT_EQ(rows_of(views_.groups()).size(), 2u);
  EXPECT_EQ(views_.groups().count(), 2u);
  EXPECT_EQ(rows_of(views_.groups_of(user_id(1))).size(), 1u);
  EXPECT_THAT(views_.user(user_id(1))->groups, ElementsAre(domain::GroupId{1}));

  happens_to_group(2, domain::GroupDeleted{});
  EXPECT_EQ(views_.last_group_number(), 2);
  happens_to_group(1, domain::GroupMemberRemoved{user_id(1)});
  EXPECT_THAT(rows_of(views_.groups_of(user_id(1))), IsEmpty());
  happens_to_group(1, domain::GroupMemberAdded{user_id(1)});
  happens_to_group(1, domain::GroupDeleted{});
  EXPECT_EQ(views_.groups().count(), 0u);
  EXPECT_THAT(rows_of(views_.groups()), IsEmpty());
  EXPECT_THAT(rows_of(views_.groups_of(user_id(1))), IsEmpty());
  EXPECT_THAT(views_.user(user_id(1))->groups, IsEmpty());
  EXPECT_FALSE(views_.group_by_name("hospitals"));
}

TEST_F(Projection, ListsModelsOfTheirOwnerAndOfParticipants) {
  happens_to_model(5, uploaded(5, user_id(1)));
  creates_training();
  happens_to_model(3, uploaded(3, user_id(2)));
  EXPECT_THAT(models_of(1), ElementsAre(model_id(5), model_id(1)));
  EXPECT_THAT(models_of(2), ElementsAre(model_id(1), model_id(3)));
  happens(domain::ParticipantRemoved{user_id(2), "left"});
  EXPECT_THAT(models_of(2), ElementsAre(model_id(3)));
  happens(domain::ParticipantJoined{user_id(4)});
  EXPECT_THAT(models_of(4), ElementsAre(model_id(1)));
  EXPECT_EQ(views_.models_of(user_id(4)).count(), 1u);
}

TEST_F(Projection, DeletesAModelWithItsMetrics) {
  happens_to_model(1, uploaded(1, user_id(1)));
  happens_to_model(1, domain::MetricsReported{user_id(1), model_id(1), 0, {{"loss", 1.0, std::nullopt}}});
  EXPECT_EQ(rows_of(views_.metrics_of(model_id(1))).size(), 1u);
  happens_to_model(1, domain::ModelDeleted{});
  EXPECT_EQ(views_.metrics_of(model_id(1)).count(), 0u);
  EXPECT_FALSE(views_.model(model_id(1)));
  EXPECT_THAT(rows_of(views_.metrics_of(model_id(1))), IsEmpty());
  EXPECT_THAT(models_of(1), IsEmpty());
}

TEST_F(Projection, GivesMetricsIdsThatGrowAndFitIntoADouble) {
  creates_training();
  const auto first = happens(domain::MetricsReported{
      user_id(2), model_id(1), 0, {{"loss", 1.0, std::nullopt}, {"curve", std::nullopt, blob_id(1)}}});
  happens(domain::MetricsReported{user_id(3), model_id(1), 0, {{"loss", 2.0, std::nullopt}}});
  const auto metrics = rows_of(views_.metrics_of(model_id(1)));
  ASSERT_EQ(metrics.size(), 3u);
  EXPECT_EQ(views_.metrics_of(model_id(1)).count(), 3u);
  EXPECT_EQ(metrics[0].id, static_cast<std::int64_t>(first[0].position * 4096));
  EXPECT_EQ(metrics[1].id, metrics[0].id + 1);
  EXPECT_EQ(metrics[1].metric.blob, blob_id(1));
  EXPECT_GT(metrics[2].id, metrics[1].id);
  EXPECT_EQ(metrics[2].reporter, user_id(3));
}

TEST_F(Projection, ShowsATrainingToItsActorAndParticipants) {
  creates_training();
  const auto training = views_.training(training_id(1));
  ASSERT_TRUE(training);
  EXPECT_EQ(training->state, domain::TrainingState::initial);
  EXPECT_THAT(training->participants, ElementsAre(user_id(2), user_id(3)));
  EXPECT_EQ(rows_of(views_.trainings_of_actor(user_id(1))).size(), 1u);
  EXPECT_THAT(rows_of(views_.trainings_of_actor(user_id(2))), IsEmpty());
  EXPECT_EQ(rows_of(views_.trainings_of(user_id(1))).size(), 1u);
  EXPECT_EQ(rows_of(views_.trainings_of(user_id(2))).size(), 1u);
  EXPECT_THAT(rows_of(views_.trainings_of(user_id(4))), IsEmpty());
}

TEST_F(Projection, ShowsATrainingOfAnActorWhoTakesPartOnce) {
  happens_to_model(1, uploaded(1, user_id(1)));
  happens(created(1, 1, user_id(1), {user_id(1)}));
  EXPECT_EQ(rows_of(views_.trainings_of(user_id(1))).size(), 1u);
  EXPECT_EQ(views_.trainings_of(user_id(1)).count(), 1u);
  EXPECT_EQ(models_of(1).size(), 1u);
  EXPECT_EQ(views_.models_of(user_id(1)).count(), 1u);
}

TEST_F(Projection, KeepsALocalModelAsLongAsItsUpdateCounts) {
  creates_training();
  starts();
  updates(2, 10);
  const auto local = views_.model(model_id(10));
  ASSERT_TRUE(local);
  EXPECT_EQ(local->kind, domain::ModelKind::local);
  EXPECT_EQ(local->owner, user_id(2));
  EXPECT_EQ(local->base_model, model_id(1));
  EXPECT_EQ(local->training, training_id(1));
  EXPECT_EQ(local->sample_size, 10);
  EXPECT_EQ(local->weights, blob_id(10));
  EXPECT_THAT(models_of(2), ElementsAre(model_id(1), model_id(10)));
  ASSERT_EQ(rows_of(views_.metrics_of(model_id(10))).size(), 1u);
  EXPECT_EQ(rows_of(views_.metrics_of(model_id(10)))[0].reporter, user_id(2));

  updates(2, 11);
  EXPECT_FALSE(views_.model(model_id(10)));
  EXPECT_THAT(rows_of(views_.metrics_of(model_id(10))), IsEmpty());
  EXPECT_TRUE(views_.model(model_id(11)));

  updates(3, 12);
  const auto in_training = [&] {
    std::vector<domain::ModelId> ids;
    for (const auto& model : rows_of(views_.models_in(*views_.training(training_id(1))))) {
      ids.push_back(model.id);
    }
    return ids;
  };
  EXPECT_THAT(in_training(), ElementsAre(model_id(1), model_id(11), model_id(12)));
  EXPECT_EQ(views_.models_in(*views_.training(training_id(1))).count(), 3u);
  updates(2, 13);  // takes the place of an update in the middle
  EXPECT_FALSE(views_.model(model_id(11)));
  EXPECT_THAT(in_training(), ::testing::UnorderedElementsAre(model_id(1), model_id(12), model_id(13)));
  updates(2, 11);
  happens(domain::ParticipantRemoved{user_id(3), "left"});
  EXPECT_FALSE(views_.model(model_id(12)));

  happens(domain::RoundClosed{0, {model_id(11)}});
  EXPECT_TRUE(views_.model(model_id(11)));
  happens(domain::RoundAggregated{0, blob_id(20)});
  EXPECT_FALSE(views_.model(model_id(11)));
  EXPECT_THAT(models_of(2), ElementsAre(model_id(1)));
}

TEST_F(Projection, LetsTheGlobalModelFollowItsTraining) {
  creates_training();
  EXPECT_EQ(views_.model(model_id(1))->training, training_id(1));
  happens(domain::PreprocessingReplaced{blob_id(30)});
  EXPECT_EQ(views_.model(model_id(1))->preprocessing, blob_id(30));
  starts();
  updates(2, 10);
  happens(domain::RoundClosed{0, {model_id(10)}});
  happens(domain::RoundAggregated{0, blob_id(20)});
  EXPECT_EQ(views_.model(model_id(1))->round, 1);
  EXPECT_EQ(views_.model(model_id(1))->weights, blob_id(20));
}

TEST_F(Projection, ListsTrainingsThatWaitForAnAggregation) {
  creates_training();
  starts();
  updates(2, 10);
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
  happens(domain::RoundClosed{0, {model_id(10)}});
  EXPECT_THAT(views_.trainings_with_pending_work(), ElementsAre(training_id(1)));
  happens(domain::RoundAggregated{0, blob_id(20)});
  happens(domain::TestOpened{1});
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
}

TEST_F(Projection, ListsTrainingsThatWaitForADeadline) {
  creates_training();
  starts();
  happens(domain::DeadlineSet{{77}});
  EXPECT_THAT(views_.trainings_with_pending_work(), ElementsAre(training_id(1)));
  happens(domain::TrainingPaused{});
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
  happens(domain::TrainingResumed{});
  happens(domain::DeadlineSet{{78}});
  EXPECT_EQ(views_.training(training_id(1))->deadline, domain::Timestamp{78});
  happens(domain::DeadlinePassed{0, domain::Phase::updating, {user_id(3)}, false});
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
}

TEST_F(Projection, ListsNoTrainingThatIsPausedWhileItWaitsForTheServer) {
  creates_training();
  starts();
  updates(2, 10);
  happens(domain::RoundClosed{0, {model_id(10)}});
  happens(domain::TrainingPaused{});
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
  happens(domain::TrainingResumed{});
  EXPECT_THAT(views_.trainings_with_pending_work(), ElementsAre(training_id(1)));
}

TEST_F(Projection, ShowsHowTheLatestDeliveryToEachParticipantEnded) {
  creates_training();
  const auto settles = [&](std::uint8_t receiver, domain::NotificationKind kind, std::int64_t status) {
    return happens(domain::NotificationSettled{
        {}, user_id(receiver), domain::DeliveryOutcome::delivered, status, 1, "", kind, 0})[0]
        .time;
  };
  settles(3, domain::NotificationKind::training_start, 201);
  settles(2, domain::NotificationKind::training_start, 200);
  const auto at = settles(3, domain::NotificationKind::update_round_start, 202);
  settles(3, domain::NotificationKind::client_removed, 500);
  const auto deliveries = views_.training(training_id(1))->last_deliveries;
  ASSERT_EQ(deliveries.size(), 2U);
  EXPECT_EQ(deliveries[0].receiver, user_id(2));
  EXPECT_EQ(deliveries[1], (domain::Delivery{.receiver = user_id(3),
                                             .kind = domain::NotificationKind::update_round_start,
                                             .round = 0,
                                             .outcome = domain::DeliveryOutcome::delivered,
                                             .status = 202,
                                             .attempts = 1,
                                             .detail = "",
                                             .at = at}));
  happens(domain::TrainingDeleted{});
  settles(2, domain::NotificationKind::training_start, 200);
  EXPECT_EQ(storage_->snapshot()->get(Table::views, view_keys::last_delivery(training_id(1), user_id(2))),
            std::nullopt);
}

TEST_F(Projection, KeepsNotificationsInTheOutboxUntilTheyAreSettled) {
  creates_training();
  const auto request = [&](std::uint8_t receiver) {
    return happens(domain::NotificationRequested{{user_id(receiver), domain::NotificationKind::training_start,
                                                  training_id(1), model_id(1), std::nullopt}})[0];
  };
  const auto first = request(2);
  const auto second = request(3);
  ASSERT_EQ(views_.outbox(0, 10).size(), 2u);
  EXPECT_EQ(views_.outbox(0, 10)[0].id, first.id);
  EXPECT_EQ(views_.outbox(0, 10)[0].requested, first.time);
  EXPECT_EQ(views_.outbox(0, 1).size(), 1u);
  EXPECT_EQ(views_.outbox(first.position, 10).at(0).position, second.position);
  EXPECT_TRUE(views_.is_pending(first.position));
  ASSERT_EQ(views_.pending_in(training_id(1)).size(), 2u);
  EXPECT_EQ(views_.pending_in(training_id(1))[1].notification.receiver, user_id(3));
  EXPECT_EQ(views_.pending_in(training_id(1))[1].requested, second.time);
  EXPECT_THAT(views_.pending_in(training_id(2)), IsEmpty());

  const auto settled = happens(
      domain::NotificationSettled{first.id, user_id(2), domain::DeliveryOutcome::delivered, 200, 1, ""});
  EXPECT_FALSE(views_.is_pending(first.position));
  EXPECT_EQ(views_.outbox(0, 10).size(), 1u);
  EXPECT_EQ(views_.pending_in(training_id(1)).size(), 1u);
  EXPECT_EQ(views_.training(training_id(1))->last_update, settled[0].time);
}

TEST_F(Projection, DeletesATrainingWithAllThatHangsOnIt) {
  creates_training();
  starts();
  updates(2, 10);
  happens(domain::NotificationRequested{
      {user_id(2), domain::NotificationKind::training_start, training_id(1), model_id(1), std::nullopt}});
  happens(domain::RoundClosed{0, {model_id(10)}});
  happens(domain::TrainingDeleted{});
  EXPECT_FALSE(views_.training(training_id(1)));
  EXPECT_FALSE(views_.model(model_id(10)));
  EXPECT_THAT(views_.outbox(0, 10), IsEmpty());
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
  EXPECT_THAT(rows_of(views_.trainings_of(user_id(1))), IsEmpty());
  EXPECT_THAT(models_of(2), IsEmpty());
  EXPECT_FALSE(views_.model(model_id(1))->training);
  happens_to_model(1, domain::ModelLeftTraining{3, blob_id(21), std::nullopt, std::nullopt, std::nullopt});
  EXPECT_EQ(views_.model(model_id(1))->round, 3);
  EXPECT_EQ(views_.model(model_id(1))->weights, blob_id(21));
}

TEST_F(Projection, RefusesEventsThatDoNotFitWhatWasBefore) {
  EXPECT_THROW(happens(domain::TrainingStarted{}), std::runtime_error);
  creates_training();
  EXPECT_THROW(happens(created(1, 1, user_id(1), {})), std::runtime_error);
  EXPECT_THROW(happens(domain::TrainingCompleted{}), std::runtime_error);  // it was not started
  EXPECT_THROW(happens_to_group(7, domain::GroupRenamed{"x"}), std::runtime_error);
  EXPECT_THROW(append("planet/1", {{"PlanetFound", 1, "\xa0"}}), std::runtime_error);
}

TEST_F(Projection, MakesTheSameViewsOfTheSameLogAndSeesAPlantedDifference) {
  registers(1, "ada");
  creates_training();
  const auto snapshot = storage_->snapshot();
  Overlay changed(*snapshot);
  changed.put(Table::views, "u/unexpected", "row");
  EXPECT_NE(compare_views_with_log(changed, storage_->codec()), std::nullopt);
  Overlay missing(*snapshot);
  missing.erase(Table::views, "gl");
  EXPECT_EQ(compare_views_with_log(missing, storage_->codec()), std::nullopt);  // there is no group
  snapshot->scan(Table::views, "up/", {}, [&](std::string_view key, std::string_view) {
    missing.erase(Table::views, key);
    return true;
  });
  EXPECT_NE(compare_views_with_log(missing, storage_->codec()), std::nullopt);
}

}  // namespace
}  // namespace fedlog::storage
