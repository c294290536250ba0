#include "domain/rights.h"

#include <gtest/gtest.h>

#include "domain/training.h"
#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

using test::user;

const Caller actor{user(1), false};
const Caller model_owner{user(2), false};
const Caller participant{user(3), false};
const Caller stranger{user(4), false};
const Caller superuser{user(5), true};

Training training() {
  Training made;
  made.actor = actor.id;
  made.participants = {participant.id, user(6)};
  return made;
}

Model global_model() {
  Model made;
  made.owner = model_owner.id;
  return made;
}

Model local_model_of(UserId owner) {
  Model made;
  made.kind = ModelKind::local;
  made.owner = owner;
  return made;
}

struct Row {
  Caller caller;
  bool read_training, manage_training, read_model, read_others_local_model, delete_model,
      replace_preprocessing;
};

TEST(Rights, AreThoseOfTheTable) {
  const auto of_training = training();
  const auto global = global_model();
  const auto local = local_model_of(user(6));
  const Row rows[] = {
      {actor, true, true, true, true, true, false},
      {model_owner, false, false, true, false, true, true},
      {participant, true, false, true, false, false, false},
      {stranger, false, false, false, false, false, false},
      {superuser, true, false, true, true, false, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.caller.id.text());
    EXPECT_EQ(may_read(row.caller, of_training), row.read_training);
    EXPECT_EQ(may_manage(row.caller, of_training), row.manage_training);
    EXPECT_EQ(may_read(row.caller, global, &of_training, ModelAccess::members), row.read_model);
    EXPECT_EQ(may_report_metrics(row.caller, global, &of_training, ModelAccess::members), row.read_model);
    EXPECT_EQ(may_read(row.caller, local, &of_training, ModelAccess::members), row.read_others_local_model);
    EXPECT_EQ(may_delete(row.caller, global, &of_training), row.delete_model);
    EXPECT_EQ(may_replace_preprocessing(row.caller, global), row.replace_preprocessing);
    EXPECT_TRUE(may_read(row.caller, global, &of_training, ModelAccess::open));
  }
}

TEST(Rights, LetAParticipantReadItsOwnLocalModel) {
  const auto of_training = training();
  EXPECT_TRUE(may_read(participant, local_model_of(participant.id), &of_training, ModelAccess::members));
}

}  // namespace
}  // namespace fedlog::domain
