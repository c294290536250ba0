#include "domain/rights.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/training.h"
#include "tests/domain/ids.h"

// Who may do what, as one table: a column for each role, a row for each call.
namespace fedlog::domain {
namespace {

using test::user;

// The roles around one training and its model. The training's actor does not own the model here, so that a
// right shows whose it is; a former participant was removed from the training.
const Caller actor{user(1), false};
const Caller owner{user(2), false};
const Caller participant{user(3), false};
const Caller other_participant{user(4), false};
const Caller former_participant{user(5), false};
const Caller stranger{user(6), false};
const Caller superuser{user(7), true};

struct Column {
  char initial;
  std::string_view role;
  const Caller& caller;
};
const std::array columns{Column{'a', "actor", actor},
                         Column{'o', "owner", owner},
                         Column{'p', "participant", participant},
                         Column{'q', "other participant", other_participant},
                         Column{'f', "former participant", former_participant},
                         Column{'s', "stranger", stranger},
                         Column{'u', "superuser", superuser}};

constexpr std::string_view everyone = "aopqfsu";

Training training() {
  TrainingCreated created;
  created.actor = actor.id;
  created.participants = {participant.id, former_participant.id};
  Training made;
  evolve(made, created, {});
  evolve(made, ParticipantJoined{other_participant.id}, {});
  evolve(made, ParticipantRemoved{former_participant.id, "left"}, {});
  return made;
}

Model model(ModelKind kind, UserId model_owner) {
  Model made;
  made.kind = kind;
  made.owner = model_owner;
  return made;
}

struct Row {
  std::string_view call;
  std::string_view allowed;  // the initials of the roles that may
  std::function<bool(const Caller&)> ask;
};

void expect_rows(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    for (const auto& column : columns) {
      const bool allowed = row.allowed.find(column.initial) != std::string_view::npos;
      EXPECT_EQ(row.ask(column.caller), allowed) << row.call << ", asked by the " << column.role;
    }
  }
}

class Rights : public ::testing::Test {
 protected:
  [[nodiscard]] Row read(std::string_view call, std::string_view allowed, const Model& asked,
                         const Training* of, ModelAccess access) const {
    return {call, allowed, [=](const Caller& by) { return may_read(by, asked, of, access); }};
  }
  [[nodiscard]] Row report(std::string_view call, std::string_view allowed, const Model& asked,
                           const Training* of, ModelAccess access) const {
    return {call, allowed, [=](const Caller& by) { return may_report_metrics(by, asked, of, access); }};
  }

