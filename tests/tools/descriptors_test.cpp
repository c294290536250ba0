#include "tools/descriptors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace fedlog::tools {
namespace {

using ::testing::HasSubstr;

TEST(Descriptors, AreEnoughWhereEveryConnectionAndTheDatabaseHaveTheirs) {
  config::Settings settings;
  settings.server.connections_max = 10'000;
  const auto needed = descriptors_needed(settings);
  EXPECT_GT(needed, 10'512U);
  EXPECT_FALSE(descriptor_warning(needed, settings));
  const auto warning = descriptor_warning(needed - 1, settings);
  ASSERT_TRUE(warning);
  EXPECT_THAT(*warning, HasSubstr("server.connections_max = 10000 needs " + std::to_string(needed)));
  EXPECT_THAT(*warning, HasSubstr("only " + std::to_string(needed - 1) + " files"));
}

TEST(Descriptors, MayBeAsManyAsTheSystemAllows) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(raise_descriptor_limit(), before.rlim_max);
  rlimit after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace fedlog::tools
