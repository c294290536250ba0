#include "http/models.h"

#include "http/downloads.h"
#include "http/errors.h"
#include "http/lists.h"
#include "http/metric_values.h"
#include "http/model_operations.h"
#include "http/model_statistics.h"
#include "http/model_uploads.h"
#include "http/rejections.h"
#include "http/serializers.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

std::expected<domain::Model, Response> readable_model(const Services& services, const Call& call) {
  const auto& text = call.parameter("model_id");
  const auto id = parse_id<domain::ModelId>(text);
  if (!id) return std::unexpected(entity_not_found_response("Model", text));
  auto model = services.gateway.readable_model(reading_context(call), *id);
  if (!model) return std::unexpected(rejection_response(model.error()));
  return *std::move(model);
}

Response list_models(const Services& services, const Call& call) {
  return list_response(services, call, services.gateway.views().models_of(call.caller->id));
}

Response download_model(const Services& services, const Call& call) {
  const auto model = readable_model(services, call);
  if (!model) return model.error();
  if (!model->weights) {
    return rejection_response(
        {domain::Reason::no_file,
         "Model " + model->id.text() + " is a mean model: it has no file of its own; download its members."});
  }
  return download_response(services, call.request, *model->weights, "model-" + model->id.text() + ".pt");
}

Response delete_model(const Services& services, const Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = parse_id<domain::ModelId>(call.parameter("model_id"));
  if (!id) return entity_not_found_response("Model", call.parameter("model_id"));
  const auto deleted = services.gateway.delete_model(*context, *id);
  return deleted ? detail_response(200, "Model removed!") : rejection_response(deleted.error());
}

Response show_metadata(const Services& services, const Call& call) {
  const auto model = readable_model(services, call);
  if (!model) return model.error();
  const auto statistics = services.gateway.statistics(reading_context(call), *model);
  BoundedText metadata{text_limits(services)};
  const auto written = append_serialized(metadata, *model, services.gateway,
                                         statistics ? serialized(*statistics) : Body(nullptr));
  if (!written) return rejection_response(written.error());
  Response response;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(metadata.text());
  response.share = metadata.share();
  return response;
}

Response list_metrics(const Services& services, const Call& call) {
  const auto model = readable_model(services, call);
  if (!model) return model.error();
  return list_response(services, call, services.gateway.views().metrics_of(model->id));
}

Response report_metrics(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto id = parse_id<domain::ModelId>(call.parameter("model_id"));
  if (!id) return entity_not_found_response("Model", call.parameter("model_id"));
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto metrics = read_metrics(*form, true);
  if (!metrics) return metrics.error();
  if (const auto reported = services.gateway.report_metrics(*context, *id, *metrics); !reported) {
    return rejection_response(reported.error());
  }
  return body_response(201, {{"detail", "Model Metrics Upload Accepted"}, {"model_id", id->text()}});
}

Response download_preprocessing(const Services& services, const Call& call) {
  const auto model = readable_model(services, call);
  if (!model) return model.error();
  if (!model->preprocessing) {
    return detail_response(404, "Model '" + model->id.text() + "' has no preprocessing model defined.");
  }
  // The contract's clients know the file by this spelling.
  return download_response(services, call.request, *model->preprocessing,
                           "model-" + model->id.text() + "-proprecessing.pt");
}

}  // namespace

std::vector<Route> model_routes(const Services& services) {
  const auto about = model_operations();
  return {
      {.pattern = "/api/models/",
       .view_name = "Model",
       .description = "The caller's models, and those of trainings that the caller takes part in.",
       .methods = {{"GET", [&services](Call& call) { return list_models(services, call); },
                    Access::authenticated, about.list},
                   {"POST", [&services](Call& call) { return create_model(services, call); },
                    Access::authenticated, about.upload}}},
      {.pattern = "/api/models/{model_id}/",
       .view_name = "Model",
       .description = "A model's file; POST sends an update of it.",
       .methods = {{"GET", [&services](Call& call) { return download_model(services, call); },
                    Access::authenticated, about.download},
                   {"POST", [&services](Call& call) { return submit_update(services, call); },
                    Access::authenticated, about.update},
                   {"DELETE", [&services](Call& call) { return delete_model(services, call); },
                    Access::authenticated, about.remove}},
       .parameters = {model_parameter()}},
      {.pattern = "/api/models/{model_id}/metadata/",
       .view_name = "Model",
       .description = "What is known of a model.",
       .methods = {{"GET", [&services](Call& call) { return show_metadata(services, call); },
                    Access::authenticated, about.metadata}},
       .parameters = {model_parameter()}},
      {.pattern = "/api/models/{model_id}/metrics/",
       .view_name = "Model",
       .description = "What was reported of a model.",
       .methods = {{"GET", [&services](Call& call) { return list_metrics(services, call); },
                    Access::authenticated, about.list_metrics},
                   {"POST", [&services](Call& call) { return report_metrics(services, call); },
                    Access::authenticated, about.report_metrics}},
       .parameters = {model_parameter()}},
      {.pattern = "/api/models/{model_id}/preprocessing/",
       .view_name = "Model",
       .description = "The file that prepares a model's input.",
       .methods = {{"GET", [&services](Call& call) { return download_preprocessing(services, call); },
                    Access::authenticated, about.download_preprocessing},
                   {"POST", [&services](Call& call) { return replace_preprocessing(services, call); },
                    Access::authenticated, about.replace_preprocessing}},
       .parameters = {model_parameter()}},
      {.pattern = "/api/models/{model_id}/swag/",
       .view_name = "Model",
       .description = "Moments of a participant's weights, in a SWAG round.",
       .methods = {{"POST", [&services](Call& call) { return submit_swag(services, call); },
                    Access::authenticated, about.swag}},
       .parameters = {model_parameter()}},
  };
}

}  // namespace fedlog::http
