#include "http/groups.h"

#include "http/errors.h"
#include "http/group_operations.h"
#include "http/lists.h"
#include "http/openapi_examples.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/serializers.h"

namespace fedlog::http {

namespace {

const std::vector<FieldRule>& group_fields() {
  static const std::vector<FieldRule> rules{{.name = "name",
                                             .required = true,
                                             .length_max = 150,
                                             .description = "What the group is called; unique.",
                                             .example = "hospitals"}};
  return rules;
}

const std::vector<FieldRule>& member_fields() {
  static const std::vector<FieldRule> rules{{.name = "users",
                                             .type = FieldType::uuids,
                                             .required = true,
                                             .items_max = 2000,
                                             .description = "The users' ids.",
                                             .example = {example::user_id}}};
  return rules;
}

std::expected<domain::Group, Response> find_group(const Services& services, const Call& call) {
  auto group = services.gateway.views().group({call.number("group_id")});
  if (!group) return std::unexpected(entity_not_found_response("Group", call.parameter("group_id")));
  return *std::move(group);
}

// Superusers too must be members to see one group; so the contract has it.
std::expected<domain::Group, Response> find_own_group(const Services& services, const Call& call) {
  auto group = find_group(services, call);
  if (group && !domain::may_access(domain::caller_of(*call.caller), *group)) {
    return std::unexpected(forbidden_response("You are not allowed to access this group."));
  }
  return group;
}

Response list_groups(const Services& services, const Call& call) {
  if (!domain::may_list_groups(domain::caller_of(*call.caller))) {
    return forbidden_response("You are not allowed to access all groups.");
  }
  return list_response(services, call, services.gateway.views().groups());
}

Response create_group(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, group_fields(), Wording::rest_framework);
  if (!values) return values.error();
  const auto group = services.gateway.create_group(*context, values->at("name").get<std::string>());
  if (!group) return rejection_response(group.error());
  return body_response(201, serialized(*group));
}

Response show_group(const Services& services, const Call& call) {
  const auto group = find_own_group(services, call);
  return group ? body_response(200, serialized(*group)) : group.error();
}

// PATCH needs no field; without a name nothing changes.
Response rename_group(const Services& services, Call& call, bool partial) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto group = find_own_group(services, call);
  if (!group) return group.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, group_fields(), Wording::rest_framework, partial);
  if (!values) return values.error();
  if (!values->contains("name")) return body_response(200, serialized(*group));
  const auto renamed =
      services.gateway.rename_group(*context, group->id, values->at("name").get<std::string>());
  if (!renamed) return rejection_response(renamed.error());
  return body_response(200, serialized(*renamed));
}

Response delete_group(const Services& services, const Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto deleted = services.gateway.delete_group(*context, {call.number("group_id")});
  return deleted ? no_content() : rejection_response(deleted.error());
}

using ChangeMembers = actors::Result<void> (actors::Gateway::*)(const actors::RequestContext&,
                                                                domain::GroupId,
                                                                const std::vector<domain::UserId>&);

Response change_members(const Services& services, Call& call, ChangeMembers change, const char* done) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto group = find_group(services, call);
  if (!group) return group.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, member_fields(), Wording::rest_framework);
  if (!values) return values.error();
  const auto changed =
      (services.gateway.*change)(*context, group->id, ids_of<domain::UserId>(values->at("users")));
  return changed ? detail_response(200, done) : rejection_response(changed.error());
}

}  // namespace

std::vector<Route> group_routes(const Services& services) {
  const auto about = group_operations(group_fields(), member_fields());
  return {
      {.pattern = "/api/groups/",
       .view_name = "Group",
       .description = "Groups of users. Superusers list them, anyone creates one.",
       .methods = {{"GET", [&services](Call& call) { return list_groups(services, call); },
                    Access::authenticated, about.list},
                   {"POST", [&services](Call& call) { return create_group(services, call); },
                    Access::authenticated, about.create}}},
      {.pattern = "/api/groups/{group_id:int}/",
       .view_name = "Group",
       .description = "A group, for its members.",
       .methods = {{"GET", [&services](Call& call) { return show_group(services, call); },
                    Access::authenticated, about.show},
                   {"PUT", [&services](Call& call) { return rename_group(services, call, false); },
                    Access::authenticated, about.replace},
                   {"PATCH", [&services](Call& call) { return rename_group(services, call, true); },
                    Access::authenticated, about.change},
                   {"DELETE", [&services](Call& call) { return delete_group(services, call); },
                    Access::authenticated, about.remove}},
       .parameters = {group_parameter()}},
      {.pattern = "/api/groups/{group_id:int}/members/",
       .view_name = "Group",
       .description = "Adds users to a group, or removes them.",
       .methods = {{"POST",
                    [&services](Call& call) {
                      return change_members(services, call, &actors::Gateway::add_members,
                                            "Users added to the group.");
                    },
                    Access::authenticated, about.add_members},
                   {"DELETE",
                    [&services](Call& call) {
                      return change_members(services, call, &actors::Gateway::remove_members,
                                            "Users removed from the group.");
                    },
                    Access::authenticated, about.remove_members}},
       .parameters = {group_parameter()}},
  };
}

}  // namespace fedlog::http
