#include "actors/submissions.h"

#include "actors/new_id.h"
#include "actors/once.h"
#include "actors/rejected.h"

namespace fedlog::actors {
namespace {

std::unexpected<domain::Rejection> no_training_of(domain::ModelId id) {
  return rejected(domain::Reason::no_training_for_model,
                  "Model with ID " + id.text() + " does not have a training process running");
}

Result<void> without_value(Result<domain::Training> training) {
  if (!training) return std::unexpected(std::move(training.error()));
  return {};
}

}  // namespace

Submissions::Submissions(storage::Storage& storage, Uploads& uploads, Tell tell)
    : storage_(storage), uploads_(uploads), tell_(std::move(tell)) {}

Result<void> Submissions::may_submit_update(const RequestContext& context, domain::ModelId model,
                                            std::optional<std::int64_t> round) const {
  return once(storage_.journal(), context,
              [&]() -> Result<void> { return without_value(training_for_update(context, model, round)); });
}

Result<void> Submissions::submit_update(const RequestContext& context, domain::ModelId model,
                                        UpdateUpload update) {
  return once(storage_.journal(), context, [&]() -> Result<void> {
    const auto training = training_for_update(context, model, update.round);
    if (!training) return std::unexpected(training.error());
    const auto weights = uploads_.keep_update(*update.file, *training->weights);
    if (!weights) return std::unexpected(weights.error());
    auto metrics = uploads_.keep_metrics(update.metrics);
    if (!metrics) return std::unexpected(std::move(metrics.error()));
    return tell_(context, training->id,
                 domain::SubmitUpdate{.by = context.caller,
                                      .local_model = {new_id()},
                                      .round = update.round,
                                      .sample_size = update.sample_size,
                                      .weights = *weights,
                                      .metrics = std::move(metrics->metrics)});
  });
}

Result<void> Submissions::may_submit_moments(const RequestContext& context, domain::ModelId model,
                                             std::optional<std::int64_t> round) const {
  return once(storage_.journal(), context,
              [&]() -> Result<void> { return without_value(training_for_moments(context, model, round)); });
}

Result<void> Submissions::submit_moments(const RequestContext& context, domain::ModelId model,
                                         MomentsUpload upload) {
  return once(storage_.journal(), context, [&]() -> Result<void> {
    const auto training = training_for_moments(context, model, upload.round);
    if (!training) return std::unexpected(training.error());
    auto moments = uploads_.keep_moments(*upload.first, *upload.second, *training->weights);
    if (!moments) return std::unexpected(std::move(moments.error()));
    return tell_(context, training->id,
                 domain::SubmitMoments{.by = context.caller,
                                       .round = upload.round,
                                       .sample_size = upload.sample_size,
                                       .first_moment = moments->first,
                                       .second_moment = moments->second,
                                       .form = std::move(moments->form)});
  });
}

Result<domain::Training> Submissions::training_for_update(const RequestContext& context,
                                                          domain::ModelId model,
                                                          std::optional<std::int64_t> round) const {
  auto training = training_of(model);
  if (!training) return training;
  if (auto allowed = domain::check_may_update(*training, context.caller, model, round); !allowed) {
    return std::unexpected(std::move(allowed.error()));
  }
  return training;
}

Result<domain::Training> Submissions::training_for_moments(const RequestContext& context,
                                                           domain::ModelId model,
                                                           std::optional<std::int64_t> round) const {
  auto training = training_of(model);
  if (!training) return training;
  if (training->model != model) return no_training_of(model);  // moments are of the global model
  if (auto allowed = domain::check_may_send_moments(*training, context.caller, round); !allowed) {
    return std::unexpected(std::move(allowed.error()));
  }
  return training;
}

Result<domain::Training> Submissions::training_of(domain::ModelId id) const {
  const auto model = storage_.views().model(id);
  if (!model) {
    return rejected(domain::Reason::model_not_found, "Model " + id.text() + " not found.");
  }
  auto training = model->training ? storage_.views().training(*model->training) : std::nullopt;
  if (!training) return no_training_of(id);
  return std::move(*training);
}

}  // namespace fedlog::actors
