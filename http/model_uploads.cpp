#include "http/model_uploads.h"

#include <utility>

#include "http/errors.h"
#include "http/metric_values.h"
#include "http/model_fields.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/text.h"
#include "http/uploads.h"

namespace fedlog::http {

namespace {

// What global and mean models have in common.
struct Description {
  std::string name;
  std::string description;
  std::optional<domain::InputShape> input_shape;
  std::int64_t round = 0;
};

std::optional<domain::InputShape> input_shape_of(const nlohmann::json& values) {
  const auto sizes = values.find("input_shape");
  if (sizes == values.end() || sizes->empty()) return std::nullopt;
  domain::InputShape shape;
  for (const auto& size : *sizes) {
    shape.push_back(size.is_null() ? std::nullopt : std::optional{size.get<std::int64_t>()});
  }
  return shape;
}

std::expected<Description, Response> read_description(const FormData& form) {
  const auto values = read_fields(form, description_fields(), Wording::model_upload);
  if (!values) return std::unexpected(values.error());
  return Description{.name = values->at("name").get<std::string>(),
                     .description = values->at("description").get<std::string>(),
                     .input_shape = input_shape_of(*values),
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
  const auto values = read_fields(form, member_fields(), Wording::model_upload);
  if (!values) return values.error();
  return accepted_response(services.gateway.create_mean_model(
      context, {.name = std::move(description->name),
                .description = std::move(description->description),
                .input_shape = std::move(description->input_shape),
                .members = ids_of<domain::ModelId>(values->at("models"))}));
}

using MaySubmit = actors::Result<void> (actors::Gateway::*)(const actors::RequestContext&, domain::ModelId,
                                                            std::optional<std::int64_t>);

// Before the files arrive, and before it is known which round they are for: whether the caller may send any
// at all.
std::optional<Response> early_refusal(const Services& services, const actors::RequestContext& context,
                                      domain::ModelId model, MaySubmit may_submit) {
  const auto allowed = (services.gateway.*may_submit)(context, model, std::nullopt);
  if (allowed || allowed.error().reason == domain::Reason::wrong_round) return std::nullopt;
  return rejection_response(allowed.error());
}

}  // namespace

Response create_model(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  auto form = read_form_with_uploads(call, services, model_fields());
  if (!form) return form.error();
  const auto type = read_fields(*form, {model_fields().front()}, Wording::model_upload);
  if (!type) return type.error();
  const auto kind = type->at("type").get<std::string>();
  if (kind == "MEAN") return create_mean_model(services, *context, *form);

  auto file = take_upload(*form, "model_file");
  if (!file) return no_uploaded_file_response("model_file");
  auto description = read_description(*form);
  if (!description) return description.error();
  return accepted_response(services.gateway.upload_model(
      *context, {.kind = kind == "SWAG" ? domain::ModelKind::swag : domain::ModelKind::global,
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
  const auto model = parse_id<domain::ModelId>(call.parameter("model_id"));
  if (!model) return entity_not_found_response("Model", call.parameter("model_id"));
  if (auto refusal = early_refusal(services, *context, *model, &actors::Gateway::may_submit_update)) {
    return *std::move(refusal);
  }

  auto form = read_form_with_uploads(call, services, update_fields());
  if (!form) return form.error();
  const auto values = read_fields(*form, contribution_fields(), Wording::model_update);
  if (!values) return values.error();
  const auto round = values->at("round").get<std::int64_t>();
  auto file = take_upload(*form, "model_file");
  if (!file) return no_uploaded_file_response("model_file");
  auto metrics = read_metrics(*form, false);
  if (!metrics) return metrics.error();
  // Again, now for its own round, so that a late update is told so whatever its file holds.
  if (const auto allowed = services.gateway.may_submit_update(*context, *model, round); !allowed) {
    return rejection_response(allowed.error());
  }
  const auto accepted =
      services.gateway.submit_update(*context, *model,
                                     {.round = round,
                                      .sample_size = values->at("sample_size").get<std::int64_t>(),
                                      .file = std::move(file),
                                      .metrics = std::move(*metrics)});
  return accepted ? detail_response(201, "Model Update Accepted") : rejection_response(accepted.error());
}

Response replace_preprocessing(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto& text = call.parameter("model_id");
  const auto id = parse_id<domain::ModelId>(text);
  const auto model = id ? services.gateway.views().model(*id) : std::nullopt;
  if (!model || model->kind == domain::ModelKind::local) {
    return entity_not_found_response("GlobalModel", text);
  }
  auto form = read_form_with_uploads(call, services, preprocessing_fields());
  if (!form) return form.error();
  auto file = take_upload(*form, "model_preprocessing_file");
  if (!file) return no_uploaded_file_response("model_preprocessing_file");
  const auto replaced = services.gateway.replace_preprocessing(*context, *id, std::move(file));
  return replaced ? detail_response(202, "Proprocessing Model Upload Accepted")
                  : rejection_response(replaced.error());
}

Response submit_swag(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto model = parse_id<domain::ModelId>(call.parameter("model_id"));
  if (!model) return entity_not_found_response("Model", call.parameter("model_id"));
  if (auto refusal = early_refusal(services, *context, *model, &actors::Gateway::may_submit_moments)) {
    return *std::move(refusal);
  }
  auto form = read_form_with_uploads(call, services, swag_fields());
  if (!form) return form.error();
  const auto values = read_fields(*form, contribution_fields(), Wording::model_update);
  if (!values) return values.error();
  const auto round = values->at("round").get<std::int64_t>();
  auto first = take_upload(*form, "first_moment_file");
  if (!first) return no_uploaded_file_response("first_moment_file");
  auto second = take_upload(*form, "second_moment_file");
  if (!second) return no_uploaded_file_response("second_moment_file");
  const auto accepted =
      services.gateway.submit_moments(*context, *model,
                                      {.round = round,
                                       .sample_size = values->at("sample_size").get<std::int64_t>(),
                                       .first = std::move(first),
                                       .second = std::move(second)});
  return accepted ? detail_response(201, "SWAG Statistic Accepted") : rejection_response(accepted.error());
}

}  // namespace fedlog::http
