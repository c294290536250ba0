#pragma once

#include <string>
#include <variant>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"

namespace fedlog::domain {

// A named set of users. Only its members may read, rename or delete it.
struct Group {
  GroupId id;
  std::string name;
  std::vector<UserId> members;
  bool deleted = false;

  static constexpr auto fields() {
    return std::tuple{field("id", &Group::id), field("name", &Group::name), field("members", &Group::members),
                      field("deleted", &Group::deleted)};
  }
  [[nodiscard]] bool has_member(UserId user) const;
  bool operator==(const Group&) const = default;
};

struct GroupCreated {
  static constexpr std::string_view type = "GroupCreated";
  static constexpr int revision = 1;
  GroupId group;
  std::string name;
  static constexpr auto fields() {
    return std::tuple{field("group", &GroupCreated::group), field("name", &GroupCreated::name)};
  }
  bool operator==(const GroupCreated&) const = default;
};

struct GroupRenamed {
  static constexpr std::string_view type = "GroupRenamed";
  static constexpr int revision = 1;
  std::string name;
  static constexpr auto fields() { return std::tuple{field("name", &GroupRenamed::name)}; }
  bool operator==(const GroupRenamed&) const = default;
};

struct GroupMemberAdded {
  static constexpr std::string_view type = "GroupMemberAdded";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &GroupMemberAdded::user)}; }
  bool operator==(const GroupMemberAdded&) const = default;
};

struct GroupMemberRemoved {
  static constexpr std::string_view type = "GroupMemberRemoved";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &GroupMemberRemoved::user)}; }
  bool operator==(const GroupMemberRemoved&) const = default;
};

struct GroupDeleted {
  static constexpr std::string_view type = "GroupDeleted";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const GroupDeleted&) const = default;
};

using GroupEvent =
    std::variant<GroupCreated, GroupRenamed, GroupMemberAdded, GroupMemberRemoved, GroupDeleted>;

void evolve(Group& group, const GroupEvent& event);

}  // namespace fedlog::domain
