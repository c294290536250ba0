#pragma once

namespace fedlog::simulation {

// A mistake planted into a world, to see that its auditor finds it.
enum class Fault {
  none,
  forgets_an_update,          // an aggregation leaves out one of the updates
  ignores_a_removal,          // an aggregation still counts a participant that was removed from the round
  aggregates_twice,           // a second result of a round is written to the log
  drops_a_notification,       // the outbox' row is never read
  claims_a_delivery,          // a delivery that nobody got is recorded as delivered
  reorders_notifications,     // a later notification overtakes an earlier one
  loses_a_commit,             // what was acknowledged is gone after a restart
  sleeps_over_a_deadline,     // the alarm never rings
  forgets_work_at_a_restart,  // pending aggregations are not taken up again
  removes_at_will,            // a participant that did nothing is removed
  fails_at_will,              // a training ends in an error for no reason
  obeys_everyone,             // participants pause, resume and cancel trainings as if they were theirs
  forgets_keys,               // a repeated request is carried out, or refused, anew
};

}  // namespace fedlog::simulation
