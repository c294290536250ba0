#include "domain/group.h"

#include <gtest/gtest.h>

#include "domain/group_commands.h"
#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

using test::user;

const Caller member{user(1), false};
const Caller stranger{user(2), false};
const Caller superuser{user(3), true};

Group team() {
  return {.id = {7}, .name = "team", .members = {member.id}};
}

Group after(Group group, const GroupCommand& command) {
  const auto events = decide(group, command).value();
  for (const auto& event : events) evolve(group, event);
  return group;
}

TEST(Group, IsRenamedAndDeletedByItsMembersOnly) {
  EXPECT_EQ(after(team(), RenameGroup{member, "crew"}).name, "crew");
  EXPECT_TRUE(after(team(), DeleteGroup{member}).deleted);
  for (const auto& caller : {stranger, superuser}) {
    EXPECT_EQ(decide(team(), RenameGroup{caller, "crew"}).error().reason, Reason::permission_denied);
    EXPECT_EQ(decide(team(), DeleteGroup{caller}).error().reason, Reason::permission_denied);
  }
}

TEST(Group, TakesMembersFromItsMembersAndFromSuperusers) {
  for (const auto& caller : {member, superuser}) {
    EXPECT_TRUE(after(team(), AddMembers{caller, {user(9)}}).has_member(user(9)));
    EXPECT_FALSE(after(team(), RemoveMembers{caller, {member.id}}).has_member(member.id));
  }
  EXPECT_FALSE(decide(team(), AddMembers{stranger, {user(9)}}));
  EXPECT_FALSE(decide(team(), RemoveMembers{stranger, {member.id}}));
}

TEST(Group, ChangesNothingWhenThereIsNothingToChange) {
  EXPECT_TRUE(decide(team(), RenameGroup{member, "team"})->empty());
  EXPECT_TRUE(decide(team(), AddMembers{member, {member.id}})->empty());
  EXPECT_TRUE(decide(team(), RemoveMembers{member, {user(9)}})->empty());
  EXPECT_EQ(decide(team(), AddMembers{member, {user(9), user(9)}})->size(), 1u);
}

}  // namespace
}  // namespace fedlog::domain
