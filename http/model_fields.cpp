#include "http/model_fields.h"

#include "domain/training_refusals.h"
#include "http/metric_values.h"
#include "http/openapi_examples.h"

namespace fedlog::http {

namespace {

constexpr std::size_t dimensions_max = 64;
constexpr std::size_t members_max = 1000;

std::vector<FieldRule> joined(std::vector<FieldRule> rules, const std::vector<FieldRule>& more) {
  rules.insert(rules.end(), more.begin(), more.end());
  return rules;
}

}  // namespace

const std::vector<FieldRule>& description_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "name",
       .required = true,
       .blank = true,
       .trim = false,
       .length_max = 256,
       .description = "What people call the model.",
       .example = "digits"},
      {.name = "description",
       .required = true,
       .blank = true,
       .trim = false,
       .length_max = 10'000,
       .description = "What the model is for.",
       .example = "Handwritten digits, 8x8 pixels"},
      {.name = "round",
       .type = FieldType::integer,
       .fallback = 0,
       .minimum = 0,
       .description = "The round that the model is in already.",
       .example = 0},
      {.name = "input_shape",
       .type = FieldType::sizes,
       .items_max = dimensions_max,
       .loose = true,
       .description =
           "The sizes of the input's dimensions, the batch's first; null (in a form \"None\") is any size.",
       .example = {nullptr, 64}}};
  return rules;
}

const std::vector<FieldRule>& member_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "models",
       .type = FieldType::uuids,
       .required = true,
       .items_max = members_max,
       .description =
           "Of a mean model: the ids of the models that it is the mean of. The caller owns all of them.",
       .example = {example::model_id}}};
  return rules;
}

const std::vector<FieldRule>& contribution_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "round",
       .type = FieldType::integer,
       .required = true,
       .description = "The round that this belongs to, as the notification named it.",
       .example = 0},
      {.name = "sample_size",
       .type = FieldType::integer,
       .required = true,
       .maximum = domain::sample_size_max,
       .description = "How many samples it was trained on; the weight in the mean. At least 1.",
       .example = 120}};
  return rules;
}

const std::vector<FieldRule>& model_fields() {
  static const auto rules = joined(
      joined({{.name = "type",
               .type = FieldType::choice,
               .fallback = "GLOBAL",
               .choices = {"GLOBAL", "SWAG", "MEAN"},
               .others_fall_back = true,
               .description =
                   "GLOBAL: a model to train. SWAG: one whose training also collects moments of its weights. "
                   "MEAN: the mean of other models.",
               .example = "GLOBAL"}},
             description_fields()),
      {{.name = "models",
        .type = FieldType::uuids,
        .items_max = members_max,
        .description = member_fields().front().description},
       {.name = "model_file",
        .type = FieldType::file,
        .description = "A TorchScript archive, a module or a state_dict saved with torch.save(), or "
                       "safetensors; only the first two "
                       "can predict. Needed unless the type is MEAN."},
       {.name = "model_preprocessing_file",
        .type = FieldType::file,
        .description = "A TorchScript archive that prepares the model's inputs."}});
  return rules;
}

const std::vector<FieldRule>& update_fields() {
  static const auto rules = joined(joined(contribution_fields(), metric_fields(false)),
                                   {{.name = "model_file",
                                     .type = FieldType::file,
                                     .required = true,
                                     .description = "The trained model, in the form of the global one."}});
  return rules;
}

const std::vector<FieldRule>& preprocessing_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "model_preprocessing_file",
       .type = FieldType::file,
       .required = true,
       .description = "A TorchScript archive that prepares the model's inputs."}};
  return rules;
}

const std::vector<FieldRule>& swag_fields() {
  static const auto rules = joined(
      contribution_fields(), {{.name = "first_moment_file",
                               .type = FieldType::file,
                               .required = true,
                               .description = "The mean of the weights: a tensor saved with torch.save()."},
                              {.name = "second_moment_file",
                               .type = FieldType::file,
                               .required = true,
                               .description = "The mean of the squared weights, likewise."}});
  return rules;
}

}  // namespace fedlog::http
