#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
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
    return gateway().register_user({.username = name,
                                    .password = "secret",
                                    .first_name = "Ada",
                                    .last_name = "L",
                                    .email = "ada@example.org",
                                    .message_endpoint = "http://ada.example.org"},
                                   "request");
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

TEST_F(Accounts, AreFoundByToken) {
  const auto registered = register_user("ada").value();
  EXPECT_EQ(gateway().user_by_token(registered.token), registered.user);
  EXPECT_EQ(gateway().token_of(registered.user.id), registered.token);
  EXPECT_FALSE(gateway().user_by_token(std::string(40, '0')));
  EXPECT_FALSE(gateway().user_by_token(""));
}

TEST_F(Accounts, AreFoundByPassword) {
  const auto user = register_user("ada").value().user;
  EXPECT_EQ(gateway().user_by_password("ada", "secret"), user);
  EXPECT_EQ(gateway().user_by_password("ada", "secret"), user) << "also from memory";
  EXPECT_FALSE(gateway().user_by_password("ada", "Secret"));
  EXPECT_FALSE(gateway().user_by_password("eve", "secret"));
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
