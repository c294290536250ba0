#include <gtest/gtest.h>

#include "domain/user_commands.h"
#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

class Account : public ::testing::Test {
 protected:
  Account() {
    UserRegistered registered;
    registered.user = test::user(1);
    registered.username = {"ada"};
    evolve(user, registered, {});
  }

  // The events are applied.
  std::size_t events_of(const UserCommand& command) {
    const auto events = decide(user, command);
    if (!events) {
      ADD_FAILURE() << events.error().message;
      return 0;
    }
    for (const auto& event : *events) evolve(user, event, {});
    return events->size();
  }

  Rejection rejection_of(const UserCommand& command) const {
    const auto events = decide(user, command);
    EXPECT_FALSE(events.has_value());
    return events ? Rejection{} : events.error();
  }

  User user;
  const Caller self{.id = test::user(1), .superuser = false};
  const Caller stranger{.id = test::user(2), .superuser = false};
  const Caller superuser{.id = test::user(3), .superuser = true};
};

TEST_F(Account, IsActiveFromTheStart) {
  EXPECT_TRUE(user.active);
}

TEST_F(Account, GetsATokenForItsOwnerAndForSuperusers) {
  EXPECT_EQ(events_of(ReplaceToken{self}), 1U);
  EXPECT_EQ(events_of(ReplaceToken{superuser}), 1U);
  EXPECT_EQ(rejection_of(ReplaceToken{stranger}).reason, Reason::permission_denied);
}

TEST_F(Account, ChangesItsPasswordForWhoKnowsTheOldOne) {
  EXPECT_EQ(events_of(ChangePassword{self, true}), 1U);
  const auto rejection = rejection_of(ChangePassword{self, false});
  EXPECT_EQ(rejection.reason, Reason::invalid_field);
  EXPECT_EQ(rejection.field, "old_password");
  EXPECT_EQ(events_of(ChangePassword{superuser, false}), 1U) << "superusers need none";
  EXPECT_EQ(rejection_of(ChangePassword{stranger, true}).reason, Reason::permission_denied);
}

TEST_F(Account, IsDeactivatedAndActivatedBySuperusers) {
  EXPECT_EQ(rejection_of(DeactivateUser{self}).reason, Reason::permission_denied);
  EXPECT_EQ(events_of(DeactivateUser{superuser}), 1U);
  EXPECT_FALSE(user.active);
  EXPECT_EQ(rejection_of(ActivateUser{self}).reason, Reason::permission_denied);
  EXPECT_EQ(events_of(ActivateUser{superuser}), 1U);
  EXPECT_TRUE(user.active);
}

TEST_F(Account, StaysWhatItIsWhenToldSoTwice) {
  EXPECT_EQ(events_of(ActivateUser{superuser}), 0U);
  EXPECT_EQ(events_of(DeactivateUser{superuser}), 1U);
  EXPECT_EQ(events_of(DeactivateUser{superuser}), 0U);
}

TEST_F(Account, OfTheLastActiveSuperuserCannotBeDeactivated) {
  user.superuser = true;
  EXPECT_EQ(rejection_of(DeactivateUser{superuser, false}).reason, Reason::invalid_request);
  EXPECT_EQ(events_of(DeactivateUser{superuser, true}), 1U);
  EXPECT_EQ(events_of(DeactivateUser{superuser, false}), 0U) << "it is not active anyway";
}

TEST_F(Account, OfAUserCanBeDeactivatedHoweverFewSuperusersThereAre) {
  EXPECT_EQ(events_of(DeactivateUser{superuser, false}), 1U);
}

TEST_F(Account, ChangesWhatItsOwnerOrASuperuserSays) {
  EXPECT_EQ(events_of(ChangeUser{.by = self, .first_name = "Ada", .message_endpoint = "poll:"}), 1U);
  EXPECT_EQ(events_of(ChangeUser{.by = superuser, .last_name = "Lovelace", .email = "ada@example.org"}), 1U);
  EXPECT_EQ(user.first_name.text, "Ada");
  EXPECT_EQ(user.last_name.text, "Lovelace");
  EXPECT_EQ(user.email.text, "ada@example.org");
  EXPECT_EQ(user.message_endpoint.text, "poll:");
  EXPECT_EQ(user.username.text, "ada");
  EXPECT_EQ(rejection_of(ChangeUser{.by = stranger, .first_name = "Eve"}).reason, Reason::permission_denied);
}

TEST_F(Account, RecordsOnlyWhatBecomesAnother) {
  EXPECT_EQ(events_of(ChangeUser{.by = self, .first_name = "Ada", .email = ""}), 1U);
  EXPECT_EQ(events_of(ChangeUser{.by = self, .first_name = "Ada"}), 0U);
  EXPECT_EQ(events_of(ChangeUser{.by = self}), 0U);
  const auto events = decide(user, ChangeUser{.by = self, .first_name = "Ada", .last_name = "Lovelace"});
  const UserChanged only_the_last_name{.user = user.id,
                                       .first_name = {},
                                       .last_name = Personal{"Lovelace"},
                                       .email = {},
                                       .message_endpoint = {}};
  EXPECT_EQ(*events, std::vector<UserEvent>{only_the_last_name});
}

TEST_F(Account, HasAWebhookSecretThatIsReplacedAndRemoved) {
  EXPECT_EQ(events_of(ChangeUser{.by = self, .webhook_secret = false}), 0U) << "there is none";
  EXPECT_EQ(events_of(ChangeUser{.by = self, .webhook_secret = true}), 1U);
  EXPECT_TRUE(user.webhook_secret_set);
  EXPECT_EQ(events_of(ChangeUser{.by = self, .webhook_secret = true}), 1U) << "it may be another one";
  EXPECT_EQ(events_of(ChangeUser{.by = self, .webhook_secret = false}), 1U);
  EXPECT_FALSE(user.webhook_secret_set);
}

TEST_F(Account, OfWhoRunsTrainingsIsNotDeactivatedByAccident) {
  const std::vector<TrainingId> running(12, TrainingId{});
  const auto rejection = rejection_of(DeactivateUser{.by = superuser, .running = running});
  EXPECT_EQ(rejection.reason, Reason::invalid_request);
  EXPECT_NE(rejection.message.find(TrainingId{}.text()), std::string::npos);
  EXPECT_NE(rejection.message.find("and 2 more"), std::string::npos) << rejection.message;
  EXPECT_TRUE(user.active);
  EXPECT_EQ(events_of(DeactivateUser{.by = superuser, .running = running, .even_if_running = true}), 1U);
  EXPECT_EQ(events_of(DeactivateUser{.by = superuser, .running = running}), 0U) << "it is not active anyway";
}

TEST(MessageEndpoint, IsPolledWhereItIsEmptyOrSaysSo) {
  EXPECT_TRUE(is_polled(""));
  EXPECT_TRUE(is_polled("poll:"));
  EXPECT_TRUE(is_polled("poll:behind the hospital's firewall"));
  EXPECT_FALSE(is_polled("http://poll:80/"));
  EXPECT_FALSE(is_polled("POLL:"));
}

}  // namespace
}  // namespace fedlog::domain
