#include "actors/system.h"

#include <spdlog/spdlog.h>

#include <caf/all.hpp>
#include <future>

#include "actors/account_calls.h"
#include "actors/blob_collector.h"
#include "actors/dummy.h"
#include "actors/inference.h"
#include "actors/model_registry.h"
#include "actors/once.h"
#include "actors/rejected.h"
#include "actors/settlement_message.h"
#include "actors/statistics.h"
#include "actors/submissions.h"
#include "actors/training_calls.h"
#include "actors/training_director.h"
#include "actors/training_options.h"
#include "actors/uploads.h"
#include "actors/webhook_secret.h"

namespace fedlog::actors {
namespace {

caf::actor_system_config actor_configuration() {
  caf::actor_system_config configuration;
  configuration.set("scheduler.policy", caf::atom("sharing"));
  configuration.set("scheduler.max-threads", std::size_t{4});
  return configuration;
}

class LiveSystem final : public System, public AccountCalls {
 public:
  LiveSystem(storage::Storage& storage, SystemOptions options)
      : storage_(storage),
        options_(std::move(options)),
        uploads_(storage.blobs(), options_.require_finite_updates),
        submissions_(storage, uploads_,
                     [this](const auto& context, auto training, auto command) {
                       return tell(context, training, std::move(command));
                     }),
        training_calls_(
            storage, [this](const auto& users) { return accounts_->check_users(users); },
            [this](const auto& context, auto training, auto command) {
              return tell(context, training, std::move(command));
            },
            [this](auto receiver, auto training) { return notifier_->pending(receiver, training); }),
        configuration_(actor_configuration()),
        actors_(configuration_),
        aggregation_worker_(std::make_unique<AggregationWorker>(storage.blobs(), options_.scratch_folder,
                                                                options_.aggregation_threads)),
        director_(actors_, {.journal = storage.journal(),
                            .codec = storage.codec(),
                            .aggregation_worker = *aggregation_worker_,
                            .outbox_grew =
                                [this] {
                                  mailboxes_.outbox_grew();
                                  notifier_->outbox_grew();
                                },
                            .idle_limit = options_.idle_passivate,
                            .now = options_.now}),
        accounts_(std::make_unique<Accounts>(actors_, storage, options_.passwords, options_.sign_in)),
        models_(std::make_unique<ModelRegistry>(actors_, storage)),
        workers_(options_.worker),
        inference_(
            storage, [this](const ExecutionRequest& request) { return execute(request); },
            options_.worker_missing),
        statistics_(storage, [this](const ExecutionRequest& request) { return execute(request); }),
        mailboxes_(storage, options_.notification_waits_max,
                   [this](auto receiver, auto position) {
                     notifier_->outbox_grew();  // a poll may be faster than the word of it
                     notifier_->fetched(receiver, position);
                   }),
        pings_(storage.views(), [this](const domain::User& user) { return notifier_->ping(user); }),
        notifier_(std::make_unique<Notifier>(
            storage.views(), options_.notifications,
            [this](Notifier::Settlement settlement, std::function<void()> recorded) {
              record(std::move(settlement), std::move(recorded));
            },
            [&storage](domain::UserId user) { return webhook_secret_of(storage, user); })),
        blob_collector_(storage) {
    // What they do leads to each other, so all parts are there before the first does anything.
    notifier_->start();
    for (const auto& training : storage_.views().trainings_with_pending_work()) director_.wake(training);
  }

  ~LiveSystem() override {
    accounts_.reset();
    models_.reset();
    notifier_->stop();  // first: a delivery that nobody records must not be followed by another one
    director_.stop();
    notifier_.reset();
    aggregation_worker_.reset();
  }

  // --- System
  Gateway& gateway() override { return *this; }
  void end_predictions() override { workers_.stop(); }
  std::size_t awake_trainings() const override { return director_.awake(); }

  // --- models
  Result<std::unique_ptr<Upload>> begin_upload() override { return uploads_.begin(); }

