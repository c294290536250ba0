#include "http/trainings.h"

#include "domain/rights.h"
#include "http/errors.h"
#include "http/lists.h"
#include "http/openapi_examples.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/serializers.h"
#include "http/text.h"
#include "http/training_operations.h"
#include "http/training_status.h"

namespace fedlog::http {

namespace {

// Both are kept in one event, which holds 64 KiB.
constexpr std::size_t options_bytes_max = 16 * 1024;
constexpr std::size_t participants_max = 2000;
constexpr std::size_t metrics_max = 256;

template <domain::Named Enum>
std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  for (const auto& [value, name] : domain::Names<Enum>::all) names.push_back(name);
  return names;
}

template <domain::Named Enum>
Enum value_named(std::string_view wanted) {
  for (const auto& [value, name] : domain::Names<Enum>::all) {
    if (name == wanted) return value;
  }
  throw std::logic_error("a choice that was checked is unknown: " + std::string{wanted});
}

const std::vector<FieldRule>& training_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "model_id",
       .type = FieldType::uuid,
       .required = true,
       .description = "The global model to train.",
       .example = example::model_id},
      {.name = "target_num_updates",
       .type = FieldType::integer,
       .required = true,
       .minimum = 1,
       .description = "How many rounds to run.",
       .example = 3},
      {.name = "metric_names",
       .type = FieldType::texts,
       .items_max = metrics_max,
       .description = "The metrics that the clients mean to report; nothing depends on it.",
       .example = {"accuracy"}},
      {.name = "aggregation_method",
       .type = FieldType::choice,
       .required = true,
       .choices = names_of<domain::AggregationMethod>(),
       .description = "How updates become the next global model.",
       .example = "FedAvg"},
      {.name = "uncertainty_method",
       .type = FieldType::choice,
       .fallback = domain::name_of(domain::UncertaintyMethod::none),
       .choices = names_of<domain::UncertaintyMethod>(),
       .description = "How predictions of the model tell how sure they are.",
       .example = "NONE"},
      {.name = "options",
       .type = FieldType::mapping,
       .fallback = nlohmann::json::object(),
       .description =
           "More about the two methods, and about deadlines and people; in a form, as JSON text. At most 16 "
           "KiB.",
       .example = nlohmann::json::object({{"round_deadline_s", 3600}, {"min_updates", 0.5}}),
       .schema = "TrainingOptions"},
      {.name = "clients",
       .type = FieldType::uuids,
       .fallback = nlohmann::json::array(),
       .items_max = participants_max,
       .description = "The users who take part.",
       .example = {example::user_id}}};
  return rules;
}

const std::vector<FieldRule>& participant_fields() {
  static const std::vector<FieldRule> rules{{.name = "clients",
                                             .type = FieldType::uuids,
                                             .required = true,
                                             .items_max = participants_max,
                                             .description = "The users' ids.",
                                             .example = {example::user_id}}};
  return rules;
}

std::expected<domain::TrainingId, Response> training_id(const Call& call) {
  const auto& text = call.parameter("training_id");
  const auto id = parse_id<domain::TrainingId>(text);
  if (!id) return std::unexpected(entity_not_found_response("Training", text));
  return *id;
}

Response list_trainings(const Services& services, const Call& call) {
  return list_response(services, call, services.gateway.views().trainings_of_actor(call.caller->id));
}

Response create_training(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, training_fields(), Wording::marshmallow);
  if (!values) return values.error();
  const auto& options = values->at("options");
  if (options.dump().size() > options_bytes_max) {
    FieldErrors errors;
    errors.add("options", "Longer than maximum length " + std::to_string(options_bytes_max) + ".");
    return field_errors_response(errors);
  }
  const auto name = [&](const char* field) { return values->at(field).get<std::string>(); };
  const auto training = services.gateway.create_training(
      *context, {.model = *domain::ModelId::parse(name("model_id")),
                 .target_num_updates = values->at("target_num_updates").get<std::int64_t>(),
                 .aggregation_method = value_named<domain::AggregationMethod>(name("aggregation_method")),
                 .uncertainty_method = value_named<domain::UncertaintyMethod>(name("uncertainty_method")),
                 .options = options,
                 .participants = ids_of<domain::UserId>(values->at("clients"))});
  if (!training) return rejection_response(training.error());
  return body_response(201,
                       {{"detail", "Training created successfully!"}, {"training_id", training->text()}});
}

Response show_training(const Services& services, const Call& call) {
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto training = services.gateway.readable_training(reading_context(call), *id);
  if (!training) return rejection_response(training.error());
  return body_response(200, serialized(*training, Detail::single));
}

Response delete_training(const Services& services, const Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto deleted = services.gateway.delete_training(*context, *id);
  return deleted ? detail_response(200, "Training removed!") : rejection_response(deleted.error());
}

Response start_training(const Services& services, const Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto started = services.gateway.start_training(*context, *id);
  return started ? detail_response(202, "Training started!") : rejection_response(started.error());
}

Response control_training(const Services& services, const Call& call, actors::TrainingControl control,
                          const char* done) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto changed = services.gateway.control_training(*context, *id, control);
  return changed ? detail_response(200, done) : rejection_response(changed.error());
}

Response show_status(const Services& services, const Call& call) {
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto status = services.gateway.training_status(reading_context(call), *id);
  if (!status) return rejection_response(status.error());
  const auto& views = services.gateway.views();
  const auto name_of_user = [&](domain::UserId user) {
    const auto known = views.user(user);
    return known ? known->username.text : user.text();
  };
  return body_response(200, serialized(*status, name_of_user));
}

