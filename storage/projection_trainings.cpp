#include "storage/projection_trainings.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

#include "storage/view_keys.h"

namespace fedlog::storage {
namespace {

// A metric's id is made of its event's position and its place in the event. Stored in clients; never change.
// The product stays under 2^53, which every client's numbers hold, for 2^41 events.
constexpr std::uint64_t metrics_per_event_max = 4096;

std::vector<std::string> keys_under(const KeyValueReader& views, std::string_view prefix) {
  std::vector<std::string> keys;
  views.scan(prefix, {}, [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  });
  return keys;
}

class TrainingProjection {
 public:
  TrainingProjection(const Envelope& envelope, KeyValueWriter& views) : envelope_(envelope), views_(views) {}

  void project(const domain::TrainingEvent& event) {
    const auto id =
        domain::TrainingId::parse(std::string_view(envelope_.stream).substr(envelope_.stream.find('/') + 1));
    if (!id) throw std::runtime_error("stream " + envelope_.stream + " names no training");
    if (const auto* requested = std::get_if<domain::NotificationRequested>(&event)) {
      return request(*id, *requested);
    }
    if (const auto* settled = std::get_if<domain::NotificationSettled>(&event)) return settle(*id, *settled);

    auto row = read_training(views_, *id);
    const bool creates = std::holds_alternative<domain::TrainingCreated>(event);
    if (creates == row.has_value()) {
      throw std::runtime_error(event_text() + (creates ? "creates a training that exists"
                                                       : "is about a training that does not exist"));
    }
    if (!row) row.emplace(envelope_.position, domain::Training{});
    const auto before = row->value;
    evolve(row->value, event, envelope_.time);
    if (row->value.deleted) return remove(*row, before);
    write_training(views_, *row);
    if (creates) {
      views_.put(view_keys::training_by_actor(row->value.actor, row->position),
                 view_keys::bytes_of(row->value.id));
    }
    follow_participants(*row, before);
    follow_work(*row, before);
    follow_local_models(row->value, before);
    follow_global_model(row->value, before);
    if (const auto* accepted = std::get_if<domain::UpdateAccepted>(&event)) {
      add_metrics(envelope_, accepted->model, accepted->participant, accepted->round, accepted->metrics,
                  views_);
    }
    if (const auto* accepted = std::get_if<domain::MomentsAccepted>(&event)) {
      follow_moments(row->value, before, accepted->participant);
    }
    if (const auto* reported = std::get_if<domain::MetricsReported>(&event)) {
      add_metrics(envelope_, reported->model, reported->reporter, reported->step, reported->metrics, views_);
    }
  }

 private:
  [[nodiscard]] std::string event_text() const {
    return envelope_.type + " at version " + std::to_string(envelope_.version) + " of " + envelope_.stream +
           " ";
  }

  void request(domain::TrainingId training, const domain::NotificationRequested& requested) {
    const auto position = envelope_.position;
    const OutboxRow row{.position = position,
                        .id = envelope_.id,
                        .notification = requested.notification,
                        .requested = envelope_.time};
    write_outbox(views_, row);
    views_.put(view_keys::outbox_by_id(envelope_.id), big_endian(position));
    views_.put(view_keys::outbox_by_training(training) + big_endian(position),
               view_keys::bytes_of(envelope_.id));
    keep(row);
    touch(training);
  }

  // For receivers who ask for their notifications.
  void keep(const OutboxRow& row) {
    const auto& notification = row.notification;
    write_notification(views_, row);
    views_.put(
        view_keys::notification_by_training(notification.training, notification.receiver, row.position), "");
  }

  // What is pending has still to be asked for; of the rest, what was settled first makes room.
  void keep_settled(domain::TrainingId training, domain::UserId receiver, std::uint64_t position) {
    const auto by_training = view_keys::notification_by_training(training, receiver, position);
    if (!views_.get(by_training)) return;
    views_.put(by_training, big_endian(envelope_.position));
    views_.put(view_keys::notification_settled(receiver, envelope_.position),
               view_keys::bytes_of(training) + big_endian(position));
    const auto count = view_keys::settled_notification_count(receiver);
    change_count(views_, count, 1);
    if (read_count(views_, count) > notifications_kept) forget_first_settled(receiver);
  }

  // Looks from where the one before was found: in front of it is only what was erased, which a scan would
  // pass one by one.
  void forget_first_settled(domain::UserId receiver) {
    const auto start = view_keys::forgotten_up_to(receiver);
    const auto from = views_.get(start);
    std::string key;
    std::string value;
    views_.scan(view_keys::notifications_settled(receiver),
                from ? view_keys::notification_settled(receiver, number_at_end(*from)) : std::string{},
                [&](std::string_view first, std::string_view what) {
                  key = first;
                  value = what;
                  return false;
                });
    if (key.empty()) return;
    views_.put(start, big_endian(number_at_end(key)));
    const auto training = view_keys::id_from<domain::TrainingId>(std::string_view(value).substr(0, 16));
    forget(training, receiver, number_at_end(value));
  }