  Result<domain::ModelId> upload_model(const RequestContext& context, ModelUpload upload) override {
    return make_once<domain::ModelId>(context, [&]() -> Result<domain::ModelId> {
      ModelRegistry::NewModel model{.kind = upload.kind,
                                    .name = std::move(upload.name),
                                    .description = std::move(upload.description),
                                    .input_shape = std::move(upload.input_shape),
                                    .round = upload.round,
                                    .weights = {},
                                    .preprocessing = {},
                                    .members = {}};
      auto weights = uploads_.keep_model(*upload.file);
      if (!weights) return std::unexpected(std::move(weights.error()));
      model.weights = *weights;
      if (upload.preprocessing) {
        auto preprocessing = uploads_.keep_preprocessing(*upload.preprocessing);
        if (!preprocessing) return std::unexpected(std::move(preprocessing.error()));
        model.preprocessing = *preprocessing;
      }
      return models_->create(context, model);
    });
  }

  Result<domain::ModelId> create_mean_model(const RequestContext& context, const MeanModel& model) override {
    return make_once<domain::ModelId>(context, [&]() -> Result<domain::ModelId> {
      return models_->create(context, {.kind = domain::ModelKind::mean,
                                       .name = model.name,
                                       .description = model.description,
                                       .input_shape = model.input_shape,
                                       .round = 0,
                                       .weights = {},
                                       .preprocessing = {},
                                       .members = model.members});
    });
  }

  Result<void> delete_model(const RequestContext& context, domain::ModelId id) override {
    return once(storage_.journal(), context, [&]() -> Result<void> {
      auto model = known_model(id);
      if (!model) return std::unexpected(std::move(model.error()));
      if (model->kind == domain::ModelKind::local) {
        return rejected(domain::Reason::invalid_request,
                        "A local model lives as long as its round; remove the participant instead.");
      }
      auto deleted = model->training ? tell(context, *model->training,
                                            domain::DeleteTraining{context.caller, model->owner})
                                     : models_->change(context, id, domain::DeleteModel{context.caller});
      if (deleted) blob_collector_.deleted(storage::stream_of(id));
      return deleted;
    });
  }

  Result<void> replace_preprocessing(const RequestContext& context, domain::ModelId id,
                                     std::unique_ptr<Upload> file) override {
    return once(storage_.journal(), context, [&]() -> Result<void> {
      auto model = known_model(id);
      if (!model || model->kind == domain::ModelKind::local) {
        return rejected(domain::Reason::model_not_found, "GlobalModel " + id.text() + " not found.");
      }
      if (!domain::may_replace_preprocessing(context.caller, *model)) {
        return rejected(domain::Reason::permission_denied,
                        "You are not the owner of model " + id.text() + "!");
      }
      auto blob = uploads_.keep_preprocessing(*file);
      if (!blob) return std::unexpected(std::move(blob.error()));
      if (!model->training)
        return models_->change(context, id, domain::SetPreprocessing{context.caller, *blob});
      return tell(context, *model->training, domain::ReplacePreprocessing{context.caller, *blob});
    });
  }

  Result<void> may_submit_update(const RequestContext& context, domain::ModelId model,
                                 std::optional<std::int64_t> round) override {
    return submissions_.may_submit_update(context, model, round);
  }
  Result<void> submit_update(const RequestContext& context, domain::ModelId model,
                             UpdateUpload update) override {
    return submissions_.submit_update(context, model, std::move(update));
  }
  Result<void> may_submit_moments(const RequestContext& context, domain::ModelId model,
                                  std::optional<std::int64_t> round) override {
    return submissions_.may_submit_moments(context, model, round);
  }
  Result<void> submit_moments(const RequestContext& context, domain::ModelId model,
                              MomentsUpload moments) override {
    return submissions_.submit_moments(context, model, std::move(moments));
  }

