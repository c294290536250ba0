#include "actors/passwords.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "tests/actors/controlled_hashing.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using enum Passwords::Verdict;
using std::chrono::seconds;

// As cheap as the algorithm allows.
const Passwords::Options cheap{.memory_kib = 8, .passes = 1, .threads = 2};

TEST(PasswordHashes, SayTheirAlgorithmAndParameters) {
  Passwords passwords{cheap};
  EXPECT_TRUE(passwords.hash("secret", false)->starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
}

TEST(PasswordHashes, DifferForTheSamePassword) {
  Passwords passwords{cheap};
  EXPECT_NE(passwords.hash("secret", false), passwords.hash("secret", false));
}

TEST(APassword, IsVerifiedAgainstItsHash) {
  Passwords passwords{cheap};
  const auto encoded = passwords.hash("secret", false);
  EXPECT_EQ(passwords.verify("ada", "secret", encoded, false), right);
  EXPECT_EQ(passwords.verify("ada", "Secret", encoded, false), wrong);
  EXPECT_EQ(passwords.verify("ada", "", encoded, false), wrong);
  EXPECT_EQ(passwords.verify("ada", "secret", encoded, false), right) << "a wrong one changes nothing";
}

TEST(APassword, IsNobodysWhereTheUserIsUnknown) {
  Passwords passwords{cheap};
  for (const auto* password : {"secret", "nobody's password", "nobody's password"}) {
    EXPECT_EQ(passwords.verify("eve", password, std::nullopt, false), wrong);
  }
}

TEST(AHash, ThatIsDamagedVerifiesNothing) {
  Passwords passwords{cheap};
  EXPECT_EQ(passwords.verify("ada", "", std::string{}, false), wrong);
  EXPECT_EQ(passwords.verify("ada", "secret", std::string{"$argon2id$v=19$m=8,t=1,p=1$"}, false), wrong);
}

class RememberedPairs : public ::testing::Test {
 protected:
  // The pair of this name is right.
  Passwords::Verdict verify(const std::string& name, const std::string& password,
                            const std::string& right_one = "secret", bool suspect = false) {
    return passwords.verify(name, password, hashing->hash(right_one), suspect);
  }
  // How many hashes it cost.
  template <class Action>
  int hashes_of(const Action& action) {
    const int before = hashing->begun;
    action();
    return hashing->begun - before;
  }

  ControlledHashing* hashing = new ControlledHashing;  // owned by the passwords
  MovedClock clock;
  Passwords passwords{{.threads = 1, .waiting_max = 8, .remember = seconds{60}},
                      std::unique_ptr<PasswordHashing>(hashing),
                      [this] { return clock.now; }};
};

TEST_F(RememberedPairs, AreNotHashedAgain) {
  EXPECT_EQ(hashes_of([&] { EXPECT_EQ(verify("ada", "secret"), right); }), 1);
  EXPECT_EQ(hashes_of([&] { EXPECT_EQ(verify("ada", "secret"), right); }), 0);
  EXPECT_EQ(hashes_of([&] { EXPECT_EQ(verify("eve", "secret"), right); }), 1) << "it is another pair";
}

TEST_F(RememberedPairs, AreForgottenWhenThePasswordChanges) {
  ASSERT_EQ(verify("ada", "secret"), right);
  EXPECT_EQ(verify("ada", "secret", "changed"), wrong);
}

TEST_F(RememberedPairs, AreForgottenSomeTimeAfterTheirLastUse) {
  ASSERT_EQ(verify("ada", "secret"), right);
  for (int use = 0; use < 5; ++use) {
    clock.now += seconds{59};
    EXPECT_EQ(hashes_of([&] { EXPECT_EQ(verify("ada", "secret"), right); }), 0);
  }
  clock.now += seconds{60};
  EXPECT_EQ(hashes_of([&] { EXPECT_EQ(verify("ada", "secret"), right); }), 1);
}

TEST_F(RememberedPairs, AreOnlyThoseThatWereRight) {
  EXPECT_EQ(hashes_of([&] {
              EXPECT_EQ(verify("ada", "guess"), wrong);
              EXPECT_EQ(verify("ada", "guess"), wrong);
            }),
            2);
}

// One verification is held inside; others queue up behind it.
class Flood : public RememberedPairs {
 protected:
  ~Flood() override { hashing->let_go(); }

  void hold_one_inside() {
    hashing->hold();
    threads.emplace_back([this] { EXPECT_EQ(verify("first", "guess"), wrong); });
    await([&] { return hashing->begun == 1; });
  }
  void queue(std::size_t count, bool suspect) {
    for (std::size_t number = 0; number < count; ++number) {
      const auto waiting = passwords.waiting();
      threads.emplace_back([this, suspect, name = std::to_string(threads.size())] {
        EXPECT_EQ(verify(name, "guess", "secret", suspect), wrong);
      });
      await([&] { return passwords.waiting() == waiting + 1; });
    }
  }

  std::vector<std::jthread> threads;
};

TEST_F(Flood, HashesNoMoreThanItIsAllowedTo) {
  hold_one_inside();
  queue(6, false);
  hashing->let_go();
  threads.clear();
  EXPECT_EQ(hashing->inside_max(), 1);
  EXPECT_EQ(hashing->begun, 7);
  EXPECT_EQ(passwords.waiting(), 0U);
}

TEST_F(Flood, KeepsOnlySoManyWaiting) {
  hold_one_inside();
  queue(6, false);  // three quarters of the eight places
  EXPECT_EQ(verify("one more", "guess"), no_room);
  EXPECT_EQ(passwords.hash("a changed one", false), std::nullopt);
  EXPECT_EQ(hashing->begun, 1) << "and costs no hash";
}

TEST_F(Flood, OfRegistrationsLeavesRoomForThoseWhoSignIn) {
  hold_one_inside();
  queue(2, false);  // a quarter of the eight places
  EXPECT_EQ(passwords.hash("of a registration", true), std::nullopt);
  EXPECT_EQ(hashing->begun, 1) << "and costs no hash";
  queue(4, false);
}

TEST_F(Flood, OfSuspectsLeavesRoomForOthers) {
  hold_one_inside();
  queue(2, true);  // a quarter
  EXPECT_EQ(verify("one more", "guess", "secret", true), no_room);
  queue(4, false);
}

TEST_F(Flood, LeavesRoomForWhoWasRightBefore) {
  ASSERT_EQ(verify("ada", "secret"), right);
  clock.now += seconds{60};  // so it must be hashed again
  hashing->begun = 0;
  hold_one_inside();
  queue(6, false);
  ASSERT_EQ(verify("one more", "guess"), no_room);
  auto ada = std::async(std::launch::async, [&] { return verify("ada", "secret", "secret", true); });
  await([&] { return passwords.waiting() == 7; });
  hashing->let_go();
  EXPECT_EQ(ada.get(), right);
}

TEST_F(Flood, HoldsUpNoPairThatIsRemembered) {
  ASSERT_EQ(verify("ada", "secret"), right);
  hashing->begun = 0;
  hold_one_inside();
  queue(6, false);
  EXPECT_EQ(verify("ada", "secret", "secret", true), right);
}

TEST_F(Flood, OfOnePairIsHashedOnce) {
  hashing->hold();
  for (int request = 0; request < 5; ++request) {
    threads.emplace_back([this] { EXPECT_EQ(verify("ada", "secret"), right); });
  }
  await([&] { return hashing->begun == 1 && passwords.waiting() == 4; });
  hashing->let_go();
  threads.clear();
  EXPECT_EQ(hashing->begun, 1);
}

TEST_F(Flood, OfOnePairTakesPlacesToo) {
  hashing->hold();
  for (int request = 0; request < 7; ++request) {
    threads.emplace_back([this] { EXPECT_EQ(verify("ada", "guess"), wrong); });
    await([&] { return hashing->begun == 1 && passwords.waiting() == static_cast<std::size_t>(request); });
  }
  EXPECT_EQ(verify("ada", "guess"), no_room);
}

TEST_F(Flood, OfUnknownNamesTellsNothingAboutThem) {
  hashing->hold();
  for (const auto* name : {"eve", "mallory"}) {
    threads.emplace_back(
        [this, name] { EXPECT_EQ(passwords.verify(name, "guess", std::nullopt, false), wrong); });
  }
  await([&] { return passwords.waiting() == 1; });
  hashing->let_go();
  threads.clear();
  EXPECT_EQ(hashing->begun, 2) << "each is hashed for";
}

}  // namespace
}  // namespace fedlog::actors
