#include "actors/sign_in.h"

#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/actors/controlled_hashing.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::Reason;
using std::chrono::seconds;

// ada's password is "secret"; three wrong ones a minute are allowed for an address, four for a name.
class SigningIn : public ::testing::Test {
 protected:
  SigningIn() {
    const auto id = storage::testing::user_id(1);
    auto key = storage->new_user_key(id);
    storage::Commit commit = storage::testing::commit_of(
        storage::stream_of(id), 0,
        {storage::EventCodec::encode(domain::UserEvent{storage::testing::registered(1, "ada")}, key.key)});
    commit.secrets = {std::move(key.secret), {password_key(id), hashing->hash("secret")}};
    EXPECT_TRUE(storage->journal().append_and_wait(std::move(commit)));
  }

  Result<domain::User> attempt(const std::string& name, const std::string& password,
                               const std::string& address = "192.0.2.7") {
    return sign_in.user_by_password({.username = name, .password = password, .address = address});
  }
  Reason reason_of(const std::string& name, const std::string& password,
                   const std::string& address = "192.0.2.7") {
    const auto user = attempt(name, password, address);
    return user ? Reason::internal : user.error().reason;
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  ControlledHashing* hashing = new ControlledHashing;  // owned by the passwords
  MovedClock clock;
  Passwords passwords{{.threads = 1, .waiting_max = 0, .remember = seconds{60}},
                      std::unique_ptr<PasswordHashing>(hashing),
                      [this] { return clock.now; }};
  SignIn sign_in{
      *storage, passwords, {.wrong_per_minute_per_address = 3, .wrong_per_minute_per_user = 4}, [this] {
        return clock.now;
      }};
};

TEST_F(SigningIn, NeedsTheRightNameAndPassword) {
  EXPECT_EQ(attempt("ada", "secret")->username.text, "ada");
  EXPECT_EQ(reason_of("ada", "guess"), Reason::wrong_credentials);
  EXPECT_EQ(reason_of("eve", "secret"), Reason::wrong_credentials);
}

TEST_F(SigningIn, IsThrottledAfterWrongPasswordsFromOneAddress) {
  for (const auto* name : {"ada", "eve", "mallory"})
    EXPECT_EQ(reason_of(name, "guess"), Reason::wrong_credentials);
  const auto refused = attempt("bob", "guess");
  EXPECT_EQ(refused.error().reason, Reason::throttled);
  EXPECT_EQ(refused.error().message, "Request was throttled. Expected available in 20 seconds.");
  EXPECT_EQ(refused.error().retry_after_s, 20);
  EXPECT_EQ(reason_of("bob", "guess", "192.0.2.8"), Reason::wrong_credentials) << "another address is free";
  clock.now += seconds{20};
  EXPECT_EQ(reason_of("bob", "guess"), Reason::wrong_credentials);
  EXPECT_EQ(reason_of("bob", "guess"), Reason::throttled);
}

TEST_F(SigningIn, IsThrottledAfterWrongPasswordsForOneNameFromWherever) {
  for (const auto* name : {"ada", "nobody"}) {
    for (const auto* address : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}) {
      EXPECT_EQ(reason_of(name, "guess", address), Reason::wrong_credentials);
    }
    EXPECT_EQ(reason_of(name, "guess", "192.0.2.5"), Reason::throttled)
        << name << ": names that nobody has are no exception, or they could be told apart";
  }
}

TEST_F(SigningIn, IsNeverThrottledWithTheRightPassword) {
  for (int guess = 0; guess < 10; ++guess) std::ignore = attempt("ada", "guess");
  ASSERT_EQ(reason_of("ada", "guess"), Reason::throttled);
  EXPECT_TRUE(attempt("ada", "secret").has_value());
  clock.now += seconds{1};
  EXPECT_TRUE(attempt("ada", "secret").has_value()) << "nor from memory";
}

TEST_F(SigningIn, DoesNotCountRightPasswords) {
  for (int use = 0; use < 100; ++use) ASSERT_TRUE(attempt("ada", "secret").has_value());
  EXPECT_EQ(reason_of("ada", "guess"), Reason::wrong_credentials);
}

TEST_F(SigningIn, CostsAHashWhetherTheNameIsKnownOrNot) {
  for (const auto* name : {"ada", "eve"}) {
    const int before = hashing->begun;
    std::ignore = attempt(name, "guess");
    EXPECT_EQ(hashing->begun - before, 1) << name;
  }
}

TEST_F(SigningIn, IsAskedToComeBackWhenTooManySignIn) {
  hashing->hold();
  std::jthread other{[&] { std::ignore = attempt("eve", "guess", "192.0.2.1"); }};
  await([&] { return hashing->begun == 1; });
  const auto refused = attempt("ada", "secret");
  EXPECT_EQ(refused.error().reason, Reason::busy);
  EXPECT_EQ(refused.error().retry_after_s, 1);
  hashing->let_go();
}

TEST_F(SigningIn, IsNotThrottledUncheckedWhenTooManySignIn) {
  for (int guess = 0; guess < 3; ++guess) std::ignore = attempt("ada", "guess");
  ASSERT_EQ(reason_of("ada", "guess"), Reason::throttled);
  const int before = hashing->begun;
  hashing->hold();
  std::jthread other{[&] { std::ignore = attempt("eve", "guess", "192.0.2.1"); }};
  await([&] { return hashing->begun == before + 1; });
  EXPECT_EQ(reason_of("ada", "secret"), Reason::busy) << "the right password may come again in a second";
  hashing->let_go();
}

TEST_F(SigningIn, IsOverForWhoWasDeactivatedAndLooksLikeAWrongPassword) {
  ASSERT_TRUE(attempt("ada", "secret").has_value());
  const auto id = storage::testing::user_id(1);
  ASSERT_TRUE(storage->journal().append_and_wait(storage::testing::commit_of(
      storage::stream_of(id), 1,
      {storage::EventCodec::encode(domain::UserEvent{domain::UserDeactivated{id}}, storage::UserKey{})})));
  const int before = hashing->begun;
  EXPECT_EQ(reason_of("ada", "secret"), Reason::wrong_credentials);
  EXPECT_EQ(hashing->begun - before, 1) << "in time, too";
}

TEST(AnAddress, IsLimitedAsItIs) {
  EXPECT_EQ(limited_address("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(limited_address(""), "");
  EXPECT_EQ(limited_address("unix"), "unix");
}

TEST(AnAddress, OfVersionSixIsLimitedWithItsNetwork) {
  EXPECT_EQ(limited_address("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(limited_address("2001:db8:1:2:ffff::1"), limited_address("2001:db8:1:2:3:4:5:6"));
  EXPECT_NE(limited_address("2001:db8:1:3::1"), limited_address("2001:db8:1:2::1"));
  EXPECT_EQ(limited_address("::ffff:192.0.2.7"), "192.0.2.7");
}

}  // namespace
}  // namespace fedlog::actors
