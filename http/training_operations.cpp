#include "http/training_operations.h"

#include "http/lists.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

constexpr auto training_id = "c2d7a0b4-1f5e-4f63-8f0a-6d9c3b2a1e33";

Operation models(std::string summary, const std::string& local_models) {
  return {
      .summary = std::move(summary),
      .description = "The global model, then " + local_models + ". Empty for who may not see the training.",
      .query = model_list_parameters(),
      .answers = {{.meaning = "The models.", .schema = schema::listing_of("Model")}},
      .failures = {detail_failure(400, "The id in the path is no id.", "Training abc not found."),
                   list_refusal()},
      .tag = "Training"};
}

}  // namespace

PathParameter training_parameter() {
  return {"training_id", "The training's id.", schema::uuid(), training_id};
}

TrainingOperations training_operations(const std::vector<FieldRule>& training_fields,
                                       const std::vector<FieldRule>& participant_fields) {
  const auto not_actor = not_permitted("The caller is not the training's actor.");
  const auto unknown_users =
      detail_failure(400, "A user is unknown or listed twice.", "Not all provided users were found!");
  const auto unknown_field = field_failure(400, "There is no such field.", "colour", "Unknown field.");
  return {
      .list = {.summary = "List the trainings that the caller runs",
               .query = training_list_parameters(),
               .answers = {{.meaning = "The trainings.", .schema = schema::listing_of("Training")}},
               .failures = {list_refusal()}},
      .create = {.summary = "Create a training",
                 .description =
                     "Of a model that the caller owns; one that another training uses is copied. With "
                     "`options.daisy_chain_period` above 0 it is daisy-chained.",
                 .fields = training_fields,
                 .wording = Wording::marshmallow,
                 .answers = {{.status = 201,
                              .meaning = "The training waits for its start.",
                              .schema = schema::object(
                                  {{"detail",
                                    schema::with_example(schema::text(), "Training created successfully!")},
                                   {"training_id", schema::with_example(schema::uuid(), training_id)}})}},
                 .failures = {field_failure(400, "A field is wrong.", "target_num_updates",
                                            "Must be greater than or equal to 1."),
                              unknown_field, unknown_users,
                              detail_failure(400, "There is no such model.",
                                             "Model 7c1f8a52-95a4-4a6e-9d4d-1f0c2f6a7b11 not found."),
                              not_permitted("The model is another's.")}},
      .show = {.summary = "Show a training",
               .answers = {{.meaning = "The training.", .schema = schema::ref("TrainingDetail")}},
               .failures = {unknown_id("Training"),
                            not_permitted("The caller is neither actor nor participant nor superuser.")}},
      .remove = {.summary = "Delete a training",
                 .description = "Its model stays.",
                 .answers = {{.meaning = "The training is gone.",
                              .schema = schema::detail("Training removed!")}},
                 .failures = {unknown_id("Training"),
                              detail_failure(403, "The caller is not the training's actor.",
                                             "You are not the owner the training.")}},
      .add_participants = {.summary = "Add participants",
                           .description = "Who takes part already stays.",
                           .fields = participant_fields,
                           .wording = Wording::marshmallow,
                           .answers = {{.status = 202,
                                        .meaning = "They take part.",
                                        .schema = schema::detail("Users registered as participants!")}},
                           .failures = {unknown_id("Training"), not_actor, unknown_users, unknown_field}},
      .remove_participants = {.summary = "Remove participants",
                              .description =
                                  "They are told so while the training runs, and its round goes on "
                                  "without them.",
                              .fields = participant_fields,
                              .wording = Wording::marshmallow,
                              .answers = {{.meaning = "They take no part.",
                                           .schema =
                                               schema::detail("Users removed from training participants!")}},
                              .failures = {unknown_id("Training"), not_actor, unknown_users, unknown_field}},
      .start = {.summary = "Start a training",
                .description = "Notifies the participants.",
                .answers = {{.status = 202,
                             .meaning = "The training is ongoing.",
                             .schema = schema::detail("Training started!")}},
                .failures = {unknown_id("Training"), not_actor,
                             detail_failure(
                                 400, "It was started before.",
                                 std::string{"Training "} + training_id + " is not in state INITIAL!"),
                             detail_failure(400, "Nobody takes part.",
                                            "At least one participant must be registered!")}},
      .models =
          models("List a training's models",
                 "the local models that participants go on with (FedDC) and the updates of the open round"),
      .latest_models =
          models("List a training's latest models", "the latest local model of each participant"),
  };
}

}  // namespace fedlog::http
