#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "tests/actors/living_system.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::Reason;
using ::testing::ElementsAre;
using ::testing::MatchesRegex;

class Accounts : public LivingSystem {
 protected:
  Result<RegisteredUser> register_user(const std::string& name) {
    return gateway().register_user(of_name(name), "request");
  }
  Result<RegisteredUser> register_superuser(const std::string& name) {
    auto registration = of_name(name);
    registration.superuser = true;
    return gateway().register_user(registration, "start");
  }
  static Registration of_name(const std::string& name) {
    return {.username = name,
            .password = "secret",
            .first_name = "Ada",
            .last_name = "L",
            .email = "ada@example.org",
            .message_endpoint = "http://ada.example.org"};
  }

  Result<domain::User> sign_in(const std::string& name, const std::string& password) {
    return gateway().user_by_password({.username = name, .password = password, .address = "192.0.2.7"});
  }

  Result<void> change_password(const RequestContext& context, domain::UserId user,
                               std::optional<std::string> old_password, std::string new_password) {
    return gateway().change_password(context, user,
                                     {.old_password = std::move(old_password),
                                      .new_password = std::move(new_password),
                                      .address = "192.0.2.7"});
  }

  static RequestContext superuser(std::string idempotency_key = {}) {
    return {.caller = {.id = {}, .superuser = true},
            .correlation = "operator",
            .idempotency_key = std::move(idempotency_key)};
  }

  // With a token and all else that lies beside the log.
  [[nodiscard]] std::map<std::string, std::string> secrets() const {
    std::map<std::string, std::string> all;
    storage.snapshot()->scan(storage::Table::secrets, {}, {},
                             [&](std::string_view key, std::string_view value) {
                               all.emplace(key, value);
                               return true;
                             });
    return all;
  }
};

TEST_F(Accounts, AreWhatWasRegistered) {
  const auto registered = register_user("ada");
  ASSERT_TRUE(registered.has_value());
  EXPECT_THAT(registered->token, MatchesRegex("[0-9a-f]{40}"));
  EXPECT_EQ(registered->user.username.text, "ada");
  EXPECT_EQ(registered->user.email.text, "ada@example.org");
  EXPECT_FALSE(registered->user.superuser);
}

TEST_F(Accounts, RegisteredAgainUnderTheSameKeyAreTheFirst) {
  auto registration = of_name("ada");
  registration.idempotency_key = "POST /api/users/ key";
  const auto first = gateway().register_user(registration, "request").value();
  stop();
  start();
  const auto again = gateway().register_user(registration, "request");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->user, first.user);
  EXPECT_EQ(again->token, first.token);
  // The token is for who knows the password, whatever key is guessed.
  registration.password = "a guess";
  EXPECT_EQ(gateway().register_user(registration, "request").error().reason, Reason::name_taken);
  EXPECT_EQ(register_user("ada").error().reason, Reason::name_taken) << "without the key";
}

TEST_F(Accounts, RegisteredUnderTheSameKeyAtTheSameTimeAreOne) {
  auto registration = of_name("ada");
  registration.idempotency_key = "POST /api/users/ key";
  std::set<std::string> tokens;
  std::mutex mutex;
  {
    std::vector<std::jthread> threads;
    for (int number = 0; number < 4; ++number) {
      threads.emplace_back([&] {
        const auto registered = gateway().register_user(registration, "request");
        const std::lock_guard lock{mutex};
        tokens.insert(registered ? registered->token : registered.error().message);
      });
    }
  }
  EXPECT_THAT(tokens, ElementsAre(MatchesRegex("[0-9a-f]{40}")));
}

TEST_F(Accounts, AreFoundByToken) {
  const auto registered = register_user("ada").value();
  EXPECT_EQ(gateway().user_by_token(registered.token), registered.user);
  EXPECT_EQ(gateway().token_of(registered.user.id), registered.token);
  EXPECT_FALSE(gateway().user_by_token(std::string(40, '0')));
  EXPECT_FALSE(gateway().user_by_token(""));
}

