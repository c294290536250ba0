#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "domain/fields.h"
#include "domain/model.h"
#include "domain/training_events.h"

// The forms that events had in earlier revisions, and what they are today. What was stored in one of them is
// read for ever: a form is added here with each new revision, and never changed.
namespace fedlog::storage {

// `Earlier<Fact>::Form` is what revision `Earlier<Fact>::revision` looked like. Events that were never
// changed have none.
template <class Fact>
struct Earlier;

template <class Fact>
concept HasEarlier = requires { Earlier<Fact>::revision; };

template <>
struct Earlier<domain::ModelLeftTraining> {
  static constexpr int revision = 1;
  struct Form {
    std::int64_t round = 0;
    std::optional<domain::BlobId> weights;
    std::optional<domain::BlobId> preprocessing;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("round", &Form::round), field("weights", &Form::weights),
                        field("preprocessing", &Form::preprocessing)};
    }
  };
  static domain::ModelLeftTraining today(const Form& form) {
    return {.round = form.round,
            .weights = form.weights,
            .preprocessing = form.preprocessing,
            .swag_first_moment = {},
            .swag_second_moment = {}};
  }
};

// Without deadlines, a quorum and what else a training can be told since.
template <>
struct Earlier<domain::TrainingCreated> {
  static constexpr int revision = 1;
  struct Options {
    std::string json;
    std::int64_t daisy_chain_period = 0;
    std::int64_t uncertainty_samples = 0;
    bool uncertainty_softmax = false;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("json", &Options::json),
                        field("daisy_chain_period", &Options::daisy_chain_period),
                        field("uncertainty_samples", &Options::uncertainty_samples),
                        field("uncertainty_softmax", &Options::uncertainty_softmax)};
    }
  };
  struct Form {
    domain::TrainingId training;
    domain::ModelId model;
    std::uint64_t model_version = 0;
    domain::UserId actor;
    std::int64_t target_num_updates = 0;
    std::int64_t round = 0;
    domain::AggregationMethod aggregation_method = domain::AggregationMethod::fed_avg;
    domain::UncertaintyMethod uncertainty_method = domain::UncertaintyMethod::none;
    Options options;
    std::vector<domain::UserId> participants;
    std::optional<domain::BlobId> weights;
    std::optional<domain::BlobId> preprocessing;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("training", &Form::training),
                        field("model", &Form::model),
                        field("model_version", &Form::model_version),
                        field("actor", &Form::actor),
                        field("target_num_updates", &Form::target_num_updates),
                        field("round", &Form::round),
                        field("aggregation_method", &Form::aggregation_method),
                        field("uncertainty_method", &Form::uncertainty_method),
                        field("options", &Form::options),
                        field("participants", &Form::participants),
                        field("weights", &Form::weights),
                        field("preprocessing", &Form::preprocessing)};
    }
  };
  static domain::TrainingCreated today(const Form& form) {
    domain::TrainingOptions options;
    options.json = form.options.json;
    options.daisy_chain_period = form.options.daisy_chain_period;
    options.uncertainty_samples = form.options.uncertainty_samples;
    options.uncertainty_softmax = form.options.uncertainty_softmax;
    return {.training = form.training,
            .model = form.model,
            .model_version = form.model_version,
            .actor = form.actor,
            .target_num_updates = form.target_num_updates,
            .round = form.round,
            .aggregation_method = form.aggregation_method,
            .uncertainty_method = form.uncertainty_method,
            .options = std::move(options),
            .participants = form.participants,
            .weights = form.weights,
            .preprocessing = form.preprocessing};
  }
};

// Without `mu` and `reason`.
template <>
struct Earlier<domain::NotificationRequested> {
  static constexpr int revision = 1;
  struct Told {
    domain::UserId receiver;
    domain::NotificationKind kind = domain::NotificationKind::training_start;
    domain::TrainingId training;
    domain::ModelId model;
    std::optional<std::int64_t> round;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("receiver", &Told::receiver), field("kind", &Told::kind),
                        field("training", &Told::training), field("model", &Told::model),
                        field("round", &Told::round)};
    }
  };
  struct Form {
    Told notification;
    static constexpr auto fields() { return std::tuple{domain::field("notification", &Form::notification)}; }
  };
  static domain::NotificationRequested today(const Form& form) {
    const auto& told = form.notification;
    return {{.receiver = told.receiver,
             .kind = told.kind,
             .training = told.training,
             .model = told.model,
             .round = told.round,
             .mu = {},
             .reason = {}}};
  }
};

// Without what it was that ended.
template <>
struct Earlier<domain::NotificationSettled> {
  static constexpr int revision = 1;
  struct Form {
    domain::EventId notification;
    domain::UserId receiver;
    domain::DeliveryOutcome outcome = domain::DeliveryOutcome::delivered;
    std::int64_t status = 0;
    std::int64_t attempts = 0;
    std::string detail;
    static constexpr auto fields() {
      using domain::field;
      return std::tuple{field("notification", &Form::notification), field("receiver", &Form::receiver),
                        field("outcome", &Form::outcome),           field("status", &Form::status),
                        field("attempts", &Form::attempts),         field("detail", &Form::detail)};
    }
  };
  static domain::NotificationSettled today(const Form& form) {
    return {.notification = form.notification,
            .receiver = form.receiver,
            .outcome = form.outcome,
            .status = form.status,
            .attempts = form.attempts,
            .detail = form.detail,
            .kind = {},
            .round = {}};
  }
};

}  // namespace fedlog::storage