  void forget(domain::TrainingId training, domain::UserId receiver, std::uint64_t position) {
    const auto by_training = view_keys::notification_by_training(training, receiver, position);
    if (const auto settled = views_.get(by_training); settled && !settled->empty()) {
      views_.erase(view_keys::notification_settled(receiver, number_at_end(*settled)));
      change_count(views_, view_keys::settled_notification_count(receiver), -1);
    }
    views_.erase(by_training);
    views_.erase(view_keys::notification(receiver, position));
  }

  void settle(domain::TrainingId training, const domain::NotificationSettled& settled) {
    const auto position = views_.get(view_keys::outbox_by_id(settled.notification));
    if (position) {
      erase_outbox(training, number_at_end(*position), settled.notification);
      keep_settled(training, settled.receiver, number_at_end(*position));
    }
    if (!views_.get(view_keys::training_touched(training))) return;  // it is gone
    if (const auto delivery = domain::delivery_of(settled, envelope_.time)) {
      write_last_delivery(views_, training, *delivery);
    }
    touch_training(views_, training, envelope_.time);
  }

  void erase_outbox(domain::TrainingId training, std::uint64_t position, domain::EventId id) {
    views_.erase(view_keys::outbox_row(position));
    views_.erase(view_keys::outbox_by_id(id));
    views_.erase(view_keys::outbox_by_training(training) + big_endian(position));
  }

  // A notification may still be settled when its training is gone.
  void touch(domain::TrainingId training) {
    if (views_.get(view_keys::training_touched(training))) {
      touch_training(views_, training, envelope_.time);
    }
  }

  void follow_participants(const Row<domain::Training>& row, const domain::Training& before) {
    if (row.value.participants == before.participants) return;
    const std::set<domain::UserId> old_ones(before.participants.begin(), before.participants.end());
    const std::set<domain::UserId> new_ones(row.value.participants.begin(), row.value.participants.end());
    const auto model = read_model(views_, row.value.model);
    for (const auto& user : old_ones) {
      if (!new_ones.contains(user)) erase_participant(user, row.position, model);
    }
    for (const auto& user : new_ones) {
      if (old_ones.contains(user)) continue;
      views_.put(view_keys::training_by_participant(user, row.position), view_keys::bytes_of(row.value.id));
      if (!model) continue;
      views_.put(view_keys::model_by_participant(user, model->position),
                 view_keys::bytes_of(row.value.model));
    }
  }

  void erase_participant(domain::UserId user, std::uint64_t training_position,
                         const std::optional<Row<domain::Model>>& model) {
    views_.erase(view_keys::training_by_participant(user, training_position));
    if (model) views_.erase(view_keys::model_by_participant(user, model->position));
  }

  void follow_work(const Row<domain::Training>& row, const domain::Training& before) {
    if (waits_for_the_server(row.value) == waits_for_the_server(before)) return;
    const auto key = view_keys::training_with_work(row.position);
    if (waits_for_the_server(row.value)) {
      views_.put(key, view_keys::bytes_of(row.value.id));
    } else {
      views_.erase(key);
    }
  }

  static bool waits_for_the_server(const domain::Training& training) {
    return training.deadline || (domain::is_servers_work(training.phase) && !training.paused);
  }

  // A local model lives as long as its update is part of the training, or somebody goes on with it. Most
  // events leave the updates alone or add one at their end.
  void follow_local_models(const domain::Training& training, const domain::Training& before) {
    const auto [first_old, first_new] = std::ranges::mismatch(before.updates, training.updates);
    const std::ranges::subrange old_ones(first_old, before.updates.end());
    const std::ranges::subrange new_ones(first_new, training.updates.end());
    auto old_models = models_of(old_ones);
    auto kept_models = models_of(new_ones);
    if (before.passed_on != training.passed_on) {
      old_models.merge(models_of(before.passed_on));
      kept_models.merge(models_of(training.passed_on));
    }
    for (const auto& update : new_ones) {
      if (!old_models.contains(update.model)) add_local_model(training, update);
    }
    for (const auto& model : old_models) {
      if (!kept_models.contains(model)) erase_model(model);
    }
  }

  template <class Parts>
  static std::set<domain::ModelId> models_of(const Parts& parts) {
    std::set<domain::ModelId> models;
    for (const auto& part : parts) models.insert(part.model);
    return models;
  }

  void add_local_model(const domain::Training& training, const domain::Update& update) {
    Row<domain::Model> row{.position = envelope_.position, .value = {}};
    row.value.id = update.model;
    row.value.kind = domain::ModelKind::local;
    row.value.owner = update.participant;
    row.value.round = training.round;
    row.value.weights = update.weights;
    row.value.base_model = training.model;
    row.value.sample_size = update.sample_size;
    row.value.training = training.id;
    write_model(views_, row);
    views_.put(view_keys::model_by_owner(update.participant, row.position),
               view_keys::bytes_of(update.model));
  }