TEST_F(Accounts, AreFoundByPassword) {
  const auto user = register_user("ada").value().user;
  EXPECT_EQ(sign_in("ada", "secret").value(), user);
  EXPECT_EQ(sign_in("ada", "secret").value(), user) << "also from memory";
  EXPECT_EQ(sign_in("ada", "Secret").error().reason, Reason::wrong_credentials);
  EXPECT_EQ(sign_in("eve", "secret").error().reason, Reason::wrong_credentials);
}

TEST_F(Accounts, KeepNoPasswordOrTokenInTheClear) {
  const auto registered = register_user("ada").value();
  for (const auto& envelope : storage.journal().read_all(1, 100)) {
    for (const auto* text : {"secret", "ada", "example.org"}) {
      EXPECT_EQ(envelope.payload.find(text), std::string::npos) << text;
    }
  }
  storage.snapshot()->scan(storage::Table::secrets, {}, {},
                           [&](std::string_view key, std::string_view value) {
                             EXPECT_EQ(key.find(registered.token), std::string::npos);
                             EXPECT_EQ(value.find(registered.token), std::string::npos);
                             EXPECT_EQ(value.find("secret"), std::string::npos);
                             return true;
                           });
}

TEST_F(Accounts, HaveNamesOfTheirOwn) {
  ASSERT_TRUE(register_user("ada").has_value());
  const auto second = register_user("ada");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().reason, Reason::name_taken);
  EXPECT_EQ(second.error().field, "username");
}

TEST_F(Accounts, HaveNamesOfTheirOwnHoweverManyAskAtOnce) {
  constexpr int racers = 8;
  std::barrier together{racers};
  std::atomic<int> winners = 0;
  {
    std::vector<std::jthread> threads;
    for (int racer = 0; racer < racers; ++racer) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        const auto registered = register_user("ada");
        if (registered) ++winners;
        EXPECT_TRUE(registered || registered.error().reason == Reason::name_taken);
      });
    }
  }
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(storage.views().users().count(), 1U);
}

TEST_F(Accounts, HaveOneTokenAtATime) {
  const auto registered = register_user("ada").value();
  const auto id = registered.user.id;
  const auto before = secrets().size();
  const auto token = gateway().replace_token(as(id), id);
  ASSERT_TRUE(token.has_value()) << token.error().message;
  EXPECT_THAT(*token, MatchesRegex("[0-9a-f]{40}"));
  EXPECT_NE(*token, registered.token);
  EXPECT_FALSE(gateway().user_by_token(registered.token));
  EXPECT_EQ(gateway().user_by_token(*token)->id, id);
  EXPECT_EQ(gateway().token_of(id), *token);
  EXPECT_EQ(secrets().size(), before) << "nothing of the old one stays";
  const auto event = storage.journal().read_stream(storage::stream_of(id), 1).back();
  EXPECT_EQ(event.type, "UserTokenReplaced");
  EXPECT_EQ(event.acting_user, id);
  EXPECT_EQ(event.payload.find(*token), std::string::npos);
}

TEST_F(Accounts, GetNoTokenOfStrangers) {
  const auto registered = register_user("ada").value();
  const auto eve = register_user("eve").value().user.id;
  EXPECT_EQ(gateway().replace_token(as(eve), registered.user.id).error().reason, Reason::permission_denied);
  EXPECT_TRUE(gateway().user_by_token(registered.token));
  EXPECT_EQ(gateway().replace_token(superuser(), domain::UserId{}).error().reason, Reason::user_not_found);
}

TEST_F(Accounts, GetOneNewTokenForOneKey) {
  const auto id = register_user("ada").value().user.id;
  const auto token = gateway().replace_token(as(id, "key"), id).value();
  EXPECT_EQ(gateway().replace_token(as(id, "key"), id).value(), token);
}

