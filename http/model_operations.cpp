#include "http/model_operations.h"

#include "http/lists.h"
#include "http/metric_values.h"
#include "http/model_fields.h"
#include "http/openapi_examples.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

Failure no_file(const char* name) {
  return detail_failure(400, "The file is missing.", std::string{"No uploaded file '"} + name + "' found.");
}

Failure bad_file(const char* what) {
  return list_failure(400, "The file is none that can be used; the text says why.",
                      std::string{"Invalid "} + what + " file: it is no archive of PyTorch");
}

Body detail_with_id(const char* detail) {
  return schema::object({{"detail", schema::with_example(schema::text(), detail)},
                         {"model_id", schema::with_example(schema::uuid(), example::model_id)}});
}

// A file that may be asked for in parts.
Operation download(std::string summary, std::string description, std::vector<Failure> failures) {
  failures.push_back(
      detail_failure(416, "The range begins after the file's end.", "The file has only 5120 bytes."));
  return {
      .summary = std::move(summary),
      .description = std::move(description),
      .headers = {{.name = "Range",
                   .description = "One range of bytes; what cannot be read, or several, gets the whole file.",
                   .example = "bytes=0-1023"},
                  {.name = "If-Range",
                   .description = "An ETag: the range counts only if the file still has it."},
                  {.name = "If-None-Match", .description = "ETags that the client has already."}},
      .answers = {{.meaning = "The file.",
                   .schema = schema::bytes(),
                   .media_type = "application/octet-stream",
                   .headers = {{"ETag", "The file's SHA-256, in quotes."},
                               {"Accept-Ranges", "bytes"},
                               {"Content-Disposition", "The file's name."}}},
                  {.status = 206,
                   .meaning = "The range that was asked for.",
                   .schema = schema::bytes(),
                   .media_type = "application/octet-stream",
                   .headers = {{"Content-Range", "Which bytes these are, and of how many."}}},
                  {.status = 304, .meaning = "The client has the file already."}},
      .failures = std::move(failures)};
}

std::vector<Failure> contribution_failures() {
  return {unknown_id("Model"),
          detail_failure(404, "The model belongs to no training.",
                         std::string{"Model with ID "} + example::model_id +
                             " does not have a training process running"),
          detail_failure(403, "The caller takes no part in the training.",
                         std::string{"You are not a participant of training "} + example::training_id + "!"),
          field_failure(400, "A field is wrong.", "round", "A valid integer is required."),
          list_failure(400, "The training waits for something else.",
                       std::string{"Training with ID "} + example::training_id + " is in state I")};
}

Failure other_round() {
  return list_failure(
      400, "The round is not the open one.",
      std::string{"Training with ID "} + example::training_id + " is not currently in round 1");
}

Operation update_operation() {
  auto failures = contribution_failures();
  failures.push_back(other_round());
  failures.push_back(no_file("model_file"));
  failures.push_back(bad_file("model"));
  failures.push_back(detail_failure(400, "There are more names than values, or the other way round.",
                                    "Metric names and values must have the same length"));
  return {.summary = "Send a local update",
          .description =
              "For participants, once a round: a second one of the same round replaces the first until "
              "the round is aggregated. The model in the path is the one that the round's notification "
              "named. The first field that is missing is named in quotes.",
          .fields = update_fields(),
          .wording = Wording::model_update,
          .answers = {{.status = 201,
                       .meaning = "The update counts.",
                       .schema = schema::detail("Model Update Accepted")}},
          .failures = std::move(failures)};
}

Operation swag_operation() {
  auto failures = contribution_failures();
  failures.push_back(other_round());
  failures.push_back(no_file("first_moment_file"));
  failures.push_back(bad_file("first moment"));
  return {.summary = "Send moments of weights",
          .description =
              "For participants, once a SWAG round: a second time in the same round replaces the first. Both "
              "files hold a vector of as many numbers as the model has parameters, in the order of PyTorch's "
              "parameters_to_vector; those of all participants have the same element type.",
          .fields = swag_fields(),
          .wording = Wording::model_update,
          .answers = {{.status = 201,
                       .meaning = "The moments count.",
                       .schema = schema::detail("SWAG Statistic Accepted")}},
          .failures = std::move(failures)};
}

}  // namespace