  Result<void> report_metrics(const RequestContext& context, domain::ModelId id,
                              const std::vector<MetricInput>& inputs) override {
    return once(storage_.journal(), context, [&]() -> Result<void> {
      auto model = known_model(id);
      if (!model) return std::unexpected(std::move(model.error()));
      const auto training = training_of(*model);
      if (!domain::may_report_metrics(context.caller, *model, training ? &*training : nullptr,
                                      options_.model_access)) {
        return not_permitted();
      }
      auto metrics = uploads_.keep_metrics(inputs);
      if (!metrics) return std::unexpected(std::move(metrics.error()));
      if (!training) {
        return models_->change(
            context, id,
            domain::ReportModelMetrics{context.caller, std::move(metrics->metrics), options_.model_access});
      }
      return tell(context, training->id,
                  domain::ReportMetrics{context.caller, id, std::move(metrics->metrics)});
    });
  }

  Result<domain::Model> readable_model(const RequestContext& context, domain::ModelId id) override {
    auto model = known_model(id);
    if (!model) return model;
    const auto training = training_of(*model);
    if (!domain::may_read(context.caller, *model, training ? &*training : nullptr, options_.model_access)) {
      return not_permitted();
    }
    return model;
  }

  Result<BlobFile> blob(domain::BlobId id) override {
    const auto path = storage_.blobs().path(id);
    if (!path) return std::unexpected(why_it_cannot_be_read(id, path.error()));
    const auto size_bytes = storage_.blobs().size_bytes(id);
    if (!size_bytes) return std::unexpected(why_it_cannot_be_read(id, size_bytes.error()));
    return BlobFile{.path = *path, .size_bytes = *size_bytes, .id = id};
  }
  Result<std::string> blob_bytes(domain::BlobId id) override {
    auto bytes = storage_.blobs().read(id);
    if (!bytes) return std::unexpected(why_it_cannot_be_read(id, bytes.error()));
    return std::move(*bytes);
  }

  // --- trainings
  Result<domain::TrainingId> create_training(const RequestContext& context,
                                             const TrainingRequest& request) override {
    return make_once<domain::TrainingId>(context, [&]() -> Result<domain::TrainingId> {
      auto options = read_training_options(request.options, options_.training_defaults);
      if (!options) return std::unexpected(std::move(options.error()));
      if (auto known = accounts_->check_users(request.participants); !known) {
        return std::unexpected(std::move(known.error()));
      }
      return models_->create_training(context, request, *options);
    });
  }
  Result<domain::Training> readable_training(const RequestContext& context, domain::TrainingId id) override {
    return training_calls_.readable(context, id);
  }
  Result<domain::TrainingStatus> training_status(const RequestContext& context,
                                                 domain::TrainingId id) override {
    return training_calls_.status(context, id);
  }
  Result<void> start_training(const RequestContext& context, domain::TrainingId training) override {
    return tell(context, training, domain::StartTraining{context.caller});
  }
  Result<void> control_training(const RequestContext& context, domain::TrainingId id,
                                TrainingControl control) override {
    return training_calls_.control(context, id, control);
  }
  Result<void> add_participants(const RequestContext& context, domain::TrainingId id,
                                const std::vector<domain::UserId>& users) override {
    return training_calls_.add_participants(context, id, users);
  }
  Result<void> remove_participants(const RequestContext& context, domain::TrainingId id,
                                   const std::vector<domain::UserId>& users) override {
    return training_calls_.remove_participants(context, id, users);
  }
  Result<void> delete_training(const RequestContext& context, domain::TrainingId training) override {
    auto deleted = tell(context, training, domain::DeleteTraining{context.caller, std::nullopt});
    if (deleted) blob_collector_.deleted(storage::stream_of(training));
    return deleted;
  }

  // --- inference
  Result<std::string> infer(const RequestContext& context, InferenceRequest request) override {
    auto model = readable_model(context, request.model);
    if (!model) return std::unexpected(std::move(model.error()));
    const auto training = training_of(*model);
    return inference_.predict(context.caller.id, *model, training ? &*training : nullptr, std::move(request));
  }
  std::shared_ptr<const ModelStatistics> statistics(const RequestContext& context,
                                                    const domain::Model& model) override {
    return statistics_.of(context.caller.id, model);
  }
  Result<DummyData> make_dummy_data(const std::string& correlation) override {
    return Dummy(*this, storage_, uploads_, inference_).make(correlation);
  }
  const storage::Views& views() const override { return storage_.views(); }