TEST_F(Accounts, HaveThePasswordThatWasGivenLast) {
  const auto registered = register_user("ada").value();
  const auto id = registered.user.id;
  ASSERT_TRUE(sign_in("ada", "secret").has_value()) << "and is remembered";
  ASSERT_TRUE(change_password(as(id), id, "secret", "changed").has_value());
  EXPECT_EQ(sign_in("ada", "secret").error().reason, Reason::wrong_credentials);
  EXPECT_TRUE(sign_in("ada", "changed").has_value());
  EXPECT_TRUE(gateway().user_by_token(registered.token)) << "the token stays";
  ASSERT_TRUE(change_password(superuser(), id, std::nullopt, "reset").has_value());
  EXPECT_TRUE(sign_in("ada", "reset").has_value());
  const auto event = storage.journal().read_stream(storage::stream_of(id), 1).back();
  EXPECT_EQ(event.type, "UserPasswordChanged");
  EXPECT_FALSE(event.acting_user) << "an operator has no account";
}

TEST_F(Accounts, KeepTheirPasswordFromWhoDoesNotKnowIt) {
  const auto id = register_user("ada").value().user.id;
  const auto eve = register_user("eve").value().user.id;
  const auto wrong = change_password(as(id), id, "guess", "changed");
  EXPECT_EQ(wrong.error().reason, Reason::invalid_field);
  EXPECT_EQ(wrong.error().field, "old_password");
  EXPECT_EQ(change_password(as(id), id, std::nullopt, "changed").error().field, "old_password");
  EXPECT_EQ(change_password(as(eve), id, "secret", "changed").error().reason, Reason::permission_denied);
  EXPECT_TRUE(sign_in("ada", "secret").has_value());
}

TEST_F(Accounts, AreLockedOutAndLetInBySuperusers) {
  const auto registered = register_user("ada").value();
  const auto id = registered.user.id;
  ASSERT_TRUE(sign_in("ada", "secret").has_value()) << "and is remembered";
  EXPECT_EQ(gateway().set_active(as(id), id, false, false).error().reason, Reason::permission_denied);
  EXPECT_FALSE(gateway().set_active(superuser(), id, false, false).value().active);
  EXPECT_FALSE(gateway().user_by_token(registered.token)->active);
  EXPECT_EQ(sign_in("ada", "secret").error().reason, Reason::wrong_credentials);
  EXPECT_TRUE(gateway().set_active(superuser(), id, true, false).value().active);
  EXPECT_TRUE(sign_in("ada", "secret").has_value());
  EXPECT_EQ(storage.journal().version_of(storage::stream_of(id)), 3U);
}

TEST_F(Accounts, StayLockedOutWhenTheServerStartsAgain) {
  const auto id = register_user("ada").value().user.id;
  ASSERT_TRUE(gateway().set_active(superuser(), id, false, false).has_value());
  stop();
  start();
  EXPECT_EQ(sign_in("ada", "secret").error().reason, Reason::wrong_credentials);
}

TEST_F(Accounts, AlwaysHaveASuperuserAmongThem) {
  const auto root = register_superuser("root");
  const auto second = register_superuser("boss");
  register_user("ada").value();
  const auto root_id = root.value().user.id;
  const auto second_id = second.value().user.id;
  ASSERT_TRUE(gateway().set_active(superuser(), second_id, false, false).has_value());
  EXPECT_EQ(gateway().set_active(superuser(), root_id, false, false).error().reason, Reason::invalid_request);
  ASSERT_TRUE(gateway().set_active(superuser(), second_id, true, false).has_value());
  EXPECT_TRUE(gateway().set_active(superuser(), root_id, false, false).has_value());
}