PathParameter model_parameter() {
  return {"model_id", "The model's id.", schema::uuid(), example::model_id};
}

ModelOperations model_operations() {
  const auto stranger = not_permitted("The caller may not read the model.");
  return {
      .list = {.summary = "List models",
               .description = "Those that the caller owns, or whose training it takes part in.",
               .query = model_list_parameters(),
               .answers = {{.meaning = "The models.", .schema = schema::listing_of("Model")}},
               .failures = {list_refusal()}},
      .upload =
          {.summary = "Upload a model",
           .description = "A global or SWAG model with its file, or a mean model of others, which needs no "
                          "file and may come as JSON.",
           .fields = model_fields(),
           .wording = Wording::model_upload,
           .answers = {{.status = 201,
                        .meaning = "The model is kept.",
                        .schema = detail_with_id("Model Upload Accepted")}},
           .failures = {list_failure(400, "A field is missing.", "Missing required field: name"),
                        field_failure(400, "A field is wrong.", "input_shape",
                                      "A valid integer or \"None\" is required."),
                        no_file("model_file"), bad_file("model"),
                        list_failure(400, "A mean model's list is none.", "Invalid type for field: models"),
                        list_failure(400, "A mean model's model is unknown.", "Invalid model UUIDs found."),
                        list_failure(400, "A mean model's model is another's.",
                                     "Invalid model selection. Insufficient model permissions.")}},
      .download = download("Download a model", "A mean model has no file of its own.",
                           {unknown_id("Model"), stranger,
                            detail_failure(400, "It is a mean model.",
                                           std::string{"Model "} + example::model_id +
                                               " is a mean model: it has no file of its own; download its "
                                               "members.")}),
      .update = update_operation(),
      .remove = {.summary = "Delete a model",
                 .description = "For its owner, and for the actor of its training, which goes with it.",
                 .answers = {{.meaning = "The model is gone.", .schema = schema::detail("Model removed!")}},
                 .failures = {unknown_id("Model"),
                              detail_failure(403, "The caller is neither owner nor actor.",
                                             "You are neither the owner of the model nor the actor of the "
                                             "corresponding training.")}},
      .metadata = {.summary = "Show what is known of a model",
                   .answers = {{.meaning = "The model, with statistics.", .schema = schema::ref("Metadata")}},
                   .failures = {unknown_id("Model"), stranger}},
      .list_metrics = {.summary = "List a model's metrics",
                       .query = metric_list_parameters(),
                       .answers = {{.meaning = "The metrics, in the order in which they were reported.",
                                    .schema = schema::listing_of("Metric")}},
                       .failures = {unknown_id("Model"), list_refusal(), stranger}},
      .report_metrics = {.summary = "Report metrics of a model",
                         .description =
                             "A participant's first report for a round of testing counts towards the "
                             "training's course.",
                         .fields = metric_fields(true),
                         .wording = Wording::metrics,
                         .answers = {{.status = 201,
                                      .meaning = "The metrics are kept.",
                                      .schema = detail_with_id("Model Metrics Upload Accepted")}},
                         .failures = {unknown_id("Model"), stranger,
                                      field_failure(400, "A name is too long.", "metric_names",
                                                    "Ensure this field has no more than 32 characters."),
                                      detail_failure(
                                          400, "There are more names than values, or the other way round.",
                                          "Metric names and values must have the same length")}},
      .download_preprocessing =
          download("Download a model's preprocessing", "The file that prepares the model's inputs.",
                   {unknown_id("Model"), stranger,
                    detail_failure(404, "The model has none.",
                                   std::string{"Model '"} + example::model_id +
                                       "' has no preprocessing model defined.")}),
      .replace_preprocessing = {.summary = "Replace a model's preprocessing",
                                .description = "For the model's owner.",
                                .fields = preprocessing_fields(),
                                .answers = {{.status = 202,
                                             .meaning = "The file is kept.",
                                             .schema =
                                                 schema::detail("Proprocessing Model Upload Accepted")}},
                                .failures = {unknown_id("GlobalModel"),
                                             detail_failure(403, "The caller is not the owner.",
                                                            std::string{"You are not the owner of model "} +
                                                                example::model_id + "!"),
                                             no_file("model_preprocessing_file"), bad_file("preprocessing")}},
      .swag = swag_operation(),
  };
}

}  // namespace fedlog::http