 private:
  Accounts& accounts() override { return *accounts_; }
  Mailboxes& mailboxes() override { return mailboxes_; }
  Pings& pings() override { return pings_; }
  Notifier& notifier() override { return *notifier_; }

  Inference::Outputs execute(const ExecutionRequest& request) {
    if (options_.worker_missing.empty()) return workers_.run(request);
    return std::unexpected(ExecutionError{ExecutionErrorCode::worker_unavailable, options_.worker_missing});
  }

  template <class T>
  static Result<void> without_value(Result<T> result) {
    if (!result) return std::unexpected(std::move(result.error()));
    return {};
  }

  // What nothing needs any more may be gone between finding a model and reading its file.
  domain::Rejection why_it_cannot_be_read(domain::BlobId id, storage::BlobError error) const {
    if (error == storage::BlobError::missing && !storage_.views().is_needed(id)) {
      return {domain::Reason::model_not_found, "The model was deleted a moment ago."};
    }
    return rejection_of(error);
  }

  Result<domain::Model> known_model(domain::ModelId id) const {
    auto model = storage_.views().model(id);
    if (!model) return rejected(domain::Reason::model_not_found, "Model " + id.text() + " not found.");
    return std::move(*model);
  }

  std::optional<domain::Training> training_of(const domain::Model& model) const {
    return model.training ? storage_.views().training(*model.training) : std::nullopt;
  }

  template <class Id, class Act>
  Result<Id> make_once(const RequestContext& context, const Act& act) {
    return once(storage_.journal(), context.idempotency_key, act, [](const std::string& id) -> Result<Id> {
      if (const auto made = Id::parse(id)) return *made;
      return rejected(domain::Reason::internal, "What was answered the first time cannot be read.");
    });
  }

  // Sends a command to a training's actor and waits for its answer.
  Result<void> tell(const RequestContext& context, domain::TrainingId id, domain::TrainingCommand command) {
    return once(storage_.journal(), context, [&]() -> Result<void> {
      if (!storage_.views().training(id)) {
        return rejected(domain::Reason::training_not_found, "Training " + id.text() + " not found.");
      }
      auto answer = std::make_shared<std::promise<Result<std::string>>>();
      auto future = answer->get_future();
      director_.send(
          id,
          {.command = std::move(command),
           .acting_user = context.caller.id,
           .correlation = context.correlation,
           .idempotency_key = context.idempotency_key,
           .reply = Reply{[answer](Result<std::string> result) { answer->set_value(std::move(result)); }}});
      return without_value(future.get());
    });
  }

  void record(Notifier::Settlement settlement, std::function<void()> recorded) {
    const auto training = settlement.row.notification.training;
    spdlog::debug("notification settled training={} receiver={} kind={} outcome={} status={} attempts={}",
                  training.text(), settlement.row.notification.receiver.text(),
                  domain::name_of(settlement.row.notification.kind), domain::name_of(settlement.outcome),
                  settlement.status, settlement.attempts);
    director_.send(training, settlement_message(std::move(settlement), std::move(recorded)));
  }

  storage::Storage& storage_;
  SystemOptions options_;
  Uploads uploads_;
  Submissions submissions_;
  TrainingCalls training_calls_;
  caf::actor_system_config configuration_;
  caf::actor_system actors_;
  std::unique_ptr<AggregationWorker> aggregation_worker_;
  TrainingDirector director_;
  std::unique_ptr<Accounts> accounts_;
  std::unique_ptr<ModelRegistry> models_;
  WorkerPool workers_;
  Inference inference_;
  Statistics statistics_;
  Mailboxes mailboxes_;
  Pings pings_;
  std::unique_ptr<Notifier> notifier_;
  BlobCollector blob_collector_;
};

}  // namespace

std::unique_ptr<System> start_system(storage::Storage& storage, SystemOptions options) {
  return std::make_unique<LiveSystem>(storage, std::move(options));
}

}  // namespace fedlog::actors