TEST_F(Accounts, AreAdministeredWithoutTheRestOfAServer) {
  stop();
  std::string token;
  domain::UserId id;
  {
    const auto users = administer_users(storage, options.passwords);
    const auto registered = users->register_user(of_name("ada"), "operator").value();
    id = registered.user.id;
    token = users->replace_token(superuser(), id).value();
    ASSERT_TRUE(
        users
            ->change_password(superuser(), id,
                              {.old_password = std::nullopt, .new_password = "changed", .address = {}})
            .has_value());
    ASSERT_TRUE(users->set_active(superuser(), id, false, false).has_value());
    ASSERT_TRUE(users->set_active(superuser(), id, true, false).has_value());
    EXPECT_TRUE(users->views().user(id)->active);
  }
  start();
  EXPECT_EQ(gateway().user_by_token(token)->id, id);
  EXPECT_TRUE(sign_in("ada", "changed").has_value());
}

class Groups : public LivingSystem {
 protected:
  domain::UserId ada = add_user("ada");
  domain::UserId bob = add_user("bob");
  RequestContext superuser{
      .caller = {.id = ada, .superuser = true}, .correlation = {}, .idempotency_key = {}};
};

TEST_F(Groups, AreNumberedInOrderOfCreation) {
  EXPECT_EQ(gateway().create_group(as(ada), "first")->id.number, 1);
  ASSERT_TRUE(gateway().add_members(superuser, {1}, {ada}).has_value());
  ASSERT_TRUE(gateway().delete_group(as(ada), {1}).has_value());
  EXPECT_EQ(gateway().create_group(as(ada), "second")->id.number, 2) << "no number is given twice";
}

TEST_F(Groups, HaveNamesOfTheirOwn) {
  const auto first = gateway().create_group(as(ada), "first").value().id;
  const auto second = gateway().create_group(as(bob), "second").value().id;
  EXPECT_EQ(gateway().create_group(as(bob), "first").error().reason, Reason::name_taken);
  ASSERT_TRUE(gateway().add_members(superuser, second, {bob}).has_value());
  EXPECT_EQ(gateway().rename_group(as(bob), second, "first").error().reason, Reason::name_taken);
  EXPECT_EQ(gateway().rename_group(as(bob), second, "third")->name, "third");
  EXPECT_EQ(storage.views().group_by_name("first")->id, first);
}

TEST_F(Groups, AreTheirMembersToChange) {
  const auto id = gateway().create_group(as(ada), "first").value().id;
  EXPECT_EQ(gateway().add_members(as(bob), id, {bob}).error().reason, Reason::permission_denied);
  ASSERT_TRUE(gateway().add_members(superuser, id, {ada, bob}).has_value());
  EXPECT_THAT(storage.views().group(id)->members, ElementsAre(ada, bob));
  EXPECT_THAT(storage.views().user(bob)->groups, ElementsAre(id));
  ASSERT_TRUE(gateway().remove_members(as(bob), id, {ada}).has_value());
  EXPECT_THAT(storage.views().group(id)->members, ElementsAre(bob));
  EXPECT_EQ(gateway().delete_group(as(ada), id).error().reason, Reason::permission_denied);
  ASSERT_TRUE(gateway().delete_group(as(bob), id).has_value());
  EXPECT_EQ(gateway().delete_group(as(bob), id).error().reason, Reason::group_not_found);
}

TEST_F(Groups, RefuseMembersThatDoNotExist) {
  const auto id = gateway().create_group(as(ada), "first").value().id;
  EXPECT_EQ(gateway().add_members(superuser, id, {bob, domain::UserId{}}).error().reason,
            Reason::participants_not_found);
  EXPECT_EQ(gateway().add_members(superuser, id, {bob, bob}).error().reason, Reason::participants_not_found);
}

TEST_F(Groups, CreatedAgainUnderTheSameKeyAreTheSame) {
  const auto first = gateway().create_group(as(ada, "key"), "first");
  const auto again = gateway().create_group(as(ada, "key"), "first");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(storage.views().groups().count(), 1U);
}

}  // namespace
}  // namespace fedlog::actors
