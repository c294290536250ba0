#include "domain/group.h"

#include <algorithm>

#include "domain/overloaded.h"

namespace fedlog::domain {

bool Group::has_member(UserId user) const {
  return std::ranges::find(members, user) != members.end();
}

void evolve(Group& group, const GroupEvent& event) {
  std::visit(
      overloaded{[&](const GroupCreated& e) { group = Group{.id = e.group, .name = e.name, .members = {}}; },
                 [&](const GroupRenamed& e) { group.name = e.name; },
                 [&](const GroupMemberAdded& e) { group.members.push_back(e.user); },
                 [&](const GroupMemberRemoved& e) { std::erase(group.members, e.user); },
                 [&](const GroupDeleted&) { group.deleted = true; }},
      event);
}

}  // namespace fedlog::domain
