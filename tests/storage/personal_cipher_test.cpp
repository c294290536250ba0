#include "storage/personal_cipher.h"

#include <gtest/gtest.h>

#include "tests/storage/hex.h"

namespace fedlog::storage {
namespace {

UserKey key_of(std::uint8_t byte) {
  UserKey key;
  key.fill(byte);
  return key;
}

TEST(PersonalCipher, OpensWhatItSealed) {
  const auto sealed = seal_personal(key_of(1), "user/1", "ada");
  EXPECT_EQ(sealed.find("ada"), std::string::npos);
  EXPECT_EQ(open_personal(key_of(1), "user/1", sealed), "ada");
  EXPECT_EQ(open_personal(key_of(1), "user/1", seal_personal(key_of(1), "user/1", "")), "");
}

TEST(PersonalCipher, OpensNothingUnderAnotherKeyOrAtAnotherPlace) {
  const auto sealed = seal_personal(key_of(1), "user/1", "ada");
  EXPECT_FALSE(open_personal(key_of(2), "user/1", sealed));
  EXPECT_FALSE(open_personal(key_of(1), "user/2", sealed));
}

TEST(PersonalCipher, OpensNothingThatWasDamaged) {
  const auto sealed = seal_personal(key_of(1), "user/1", "ada");
  for (std::size_t index = 0; index < sealed.size(); ++index) {
    auto damaged = sealed;
    damaged[index] ^= 1;
    EXPECT_FALSE(open_personal(key_of(1), "user/1", damaged)) << index;
    EXPECT_FALSE(open_personal(key_of(1), "user/1", sealed.substr(0, index))) << index;
  }
}

TEST(PersonalCipher, GivesTheSameBytesForTheSameTextAtTheSamePlaceOnly) {
  const auto sealed = seal_personal(key_of(1), "user/1", "ada");
  EXPECT_EQ(seal_personal(key_of(1), "user/1", "ada"), sealed);
  EXPECT_NE(seal_personal(key_of(1), "user/1", "adb").substr(0, 24), sealed.substr(0, 24));
  EXPECT_NE(seal_personal(key_of(1), "user/1a", "da").substr(0, 24), sealed.substr(0, 24));
}

}  // namespace
}  // namespace fedlog::storage
