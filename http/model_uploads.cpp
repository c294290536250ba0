#include "http/model_uploads.h"

#include <utility>

#include "http/errors.h"
#include "http/metric_values.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/serializers.h"
#include "http/text.h"
#include "http/uploads.h"

namespace fedlog::http {

namespace {

constexpr std::size_t dimensions_max = 64;
constexpr std::size_t members_max = 1000;

const std::vector<FieldRule>& model_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "name", .required = true, .blank = true, .trim = false, .length_max = 256},
      {.name = "description", .required = true, .blank = true, .trim = false, .length_max = 10'000},
      {.name = "round", .type = FieldType::integer, .fallback = 0, .minimum = 0}};
  return rules;
}

bool has_field(const FormData& form, std::string_view name) {
  if (form.document) return form.document->is_object() && form.document->contains(name);
  return form.field(name) != nullptr;
}

std::optional<nlohmann::json> field_of(const FormData& form, std::string_view name) {
  if (!has_field(form, name)) return std::nullopt;
  return form.document ? form.document->at(std::string{name}) : nlohmann::json(*form.field(name));
}

// A field that may be repeated in a form, and is a list in JSON.
std::vector<nlohmann::json> values_of(const FormData& form, std::string_view name) {
  std::vector<nlohmann::json> values;
  if (!form.document) {
    for (auto& value : form.all(name)) values.emplace_back(std::move(value));
  } else if (const auto value = field_of(form, name); value && value->is_array()) {
    values.assign(value->begin(), value->end());
  } else if (value && !value->is_null()) {
    values.push_back(*value);
  }
  return values;
}

// Sizes, with null or "None" for any.
std::expected<std::optional<domain::InputShape>, Response> read_input_shape(const FormData& form) {
  const auto values = values_of(form, "input_shape");
  if (values.empty()) return std::nullopt;
  domain::InputShape shape;
  FieldErrors errors;
  for (const auto& value : values) {
    if (value.is_null() || value == "None") {
      shape.emplace_back(std::nullopt);
      continue;
    }
    const auto size = read_integer("input_shape", value);
    if (!size || *size < 1) {
      errors.add("input_shape", "A valid integer or \"None\" is required.");
      return std::unexpected(field_errors_response(errors));
    }
    shape.emplace_back(*size);
  }
  if (shape.size() > dimensions_max) {
    errors.add("input_shape", "Ensure this field has no more than 64 elements.");
    return std::unexpected(field_errors_response(errors));
  }
  return shape;
}

// What global and mean models have in common, in the contract's order of errors.
struct Description {
  std::string name;
  std::string description;
  std::optional<domain::InputShape> input_shape;
  std::int64_t round = 0;
};

std::expected<Description, Response> read_description(const FormData& form) {
  for (const char* name : {"name", "description"}) {
    if (!has_field(form, name)) {
      return std::unexpected(list_response(400, {std::string{"Missing required field: "} + name}));
    }
  }
  const auto values = read_fields(form, model_fields(), Wording::rest_framework);
  if (!values) return std::unexpected(values.error());
  auto input_shape = read_input_shape(form);
  if (!input_shape) return std::unexpected(std::move(input_shape.error()));
  return Description{.name = values->at("name").get<std::string>(),
                     .description = values->at("description").get<std::string>(),
                     .input_shape = std::move(*input_shape),
                     .round = values->at("round").get<std::int64_t>()};
}

Response accepted_response(const actors::Result<domain::ModelId>& model) {
  if (!model) return rejection_response(model.error());
  return body_response(201, {{"detail", "Model Upload Accepted"}, {"model_id", model->text()}});
}

Response create_mean_model(const Services& services, const actors::RequestContext& context,
                           const FormData& form) {
  auto description = read_description(form);
  if (!description) return description.error();
  if (!has_field(form, "models")) return list_response(400, {"Missing required field: models"});
  if (form.document && !form.document->at("models").is_array()) {
    return list_response(400, {"Invalid type for field: models"});
  }
  const auto values = values_of(form, "models");
  if (values.size() > members_max) {
    return list_response(400, {"A mean model has at most " + std::to_string(members_max) + " models."});
  }
  std::vector<domain::ModelId> members;
  for (const auto& value : values) {
    const auto id = value.is_string() ? parse_python_uuid(value.get<std::string>()) : std::nullopt;
    if (!id) return list_response(400, {"Invalid model UUIDs found."});
    members.push_back({*id});
  }
  return accepted_response(
      services.gateway.create_mean_model(context, {.name = std::move(description->name),
                                                   .description = std::move(description->description),
                                                   .input_shape = std::move(description->input_shape),
                                                   .members = std::move(members)}));
}

