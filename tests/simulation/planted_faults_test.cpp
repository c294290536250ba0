#include <gtest/gtest.h>

#include <algorithm>

#include "tests/simulation/world.h"

namespace fedlog::simulation {
namespace {

constexpr std::uint64_t worlds = 60;

// Whether a world with the mistake is complained about in these words.
bool is_noticed(Fault fault, std::string_view words) {
  for (std::uint64_t seed = 0; seed < worlds; ++seed) {
    const auto report = World(seed, fault).live();
    const auto says_so = [&](const auto& complaint) { return complaint.contains(words); };
    if (std::ranges::any_of(report.complaints, says_so)) return true;
  }
  return false;
}

TEST(AnAuditor, NoticesAnUpdateThatIsLeftOut) {
  EXPECT_TRUE(is_noticed(Fault::forgets_an_update, "not the mean of the accepted updates"));
}

TEST(AnAuditor, NoticesAnUpdateOfSomebodyWhoWasRemoved) {
  EXPECT_TRUE(is_noticed(Fault::ignores_a_removal, "not the mean of the accepted updates"));
}

TEST(AnAuditor, NoticesARoundThatIsAggregatedTwice) {
  EXPECT_TRUE(is_noticed(Fault::aggregates_twice, "a round is aggregated twice"));
}

TEST(AnAuditor, NoticesANotificationThatNobodyDelivers) {
  EXPECT_TRUE(is_noticed(Fault::drops_a_notification, "nobody will deliver it"));
}

TEST(AnAuditor, NoticesADeliveryThatNobodyGot) {
  EXPECT_TRUE(is_noticed(Fault::claims_a_delivery, "nobody accepted it"));
}

TEST(AnAuditor, NoticesANotificationThatOvertakesAnother) {
  EXPECT_TRUE(is_noticed(Fault::reorders_notifications, "overtakes an earlier one"));
}

TEST(AnAuditor, NoticesAnAcknowledgedCommitThatIsLost) {
  EXPECT_TRUE(is_noticed(Fault::loses_a_commit, "shorter than it was before"));
}

TEST(AnAuditor, NoticesADeadlineThatNobodyIsWokenFor) {
  EXPECT_TRUE(is_noticed(Fault::sleeps_over_a_deadline, "no alarm that rings"));
}

TEST(AnAuditor, NoticesWorkThatIsForgottenInARestart) {
  EXPECT_TRUE(is_noticed(Fault::forgets_work_at_a_restart, "does not work on it"));
}

TEST(AnAuditor, NoticesARemovalThatNobodyAskedFor) {
  EXPECT_TRUE(is_noticed(Fault::removes_at_will, "took its work, and nobody asked for it"));
}

TEST(AnAuditor, NoticesAFailureThatNeedNotBe) {
  EXPECT_TRUE(is_noticed(Fault::fails_at_will, "it fails, and need not"));
}

TEST(AnAuditor, NoticesAControlThatIsNotForEveryone) {
  EXPECT_TRUE(is_noticed(Fault::obeys_everyone, "by somebody who may not"));
}

TEST(AnAuditor, NoticesARepetitionThatIsRefused) {
  EXPECT_TRUE(is_noticed(Fault::forgets_keys, "is refused when it is asked for again"));
}

}  // namespace
}  // namespace fedlog::simulation
