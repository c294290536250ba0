#include "domain/group_commands.h"

namespace fedlog::domain {
namespace {

using Decision = std::expected<std::vector<GroupEvent>, Rejection>;

std::unexpected<Rejection> not_allowed() {
  return std::unexpected(Rejection{Reason::permission_denied, "You are not allowed to access this group."});
}

struct Decide {
  const Group& group;

  Decision operator()(const RenameGroup& c) const {
    if (!may_access(c.by, group)) return not_allowed();
    if (group.name == c.name) return {};
    return std::vector<GroupEvent>{GroupRenamed{c.name}};
  }
  Decision operator()(const DeleteGroup& c) const {
    if (!may_access(c.by, group)) return not_allowed();
    return std::vector<GroupEvent>{GroupDeleted{}};
  }
  Decision operator()(const AddMembers& c) const {
    if (!may_choose_members(c.by, group)) return not_allowed();
    Group after = group;
    std::vector<GroupEvent> events;
    for (const auto& user : c.users) {
      if (after.has_member(user)) continue;
      events.push_back(GroupMemberAdded{user});
      evolve(after, events.back());
    }
    return events;
  }
  Decision operator()(const RemoveMembers& c) const {
    if (!may_choose_members(c.by, group)) return not_allowed();
    Group after = group;
    std::vector<GroupEvent> events;
    for (const auto& user : c.users) {
      if (!after.has_member(user)) continue;
      events.push_back(GroupMemberRemoved{user});
      evolve(after, events.back());
    }
    return events;
  }
};

}  // namespace

Decision decide(const Group& group, const GroupCommand& command) {
  return std::visit(Decide{group}, command);
}

}  // namespace fedlog::domain