// The integer that an update cannot do without; the contract's clients know a missing one as Python's
// KeyError.
std::expected<std::int64_t, Response> read_needed_integer(const FormData& form, const std::string& name) {
  const auto value = field_of(form, name);
  if (!value) return std::unexpected(detail_response(400, "'" + name + "'"));
  return read_integer(name, *value);
}

// Before the update's file arrives: whether the caller may send any at all. Which round it is for is not
// known yet, so the open one is asked for, and a mismatch says nothing.
std::optional<Response> early_refusal(const Services& services, const actors::RequestContext& context,
                                      domain::ModelId model) {
  const auto& views = services.gateway.views();
  const auto found = views.model(model);
  const auto training = found && found->training ? views.training(*found->training) : std::nullopt;
  const auto allowed = services.gateway.may_submit_update(context, model, training ? training->round : 0);
  if (allowed || allowed.error().reason == domain::Reason::wrong_round) return std::nullopt;
  return rejection_response(allowed.error());
}

}  // namespace

Response create_model(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  auto form = read_form_with_uploads(call, services, {"model_file", "model_preprocessing_file"});
  if (!form) return form.error();
  if (form->document && !form->document->is_object()) {
    return read_fields(*form, model_fields(), Wording::rest_framework).error();
  }
  const auto type = field_of(*form, "type");
  if (type == "MEAN") return create_mean_model(services, *context, *form);

  auto file = take_upload(*form, "model_file");
  if (!file) return no_uploaded_file_response("model_file");
  auto description = read_description(*form);
  if (!description) return description.error();
  return accepted_response(services.gateway.upload_model(
      *context, {.kind = type == "SWAG" ? domain::ModelKind::swag : domain::ModelKind::global,
                 .name = std::move(description->name),
                 .description = std::move(description->description),
                 .input_shape = std::move(description->input_shape),
                 .round = description->round,
                 .file = std::move(file),
                 .preprocessing = take_upload(*form, "model_preprocessing_file")}));
}

Response submit_update(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto model = domain::ModelId::parse(call.parameter("model_id"));
  if (!model) return entity_not_found_response("Model", call.parameter("model_id"));
  if (auto refusal = early_refusal(services, *context, *model)) return *std::move(refusal);

  auto form = read_form_with_uploads(call, services, {"model_file"});
  if (!form) return form.error();
  const auto round = read_needed_integer(*form, "round");
  if (!round) return round.error();
  const auto sample_size = read_needed_integer(*form, "sample_size");
  if (!sample_size) return sample_size.error();
  auto file = take_upload(*form, "model_file");
  if (!file) return no_uploaded_file_response("model_file");
  auto metrics = read_metrics(*form, false);
  if (!metrics) return metrics.error();
  // Again, now for its own round, so that a late update is told so whatever its file holds.
  if (const auto allowed = services.gateway.may_submit_update(*context, *model, *round); !allowed) {
    return rejection_response(allowed.error());
  }
  const auto accepted = services.gateway.submit_update(*context, *model,
                                                       {.round = *round,
                                                        .sample_size = *sample_size,
                                                        .file = std::move(file),
                                                        .metrics = std::move(*metrics)});
  return accepted ? detail_response(201, "Model Update Accepted") : rejection_response(accepted.error());
}

Response replace_preprocessing(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto& text = call.parameter("model_id");
  const auto id = domain::ModelId::parse(text);
  const auto model = id ? services.gateway.views().model(*id) : std::nullopt;
  if (!model || model->kind == domain::ModelKind::local) {
    return entity_not_found_response("GlobalModel", text);
  }
  auto form = read_form_with_uploads(call, services, {"model_preprocessing_file"});
  if (!form) return form.error();
  auto file = take_upload(*form, "model_preprocessing_file");
  if (!file) return no_uploaded_file_response("model_preprocessing_file");
  const auto replaced = services.gateway.replace_preprocessing(*context, *id, std::move(file));
  return replaced ? detail_response(202, "Proprocessing Model Upload Accepted")
                  : rejection_response(replaced.error());
}

Response submit_swag(const Services& services, Call& call) {
  const auto id = domain::ModelId::parse(call.parameter("model_id"));
  if (!id) return entity_not_found_response("Model", call.parameter("model_id"));
  if (auto refusal = early_refusal(services, reading_context(call), *id)) return *std::move(refusal);
  return detail_response(400,
                         "This server does not run SWAG rounds, so it takes no SWAG statistics; send updates "
                         "to /api/models/" +
                             id->text() + "/ instead.");
}

}  // namespace fedlog::http