  void follow_global_model(const domain::Training& training, const domain::Training& before) {
    if (training.id == before.id && training.round == before.round && training.weights == before.weights &&
        training.preprocessing == before.preprocessing &&
        training.swag_first_moment == before.swag_first_moment &&
        training.swag_second_moment == before.swag_second_moment) {
      return;
    }
    auto row = read_model(views_, training.model);
    if (!row) return;  // deleted in the same commit
    row->value.training = training.id;
    row->value.round = training.round;
    row->value.weights = training.weights;
    row->value.preprocessing = training.preprocessing;
    if (training.swag_first_moment) row->value.swag_first_moment = training.swag_first_moment;
    if (training.swag_second_moment) row->value.swag_second_moment = training.swag_second_moment;
    write_model(views_, *row);
  }

  // Moments are metrics of the global model; those that they replace go.
  void follow_moments(const domain::Training& training, const domain::Training& before,
                      domain::UserId participant) {
    if (const auto* replaced = before.moments_of(participant)) {
      erase_metrics(training, participant, domain::metrics_of(*replaced));
    }
    add_metrics(envelope_, training.model, participant, training.round,
                domain::metrics_of(*training.moments_of(participant)), views_);
  }

  void erase_metrics(const domain::Training& training, domain::UserId reporter,
                     const std::vector<domain::Metric>& metrics) {
    std::vector<std::string> keys;
    views_.scan(view_keys::metrics(training.model), {}, [&](std::string_view key, std::string_view value) {
      const auto row = metric_row(value);
      const bool is_one = row.reporter == reporter && row.step == training.round &&
                          std::ranges::find(metrics, row.metric) != metrics.end();
      if (is_one) keys.emplace_back(key);
      return true;
    });
    for (const auto& key : keys) views_.erase(key);
    change_count(views_, view_keys::metric_count(training.model), -static_cast<std::int64_t>(keys.size()));
  }

  void remove(const Row<domain::Training>& row, const domain::Training& before) {
    const auto id = before.id;
    views_.erase(view_keys::training(id));
    views_.erase(view_keys::training_touched(id));
    for (const auto& key : keys_under(views_, view_keys::last_deliveries(id))) views_.erase(key);
    views_.erase(view_keys::training_by_actor(before.actor, row.position));
    views_.erase(view_keys::training_with_work(row.position));
    auto model = read_model(views_, before.model);
    for (const auto& user : before.participants) erase_participant(user, row.position, model);
    for (const auto& update : before.updates) erase_model(update.model);
    for (const auto& each : before.passed_on) erase_model(each.model);
    for (const auto& key : keys_under(views_, view_keys::outbox_by_training(id))) {
      const auto notification = view_keys::id_from<domain::EventId>(views_.get(key).value_or(""));
      erase_outbox(id, number_at_end(key), notification);
    }
    const auto prefix = view_keys::notifications_by_training(id);
    for (const auto& key : keys_under(views_, prefix)) {
      forget(id, view_keys::id_from<domain::UserId>(std::string_view(key).substr(prefix.size(), 16)),
             number_at_end(key));
    }
    if (model && model->value.training == id) {
      model->value.training.reset();
      write_model(views_, *model);
    }
  }

  void erase_model(domain::ModelId id) {
    if (const auto row = read_model(views_, id)) remove_model(*row, views_);
  }

  const Envelope& envelope_;
  KeyValueWriter& views_;
};

}  // namespace

void project_training(const Envelope& envelope, const domain::TrainingEvent& event, KeyValueWriter& views) {
  TrainingProjection(envelope, views).project(event);
}

void add_metrics(const Envelope& envelope, domain::ModelId model, domain::UserId reporter, std::int64_t step,
                 const std::vector<domain::Metric>& metrics, KeyValueWriter& views) {
  if (metrics.size() > metrics_per_event_max) throw std::runtime_error("too many metrics in one event");
  if (metrics.empty() || !views.get(view_keys::model(model))) return;
  auto id = envelope.position * metrics_per_event_max;
  for (const auto& metric : metrics) {
    write_metric(views, {.id = static_cast<std::int64_t>(id++),
                         .model = model,
                         .reporter = reporter,
                         .step = step,
                         .metric = metric});
  }
  change_count(views, view_keys::metric_count(model), static_cast<std::int64_t>(metrics.size()));
}

void remove_model(const Row<domain::Model>& row, KeyValueWriter& views) {
  views.erase(view_keys::model(row.value.id));
  views.erase(view_keys::model_by_owner(row.value.owner, row.position));
  for (const auto& key : keys_under(views, view_keys::metrics(row.value.id))) views.erase(key);
  views.erase(view_keys::metric_count(row.value.id));
}

}  // namespace fedlog::storage
