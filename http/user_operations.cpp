#include "http/user_operations.h"

#include "http/lists.h"
#include "http/openapi_examples.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

// What the server posts to a message_endpoint.
Body notification_callback() {
  Body answers = Body::object();
  answers["200"]["description"] = "Any 2xx accepts the notification.";
  answers["default"]["description"] =
      "For a round's notification, 408, 429 and 503 are tried again for a while, and any other status takes "
      "the "
      "participant out of the training. For the others, any status ends the delivery.";
  Body post = Body::object();
  post["operationId"] = "notification";
  post["summary"] = "A notification of a training";
  post["description"] =
      "Sent at least once, and to one receiver in order. A receiver that cannot be reached is tried again "
      "for a "
      "while, and then is taken out of the training.";
  post["tags"] = Body::array({"User"});
  auto& delivery = post["parameters"][0];
  delivery["name"] = "X-Fedlog-Delivery";
  delivery["in"] = "header";
  delivery["required"] = true;
  delivery["description"] = "The same for every attempt: drop what came before.";
  delivery["schema"] = schema::uuid();
  auto& body = post["requestBody"];
  body["required"] = true;
  body["content"]["application/json"]["schema"] = schema::ref("Notification");
  post["responses"] = std::move(answers);
  post["security"] = Body::array();
  Body callbacks = Body::object();
  callbacks["notification"]["{$request.body#/message_endpoint}"]["post"] = std::move(post);
  return callbacks;
}

}  // namespace

PathParameter user_parameter() {
  return {"user_id", "The user's id.", schema::uuid(), example::user_id};
}

UserOperations user_operations(const std::vector<FieldRule>& registration_fields,
                               const std::vector<FieldRule>& change_fields) {
  return {
      .list = {.summary = "List all users",
               .description = "Without their tokens.",
               .query = user_list_parameters(),
               .answers = {{.meaning = "The users.", .schema = schema::listing_of("User")}},
               .failures = {list_refusal()}},
      .registration = {.summary = "Register a user",
                       .description =
                           "Needs no credentials. Unknown fields are ignored, `is_superuser` among them.",
                       .fields = registration_fields,
                       .answers = {{.status = 201,
                                    .meaning = "The user, with the token.",
                                    .schema = schema::ref("RegisteredUser")}},
                       .failures = {field_failure(400, "The name is taken.", "username",
                                                  "A user with that username already exists."),
                                    field_failure(400, "A field is too long.", "first_name",
                                                  "Ensure this field has no more than 150 characters."),
                                    field_failure(400, "The endpoint is no http or https URL.",
                                                  "message_endpoint", "Enter a valid URL."),
                                    detail_failure(
                                        403, "Registration is closed, and the caller is no superuser.",
                                        "Registration is closed on this server. Ask a superuser for "
                                        "an account.")},
                       .callbacks = notification_callback()},
      .myself = {.summary = "Show the caller",
                 .description = "Without the token.",
                 .answers = {{.meaning = "The caller.", .schema = schema::ref("User")}}},
      .groups = {.summary = "List the caller's groups",
                 .query = group_list_parameters(),
                 .answers = {{.meaning = "The groups that the caller is a member of.",
                              .schema = schema::listing_of("Group")}},
                 .failures = {list_refusal()},
                 .tag = "Group"},
      .trainings = {.summary = "List the trainings that the caller runs or takes part in",
                    .query = training_list_parameters(),
                    .answers = {{.meaning = "The trainings.", .schema = schema::listing_of("Training")}},
                    .failures = {list_refusal()},
                    .tag = "Training"},
      .show = {.summary = "Show a user",
               .description = "With the token only if it is the caller.",
               .answers = {{.meaning = "The user.", .schema = schema::ref("User")}},
               .failures = {unknown_id("User")}},
      .change = {.summary = "Change a user",
                 .description =
                     "Users change their own account, superusers anybody's. What is left out stays as it is. "
                     "Allow does not name this method, and for strangers it is not there.",
                 .fields = change_fields,
                 .wording = Wording::marshmallow,
                 .partial = true,
                 .answers = {{.meaning = "The user as it is now.", .schema = schema::ref("User")}},
                 .failures = {unknown_id("User"),
                              field_failure(400, "The endpoint is no http or https URL.", "message_endpoint",
                                            "Enter a valid URL."),
                              field_failure(400, "A field cannot be changed.", "username",
                                            "This field cannot be changed."),
                              field_failure(400, "There is no such field.", "shoe_size", "Unknown field."),
                              detail_failure(405, "It is another's account.",
                                             "Method \"PATCH\" not allowed.")}},
  };
}

}  // namespace fedlog::http
