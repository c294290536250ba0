#pragma once

#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "domain/group.h"
#include "domain/rejection.h"
#include "domain/rights.h"

namespace fedlog::domain {

struct RenameGroup {
  Caller by;
  std::string name;
};

struct DeleteGroup {
  Caller by;
};

// Users that are members already are no error.
struct AddMembers {
  Caller by;
  std::vector<UserId> users;
};

// Users that are no members are no error.
struct RemoveMembers {
  Caller by;
  std::vector<UserId> users;
};

using GroupCommand = std::variant<RenameGroup, DeleteGroup, AddMembers, RemoveMembers>;

// Whether names are unique is the accounts actor's to see to. Pure.
[[nodiscard]] std::expected<std::vector<GroupEvent>, Rejection> decide(const Group& group,
                                                                       const GroupCommand& command);

}  // namespace fedlog::domain