  const Training training_ = training();
  const Training* none_ = nullptr;
  const Model global_ = model(ModelKind::global, owner.id);
  const Model swag_ = model(ModelKind::swag, owner.id);
  const Model mean_ = model(ModelKind::mean, owner.id);
  const Model local_ = model(ModelKind::local, participant.id);
};

TEST_F(Rights, OverATraining) {
  auto open = training_;
  open.options.open_to_join = true;
  expect_rows({
      {"cancel, pause, resume", "au", [&](const Caller& by) { return may_control(by, training_); }},
      {"join", "a", [&](const Caller& by) { return may_join(by, training_); }},
      {"join an open one", everyone, [&](const Caller& by) { return may_join(by, open); }},
      {"read", "apqu", [&](const Caller& by) { return may_read(by, training_); }},
      {"start, invite, remove, delete", "a", [&](const Caller& by) { return may_manage(by, training_); }},
      {"send updates", "pq", [&](const Caller& by) { return may_send_updates(by, training_); }},
  });
}

TEST_F(Rights, OverModelsForMembersOnly) {
  constexpr auto access = ModelAccess::members;
  expect_rows({
      read("read a global model in a training", "aopqu", global_, &training_, access),
      read("read a SWAG model in a training", "aopqu", swag_, &training_, access),
      read("read a mean model in a training", "aopqu", mean_, &training_, access),
      read("read a global model of no training", "ou", global_, none_, access),
      read("read a mean model of no training", "ou", mean_, none_, access),
      read("read a participant's local model", "apu", local_, &training_, access),
      report("report on a global model in a training", "aopqu", global_, &training_, access),
      report("report on a global model of no training", "ou", global_, none_, access),
      report("report on a participant's local model", "apu", local_, &training_, access),
  });
}

TEST_F(Rights, OverALocalModelAreAlsoOfWhoGoesOnWithIt) {
  Training passing = training_;
  Model given = local_;
  given.id = test::model(7);
  passing.passed_on = {{.participant = other_participant.id, .model = given.id, .owner = participant.id}};
  Model another = given;
  another.id = test::model(8);
  another.owner = stranger.id;
  constexpr auto access = ModelAccess::members;
  expect_rows({
      read("read a local model that was passed on", "apqu", given, &passing, access),
      report("report on a local model that was passed on", "apqu", given, &passing, access),
      read("read another local model", "asu", another, &passing, access),
  });
}

TEST_F(Rights, OverModelsOpenToAll) {
  constexpr auto access = ModelAccess::open;
  expect_rows({
      read("read a global model in a training", everyone, global_, &training_, access),
      read("read a global model of no training", everyone, global_, none_, access),
      read("read a participant's local model", everyone, local_, &training_, access),
      report("report on a global model in a training", everyone, global_, &training_, access),
      report("report on a global model of no training", everyone, global_, none_, access),
      report("report on a participant's local model", everyone, local_, &training_, access),
  });
}

TEST_F(Rights, ToChangeAModelDoNotDependOnWhoMayReadIt) {
  expect_rows({
      {"delete one in a training", "ao",
       [&](const Caller& by) { return may_delete(by, global_, &training_); }},
      {"delete one of no training", "o", [&](const Caller& by) { return may_delete(by, global_, nullptr); }},
      {"replace its preprocessing", "o",
       [&](const Caller& by) { return may_replace_preprocessing(by, global_); }},
      {"make a training or a mean of it", "o", [&](const Caller& by) { return may_use(by, global_.owner); }},
  });
}

TEST_F(Rights, OverAGroup) {
  Group group;
  group.members = {participant.id, other_participant.id};
  expect_rows({
      {"list all groups", "u", [&](const Caller& by) { return may_list_groups(by); }},
      {"see, rename, delete", "pq", [&](const Caller& by) { return may_access(by, group); }},
      {"add and remove members", "pqu", [&](const Caller& by) { return may_choose_members(by, group); }},
  });
}

TEST_F(Rights, OverAnAccount) {
  expect_rows({
      {"register while it is open", everyone, [](const Caller& by) { return may_register(&by, true); }},
      {"register while it is closed", "u", [](const Caller& by) { return may_register(&by, false); }},
      {"replace the owner's token or password", "ou",
       [](const Caller& by) { return may_see_to(by, owner.id); }},
      {"set a password without the old one", "u",
       [](const Caller& by) { return may_set_password_without_the_old(by); }},
      {"deactivate and activate", "u", [](const Caller& by) { return may_lock_accounts(by); }},
  });
  EXPECT_TRUE(may_register(nullptr, true));
  EXPECT_FALSE(may_register(nullptr, false));
}

TEST_F(Rights, AreAskedForByTheCallersAccount) {
  User account;
  account.id = user(7);
  EXPECT_FALSE(caller_of(account).superuser);
  account.superuser = true;
  EXPECT_EQ(caller_of(account).id, account.id);
  EXPECT_TRUE(caller_of(account).superuser);
}

TEST_F(Rights, OfASuperuserToChangeThingsAreThoseOfItsOtherRoles) {
  Training own = training_;
  own.actor = superuser.id;
  EXPECT_TRUE(may_manage(superuser, own));
  EXPECT_TRUE(may_delete(superuser, global_, &own));
  EXPECT_TRUE(may_replace_preprocessing(superuser, model(ModelKind::global, superuser.id)));
}

}  // namespace
}  // namespace fedlog::domain
