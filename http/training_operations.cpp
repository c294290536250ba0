#include "http/training_operations.h"

#include "http/lists.h"
#include "http/openapi_examples.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

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

// A call that steers a training and reads no body.
Operation control(std::string summary, std::string description, std::string meaning, std::string_view done,
                  std::vector<Failure> failures) {
  failures.insert(failures.begin(), unknown_id("Training"));
  return {.summary = std::move(summary),
          .description = std::move(description),
          .answers = {{.meaning = std::move(meaning), .schema = schema::detail(done)}},
          .failures = std::move(failures),
          .tag = "Training"};
}

Failure with_hint(Failure failure, std::string hint) {
  failure.body["x_hint"] = std::move(hint);
  return failure;
}

Failure wrong_state(std::string when) {
  return list_failure(400, std::move(when),
                      std::string{"Training with ID "} + example::training_id + " is in state C");
}

}  // namespace

PathParameter training_parameter() {
  return {"training_id", "The training's id.", schema::uuid(), example::training_id};
}

TrainingOperations training_operations(const std::vector<FieldRule>& training_fields,
                                       const std::vector<FieldRule>& participant_fields) {
  const auto not_actor = not_permitted("The caller is not the training's actor.");
  const auto not_in_charge = not_permitted("The caller is neither the training's actor nor a superuser.");
  const auto unknown_users =
      detail_failure(400, "A user is unknown or listed twice.", "Not all provided users were found!");
  const auto unknown_field = field_failure(400, "There is no such field.", "colour", "Unknown field.");
  return {
      .list = {.summary = "List the trainings that the caller runs",
               .query = training_list_parameters(),
               .answers = {{.meaning = "The trainings.", .schema = schema::listing_of("Training")}},
               .failures = {list_refusal()}},
      .create =
          {.summary = "Create a training",
           .description = "Of a model that the caller owns; one that another training uses is copied. With "
                          "`options.daisy_chain_period` above 0 it is daisy-chained.",
           .fields = training_fields,
           .wording = Wording::marshmallow,
           .answers = {{.status = 201,
                        .meaning = "The training waits for its start.",
                        .schema = schema::object(
                            {{"detail",
                              schema::with_example(schema::text(), "Training created successfully!")},
                             {"training_id", schema::with_example(schema::uuid(), example::training_id)}})}},
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
                             detail_failure(400, "It was started before.",
                                            std::string{"Training "} + example::training_id +
                                                " is not in state INITIAL!"),
                             detail_failure(400, "Nobody takes part.",
                                            "At least one participant must be registered!")}},
      .cancel = control("Cancel a training",
                        "For good: it goes into state E, whatever it waits for, and its participants and its "
                        "actor are told. For its actor and superusers.",
                        "The training is in state E.", "Training cancelled!",
                        {not_in_charge, wrong_state("It ended before.")}),
      .pause = control("Pause a training",
                       "What participants send is taken, but nothing else happens until `resume/`, and no "
                       "deadline runs. A training that is paused already stays so. For its actor and "
                       "superusers.",
                       "The training is paused.", "Training paused!",
                       {not_in_charge, wrong_state("It does not run.")}),
      .resume = control(
          "Resume a training",
          "After a pause, or in state E unless it was cancelled: it goes on where it was, with all "
          "that was accepted, a new deadline, and notifications to who has not done its part. For "
          "its actor and superusers.",
          "The training runs.", "Training resumed!",
          {not_in_charge, wrong_state("It never ran, is completed, or was cancelled."),
           with_hint(
               detail_failure(400, "Nobody takes part.", "At least one participant must be registered!"),
               "Add participants first, then resume the training.")}),
      .leave = control("Leave a training",
                       "The round goes on without the caller, whose part in it counts no more.",
                       "The caller takes no part.", "You left the training!",
                       {detail_failure(403, "The caller takes no part.",
                                       std::string{"You are not a participant of training "} +
                                           example::training_id + "!")}),
      .join = control("Join a training",
                      "Of which the option `open_to_join` is true. Who takes part already stays.",
                      "The caller takes part.", "You joined the training!",
                      {detail_failure(403, "It is not open to all.",
                                      "This training is not open to join; ask its owner to add you."),
                       wrong_state("It has ended.")}),
      .status = {.summary = "Explain what a training waits for",
                 .description =
                     "In words and in fields: from whom, since when, until when, what happens then, and "
                     "how the notifications to those people ended. For who may see the training. "
                     "`fedlog why training/ID` prints the same.",
                 .answers = {{.meaning = "The status.", .schema = schema::ref("TrainingStatus")}},
                 .failures = {unknown_id("Training"),
                              not_permitted("The caller is neither actor nor participant nor superuser.")}},
      .models =
          models("List a training's models",
                 "the local models that participants go on with (FedDC) and the updates of the open round"),
      .latest_models =
          models("List a training's latest models", "the latest local model of each participant"),
  };
}

}  // namespace fedlog::http
