#include "actors/passwords.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/actors/trainings.h"

namespace fedlog::actors {
namespace {

using namespace testing;

// As cheap as the algorithm allows.
const Passwords::Options cheap{.memory_kib = 8, .passes = 1, .threads = 2};

TEST(PasswordHashes, SayTheirAlgorithmAndParameters) {
  Passwords passwords{cheap};
  EXPECT_TRUE(passwords.hash("secret").starts_with("$argon2id$v=19$m=8,t=1,p=1$"));
}

TEST(PasswordHashes, DifferForTheSamePassword) {
  Passwords passwords{cheap};
  EXPECT_NE(passwords.hash("secret"), passwords.hash("secret"));
}

TEST(APassword, IsVerifiedAgainstItsHash) {
  Passwords passwords{cheap};
  const auto encoded = passwords.hash("secret");
  EXPECT_TRUE(passwords.verify(user_id(1), "secret", encoded));
  EXPECT_FALSE(passwords.verify(user_id(1), "Secret", encoded));
  EXPECT_FALSE(passwords.verify(user_id(1), "", encoded));
  EXPECT_TRUE(passwords.verify(user_id(1), "secret", encoded)) << "a wrong one in between changes nothing";
}

TEST(APassword, IsNobodysWhereTheUserIsUnknown) {
  Passwords passwords{cheap};
  EXPECT_FALSE(passwords.verify(domain::UserId{}, "secret", std::nullopt));
  EXPECT_FALSE(passwords.verify(domain::UserId{}, "nobody's password", std::nullopt));
  EXPECT_FALSE(passwords.verify(domain::UserId{}, "nobody's password", std::nullopt)) << "nor remembered";
}

TEST(AHash, ThatIsDamagedVerifiesNothing) {
  Passwords passwords{cheap};
  EXPECT_FALSE(passwords.verify(user_id(1), "", std::string{}));
  EXPECT_FALSE(passwords.verify(user_id(1), "secret", std::string{"$argon2id$v=19$m=8,t=1,p=1$"}));
}

// A remembered pair shows in that verifying it needs no memory: the child process gets none for a hash.
class RememberedPairs : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers need the memory that this test takes away";
#endif
  }

  static Passwords::Options options(std::chrono::seconds remember) {
    return {.memory_kib = 8 * 1024, .passes = 1, .threads = 1, .remember = remember};
  }

  [[noreturn]] static void verify_without_memory(Passwords& passwords, domain::UserId user,
                                                 const char* password, const std::string& encoded) {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t now = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
    const rlimit limit{now + (1 << 20), now + (1 << 20)};
    ::setrlimit(RLIMIT_AS, &limit);
    std::_Exit(passwords.verify(user, password, encoded) ? 0 : 1);
  }
};

constexpr int verified = 0;
constexpr int hashed_in_vain = 1;

TEST_F(RememberedPairs, AreNotHashedAgain) {
  Passwords passwords{options(std::chrono::hours{1})};
  const auto encoded = passwords.hash("secret");
  ASSERT_TRUE(passwords.verify(user_id(1), "secret", encoded));
  EXPECT_EXIT(verify_without_memory(passwords, user_id(1), "secret", encoded),
              ::testing::ExitedWithCode(verified), "");
  EXPECT_EXIT(verify_without_memory(passwords, user_id(2), "secret", encoded),
              ::testing::ExitedWithCode(hashed_in_vain), "");
}

TEST_F(RememberedPairs, AreForgottenWhenThePasswordChanges) {
  Passwords passwords{options(std::chrono::hours{1})};
  ASSERT_TRUE(passwords.verify(user_id(1), "secret", passwords.hash("secret")));
  const auto changed = passwords.hash("secret");
  EXPECT_EXIT(verify_without_memory(passwords, user_id(1), "secret", changed),
              ::testing::ExitedWithCode(hashed_in_vain), "");
}

TEST_F(RememberedPairs, AreForgottenInTime) {
  Passwords passwords{options(std::chrono::seconds{0})};
  const auto encoded = passwords.hash("secret");
  ASSERT_TRUE(passwords.verify(user_id(1), "secret", encoded));
  EXPECT_EXIT(verify_without_memory(passwords, user_id(1), "secret", encoded),
              ::testing::ExitedWithCode(hashed_in_vain), "");
}

TEST_F(RememberedPairs, AreOnlyThoseThatWereRight) {
  Passwords passwords{options(std::chrono::hours{1})};
  const auto encoded = passwords.hash("secret");
  ASSERT_FALSE(passwords.verify(user_id(1), "wrong", encoded));
  EXPECT_FALSE(passwords.verify(user_id(1), "wrong", encoded));
}

}  // namespace
}  // namespace fedlog::actors
