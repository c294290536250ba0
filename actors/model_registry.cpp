#include "actors/model_registry.h"

#include <limits>

#include "actors/new_id.h"
#include "actors/rejected.h"

namespace fedlog::actors {
namespace {

std::unexpected<domain::Rejection> model_not_found(domain::ModelId id) {
  return rejected(domain::Reason::model_not_found, "Model " + id.text() + " not found.");
}

storage::Commit commit_of(const RequestContext& context, std::string reply) {
  return {.appends = {},
          .secrets = {},
          .acting_user = context.caller.id,
          .command = new_id(),
          .correlation = context.correlation,
          .idempotency_key = context.idempotency_key,
          .reply = std::move(reply)};
}

// A command that was carried out before answers with the id that it made then.
template <class Id>
Result<Id> made(Result<CommandQueue::Outcome> outcome, Id fresh) {
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  return Id::parse(outcome->reply).value_or(fresh);
}

domain::ModelUploaded copy_of(const domain::Model& model, domain::ModelId id) {
  return {.model = id,
          .kind = model.kind,
          .owner = model.owner,
          .name = model.name,
          .description = model.description,
          .input_shape = model.input_shape,
          .round = model.round,
          .weights = model.weights,
          .preprocessing = model.preprocessing,
          .members = model.members,
          .copied_from = model.id};
}

}  // namespace

ModelRegistry::ModelRegistry(caf::actor_system& system, storage::Storage& storage)
    : storage_(storage), queue_(system, storage.journal()) {}

Result<domain::ModelId> ModelRegistry::create(const RequestContext& context, const NewModel& model) {
  const domain::ModelId id{new_id()};
  const auto prepare = [&]() -> Result<storage::Commit> {
    std::vector<domain::MeanMember> members;
    for (const auto& member : model.members) {
      const auto known = storage_.views().model(member);
      members.push_back({.id = member,
                         .exists = known.has_value(),
                         .owner = known ? known->owner : domain::UserId{},
                         .kind = known ? known->kind : domain::ModelKind::global});
    }
    if (auto fit = domain::check_members(context.caller, members); !fit)
      return std::unexpected(std::move(fit.error()));
    auto commit = commit_of(context, id.text());
    const domain::ModelUploaded event{.model = id,
                                      .kind = model.kind,
                                      .owner = context.caller.id,
                                      .name = model.name,
                                      .description = model.description,
                                      .input_shape = model.input_shape,
                                      .round = model.round,
                                      .weights = model.weights,
                                      .preprocessing = model.preprocessing,
                                      .members = model.members,
                                      .copied_from = {}};
    commit.appends = {{.stream = storage::stream_of(id),
                       .expected_version = 0,
                       .events = {storage::EventCodec::encode(domain::ModelEvent{event})}}};
    return commit;
  };
  return made(queue_.run(prepare), id);
}

Result<void> ModelRegistry::change(const RequestContext& context, domain::ModelId id,
                                   const domain::ModelCommand& command) {
  const auto prepare = [&]() -> Result<storage::Commit> {
    const auto model = storage_.views().model(id);
    if (!model) return model_not_found(id);
    if (model->training) {
      return std::unexpected(
          domain::Rejection{domain::Reason::busy, "The model has just joined a training; try again."});
    }
    auto events = domain::decide(*model, command);
    if (!events) return std::unexpected(std::move(events.error()));
    auto commit = commit_of(context, {});
    const auto stream = storage::stream_of(id);
    commit.appends = {
        {.stream = stream, .expected_version = storage_.journal().version_of(stream), .events = {}}};
    for (const auto& event : *events)
      commit.appends.front().events.push_back(storage::EventCodec::encode(event));
    return commit;
  };
  auto outcome = queue_.run(prepare);
  if (!outcome) return std::unexpected(std::move(outcome.error()));
  return {};
}

Result<domain::TrainingId> ModelRegistry::create_training(const RequestContext& context,
                                                          const TrainingRequest& request,
                                                          const domain::TrainingOptions& options) {
  const auto periods = options.daisy_chain_period > 0 ? options.daisy_chain_period : 1;
  const auto target_max = std::numeric_limits<std::int64_t>::max() / periods;
  if (request.target_num_updates > target_max) {
    return std::unexpected(domain::Rejection{
        domain::Reason::invalid_field, "Must be less than or equal to " + std::to_string(target_max) + ".",
        "target_num_updates"});
  }
  const domain::TrainingId id{new_id()};
  std::vector<storage::BlobHold> holds;
  const auto prepare = [&]() -> Result<storage::Commit> {
    const auto model = storage_.views().model(request.model);
    if (!model || model->kind == domain::ModelKind::local) return model_not_found(request.model);
    if (!domain::may_use(context.caller, model->owner)) return not_permitted();

    storage::Append model_append{.stream = {}, .expected_version = 0, .events = {}};
    domain::ModelId used = model->id;
    if (model->training) {
      // The model may be deleted while its copy is made.
      for (const auto& blob : {model->weights, model->preprocessing}) {
        if (!blob) continue;
        auto hold = storage_.blobs().hold(*blob);
        if (!hold) return model_not_found(model->id);
        holds.push_back(std::move(*hold));
      }
      used = {new_id()};
      model_append.events.push_back(storage::EventCodec::encode(domain::ModelEvent{copy_of(*model, used)}));
    }
    model_append.stream = storage::stream_of(used);
    model_append.expected_version = storage_.journal().version_of(model_append.stream);
    model_append.events.push_back(
        storage::EventCodec::encode(domain::ModelEvent{domain::ModelJoinedTraining{.training = id}}));

    const domain::CreateTraining create{
        {.training = id,
         .model = used,
         .model_version = model_append.expected_version + model_append.events.size(),
         .actor = context.caller.id,
         .target_num_updates = request.target_num_updates * periods,
         .round = model->round,
         .aggregation_method = request.aggregation_method,
         .uncertainty_method = request.uncertainty_method,
         .options = options,
         .participants = request.participants,
         .weights = model->weights,
         .preprocessing = model->preprocessing}};
    auto events = domain::decide(domain::Training{}, create, {});
    if (!events) return std::unexpected(std::move(events.error()));
    storage::Append training_append{.stream = storage::stream_of(id), .expected_version = 0, .events = {}};
    for (const auto& event : *events) training_append.events.push_back(storage::EventCodec::encode(event));

    auto commit = commit_of(context, id.text());
    commit.appends = {std::move(model_append), std::move(training_append)};
    return commit;
  };
  return made(queue_.run(prepare), id);
}

}  // namespace fedlog::actors
