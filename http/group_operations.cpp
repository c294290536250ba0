#include "http/group_operations.h"

#include "http/lists.h"
#include "http/schema.h"

namespace fedlog::http {

PathParameter group_parameter() {
  return {"group_id", "The group's number.", schema::integer(), 1};
}

GroupOperations group_operations(const std::vector<FieldRule>& group_fields,
                                 const std::vector<FieldRule>& member_fields) {
  const auto unknown = detail_failure(400, "There is no such group.", "Group 7 not found.");
  const auto taken = field_failure(400, "The name is taken.", "name", "group with this name already exists.");
  const auto no_member = detail_failure(403, "The caller is no member; superusers too must be members.",
                                        "You are not allowed to access this group.");
  const auto stranger = detail_failure(403, "The caller is neither a member nor a superuser.",
                                       "You are not allowed to access this group.");
  const auto unknown_users =
      detail_failure(400, "A user is unknown or listed twice.", "Not all provided users were found!");
  const auto renamed = Success{.meaning = "The group.", .schema = schema::ref("Group")};
  return {
      .list = {.summary = "List all groups",
               .description = "For superusers.",
               .query = group_list_parameters(),
               .answers = {{.meaning = "The groups.", .schema = schema::listing_of("Group")}},
               .failures = {list_refusal(), detail_failure(403, "The caller is no superuser.",
                                                           "You are not allowed to access all groups.")}},
      .create = {.summary = "Create a group",
                 .description =
                     "Nobody is a member yet, not even the caller; a superuser adds the first ones.",
                 .fields = group_fields,
                 .answers = {{.status = 201, .meaning = "The group.", .schema = schema::ref("Group")}},
                 .failures = {taken}},
      .show = {.summary = "Show a group",
               .answers = {{.meaning = "The group.", .schema = schema::ref("Group")}},
               .failures = {unknown, no_member}},
      .replace = {.summary = "Rename a group",
                  .fields = group_fields,
                  .answers = {renamed},
                  .failures = {unknown, no_member, taken}},
      .change = {.summary = "Change a group",
                 .description = "What is not sent stays.",
                 .fields = group_fields,
                 .partial = true,
                 .answers = {renamed},
                 .failures = {unknown, no_member, taken}},
      .remove = {.summary = "Delete a group",
                 .description = "Its members stay users.",
                 .answers = {{.status = 204, .meaning = "The group is gone."}},
                 .failures = {unknown, no_member}},
      .add_members = {.summary = "Add users to a group",
                      .description = "Who is a member already stays one.",
                      .fields = member_fields,
                      .answers = {{.meaning = "They are members.",
                                   .schema = schema::detail("Users added to the group.")}},
                      .failures = {unknown, stranger, unknown_users}},
      .remove_members = {.summary = "Remove users from a group",
                         .description = "Who is no member stays none.",
                         .fields = member_fields,
                         .answers = {{.meaning = "They are no members.",
                                      .schema = schema::detail("Users removed from the group.")}},
                         .failures = {unknown, stranger, unknown_users}},
  };
}

}  // namespace fedlog::http
