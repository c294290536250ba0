#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/simulation/world.h"

namespace fedlog::simulation {
namespace {

constexpr std::uint64_t worlds = 60;

// What is complained about first in worlds with the mistake, until one is noticed.
std::string first_complaint(Fault fault) {
  for (std::uint64_t seed = 0; seed < worlds; ++seed) {
    const auto report = World(seed, fault).live();
    if (!report.complaints.empty()) return report.complaints.front();
  }
  return "nothing";
}

using ::testing::AnyOf;
using ::testing::HasSubstr;

TEST(AnAuditor, NoticesAnUpdateThatIsLeftOut) {
  EXPECT_THAT(first_complaint(Fault::forgets_an_update), HasSubstr("not the mean of the accepted updates"));
}

TEST(AnAuditor, NoticesAnUpdateOfSomebodyWhoWasRemoved) {
  EXPECT_THAT(first_complaint(Fault::ignores_a_removal), HasSubstr("not the mean of the accepted updates"));
}

TEST(AnAuditor, NoticesARoundThatIsAggregatedTwice) {
  EXPECT_THAT(first_complaint(Fault::aggregates_twice), HasSubstr("a round is aggregated"));
}

TEST(AnAuditor, NoticesANotificationThatNobodyDelivers) {
  EXPECT_THAT(first_complaint(Fault::drops_a_notification), HasSubstr("nobody will deliver it"));
}

TEST(AnAuditor, NoticesADeliveryThatNobodyGot) {
  EXPECT_THAT(first_complaint(Fault::claims_a_delivery), HasSubstr("nobody accepted it"));
}

TEST(AnAuditor, NoticesANotificationThatOvertakesAnother) {
  EXPECT_THAT(first_complaint(Fault::reorders_notifications), HasSubstr("overtakes an earlier one"));
}

TEST(AnAuditor, NoticesAnAcknowledgedCommitThatIsLost) {
  EXPECT_THAT(first_complaint(Fault::loses_a_commit), HasSubstr("shorter than it was before"));
}

TEST(AnAuditor, NoticesADeadlineThatNobodyIsWokenFor) {
  EXPECT_THAT(first_complaint(Fault::sleeps_over_a_deadline), HasSubstr("no alarm"));
}

TEST(AnAuditor, NoticesWorkThatIsForgottenInARestart) {
  EXPECT_THAT(first_complaint(Fault::forgets_work_at_a_restart),
              AnyOf(HasSubstr("does not work on it"), HasSubstr("no alarm")));
}

}  // namespace
}  // namespace fedlog::simulation