using ChangeParticipants = actors::Result<void> (actors::Gateway::*)(const actors::RequestContext&,
                                                                     domain::TrainingId,
                                                                     const std::vector<domain::UserId>&);

Response change_participants(const Services& services, Call& call, ChangeParticipants change, int status,
                             const char* done) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, participant_fields(), Wording::marshmallow);
  if (!values) return values.error();
  const auto changed =
      (services.gateway.*change)(*context, *id, ids_of<domain::UserId>(values->at("clients")));
  return changed ? detail_response(status, done) : rejection_response(changed.error());
}

using ModelsIn = storage::List<domain::Model> (storage::Views::*)(const domain::Training&) const;

// Nothing for who may not see the training, as the contract has it.
Response list_models_of_training(const Services& services, const Call& call, ModelsIn models) {
  const auto id = training_id(call);
  if (!id) return id.error();
  const auto& views = services.gateway.views();
  const auto training = views.training(*id);
  const bool readable = training && domain::may_read(reading_context(call).caller, *training);
  return list_response(services, call,
                       readable ? (views.*models)(*training) : storage::List<domain::Model>{});
}

// POST /api/trainings/{training_id}/<name>/
Route control_route(const Services& services, const std::string& name, const char* description,
                    actors::TrainingControl control, const char* done, Operation about) {
  return {.pattern = "/api/trainings/{training_id}/" + name + "/",
          .view_name = "Training",
          .description = description,
          .methods = {{"POST",
                       [&services, control, done](Call& call) {
                         return control_training(services, call, control, done);
                       },
                       Access::authenticated, std::move(about)}},
          .parameters = {training_parameter()}};
}

}  // namespace

std::vector<Route> training_routes(const Services& services) {
  const auto list_models = [&services](ModelsIn models) {
    return [&services, models](Call& call) { return list_models_of_training(services, call, models); };
  };
  using actors::TrainingControl;
  const auto about = training_operations(training_fields(), participant_fields());
  return {
      {.pattern = "/api/trainings/",
       .view_name = "Training",
       .description = "The trainings that the caller runs.",
       .methods = {{"GET", [&services](Call& call) { return list_trainings(services, call); },
                    Access::authenticated, about.list},
                   {"POST", [&services](Call& call) { return create_training(services, call); },
                    Access::authenticated, about.create}}},
      {.pattern = "/api/trainings/{training_id}/",
       .view_name = "Training",
       .description = "A training, for its actor and its participants.",
       .methods = {{"GET", [&services](Call& call) { return show_training(services, call); },
                    Access::authenticated, about.show},
                   {"DELETE", [&services](Call& call) { return delete_training(services, call); },
                    Access::authenticated, about.remove}},
       .parameters = {training_parameter()}},
      {.pattern = "/api/trainings/{training_id}/clients/",
       .view_name = "Training",
       .description = "Adds participants, or removes them.",
       .methods = {{"PUT",
                    [&services](Call& call) {
                      return change_participants(services, call, &actors::Gateway::add_participants, 202,
                                                 "Users registered as participants!");
                    },
                    Access::authenticated, about.add_participants},
                   {"DELETE",
                    [&services](Call& call) {
                      return change_participants(services, call, &actors::Gateway::remove_participants, 200,
                                                 "Users removed from training participants!");
                    },
                    Access::authenticated, about.remove_participants}},
       .parameters = {training_parameter()}},
      {.pattern = "/api/trainings/{training_id}/start/",
       .view_name = "Training",
       .description = "Starts a training.",
       .methods = {{"POST", [&services](Call& call) { return start_training(services, call); },
                    Access::authenticated, about.start}},
       .parameters = {training_parameter()}},
      control_route(services, "cancel", "Ends a training for good.", TrainingControl::cancel,
                    "Training cancelled!", about.cancel),
      control_route(services, "pause", "Halts a training that runs.", TrainingControl::pause,
                    "Training paused!", about.pause),
      control_route(services, "resume", "Lets a training go on after a pause or an error.",
                    TrainingControl::resume, "Training resumed!", about.resume),
      control_route(services, "leave", "Takes the caller out of a training.", TrainingControl::leave,
                    "You left the training!", about.leave),
      control_route(services, "join", "Lets the caller take part in a training that is open to all.",
                    TrainingControl::join, "You joined the training!", about.join),
      {.pattern = "/api/trainings/{training_id}/status/",
       .view_name = "Training",
       .description = "What a training waits for, from whom, until when, and what happens then.",
       .methods = {{"GET", [&services](Call& call) { return show_status(services, call); },
                    Access::authenticated, about.status}},
       .parameters = {training_parameter()}},
      {.pattern = "/api/trainings/{training_id}/models/",
       .view_name = "Model",
       .description = "The training's model and its local models.",
       .methods = {{"GET", list_models(&storage::Views::models_in), Access::authenticated, about.models}},
       .parameters = {training_parameter()}},
      {.pattern = "/api/trainings/{training_id}/models/latest/",
       .view_name = "Model",
       .description = "The training's model and each participant's latest local model.",
       .methods = {{"GET", list_models(&storage::Views::latest_models_in), Access::authenticated,
                    about.latest_models}},
       .parameters = {training_parameter()}},
  };
}

}  // namespace fedlog::http
