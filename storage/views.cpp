#include "storage/views.h"

#include <algorithm>
#include <string>
#include <utility>

#include "storage/index_cursor.h"
#include "storage/view_keys.h"
#include "storage/view_rows.h"

namespace fedlog::storage {
namespace {

template <class T>
std::optional<T> value_of(std::optional<Row<T>> row) {
  if (!row) return std::nullopt;
  return std::move(row->value);
}

std::uint64_t count_together(const KeyValueReader& reader, const std::vector<std::string>& indexes) {
  std::uint64_t count = 0;
  visit_together(reader, indexes, [&](const IndexEntry&) {
    ++count;
    return true;
  });
  return count;
}

// Visits the rows to which the indexes' entries lead. `read` gives none for a row that went since the index
// was read.
template <class T, class Read>
typename List<T>::VisitFrom visit_by_index(const KeyValueReader& reader, std::vector<std::string> indexes,
                                           Read read) {
  return [&reader, indexes = std::move(indexes), read](std::uint64_t skip, const List<T>::Visit& visit) {
    visit_together(reader, indexes, [&](const IndexEntry& entry) {
      if (skip > 0) {
        --skip;
        return true;
      }
      std::optional<T> row = read(entry);
      return !row || visit(std::move(*row));
    });
  };
}

template <class T, class Read>
List<T> list_by_index(const KeyValueReader& reader, const std::vector<std::string>& indexes, Read read) {
  return {[&reader, indexes] { return count_together(reader, indexes); },
          visit_by_index<T>(reader, indexes, read)};
}

// Rows that lie together under a prefix and are counted under `count_key`.
template <class T, class Decode>
List<T> list_by_prefix(const KeyValueReader& reader, std::string prefix, std::string count_key,
                       Decode decode) {
  const auto count = [&reader, count_key] { return read_count(reader, count_key); };
  return {count, [&reader, prefix, decode](std::uint64_t skip, const typename List<T>::Visit& visit) {
            reader.scan(prefix, {}, [&](std::string_view, std::string_view value) {
              if (skip > 0) {
                --skip;
                return true;
              }
              return visit(decode(value));
            });
          }};
}

// From the key `from` on.
std::vector<OutboxRow> outbox_rows(const KeyValueReader& reader, std::string_view prefix,
                                   std::string_view from, std::size_t limit) {
  std::vector<OutboxRow> rows;
  if (limit == 0) return rows;
  reader.scan(prefix, from, [&](std::string_view, std::string_view value) {
    rows.push_back(outbox_row(value));
    return rows.size() < limit;
  });
  return rows;
}

List<domain::Training> list_of_trainings(const KeyValueReader& reader, std::vector<std::string> indexes) {
  return list_by_index<domain::Training>(reader, std::move(indexes), [&reader](const IndexEntry& entry) {
    return value_of(read_training(reader, view_keys::id_from<domain::TrainingId>(entry.value)));
  });
}

}  // namespace

std::optional<domain::User> Views::user(domain::UserId id) const {
  return value_of(read_user(*reader_, *keys_, id));
}

bool Views::is_active(domain::UserId id) const {
  const auto known = user(id);
  return known && known->active;
}

std::optional<domain::User> Views::user_by_name(std::string_view username) const {
  const auto id = reader_->get(view_keys::user_by_name(keys_->lookup_digest(username)));
  return id ? user(view_keys::id_from<domain::UserId>(*id)) : std::nullopt;
}

List<domain::User> Views::users() const {
  const auto read = [this](const IndexEntry& entry) {
    return user(view_keys::id_from<domain::UserId>(entry.value));
  };
  return {[this] { return read_count(*reader_, view_keys::user_count); },
          visit_by_index<domain::User>(*reader_, {view_keys::users_by_position}, read)};
}

std::optional<domain::Group> Views::group(domain::GroupId id) const {
  return value_of(read_group(*reader_, id));
}

std::optional<domain::Group> Views::group_by_name(std::string_view name) const {
  const auto number = reader_->get(view_keys::group_by_name(name));
  return number ? group({static_cast<std::int64_t>(number_at_end(*number))}) : std::nullopt;
}

List<domain::Group> Views::groups() const {
  return list_by_prefix<domain::Group>(*reader_, view_keys::groups, view_keys::group_count,
                                       [](std::string_view bytes) { return group_row(bytes).value; });
}

List<domain::Group> Views::groups_of(domain::UserId member) const {
  return list_by_index<domain::Group>(
      *reader_, {view_keys::groups_by_member(member)},
      [this](const IndexEntry& entry) { return group({static_cast<std::int64_t>(entry.position)}); });
}

std::int64_t Views::last_group_number() const {
  const auto number = reader_->get(view_keys::last_group_number);
  return number ? static_cast<std::int64_t>(number_at_end(*number)) : 0;
}

std::optional<domain::Model> Views::model(domain::ModelId id) const {
  return value_of(read_model(*reader_, id));
}

List<domain::Model> Views::models_of(domain::UserId user) const {
  return list_by_index<domain::Model>(
      *reader_, {view_keys::models_by_owner(user), view_keys::models_by_participant(user)},
      [this](const IndexEntry& entry) { return model(view_keys::id_from<domain::ModelId>(entry.value)); });
}

List<domain::Model> Views::models_in(const domain::Training& training) const {
  std::vector<domain::ModelId> ids{training.model};
  for (const auto& each : training.passed_on) ids.push_back(each.model);
  for (const auto& update : training.updates) ids.push_back(update.model);
  return models(std::move(ids));
}

List<domain::Model> Views::latest_models_in(const domain::Training& training) const {
  std::vector<domain::ModelId> ids{training.model};
  for (const auto& each : training.passed_on) {
    if (training.update_of(each.owner) == nullptr) ids.push_back(each.model);
  }
  for (const auto& update : training.updates) ids.push_back(update.model);
  return models(std::move(ids));
}

List<domain::Model> Views::models(std::vector<domain::ModelId> ids) const {
  return {[count = ids.size()] { return count; },
          [this, ids = std::move(ids)](std::uint64_t skip, const List<domain::Model>::Visit& visit) {
            for (auto index = skip; index < ids.size(); ++index) {
              auto found = model(ids[index]);  // none: its round ended since the training was read
              if (found && !visit(std::move(*found))) return;
            }
          }};
}

std::optional<domain::Training> Views::training(domain::TrainingId id) const {
  auto training = value_of(read_training(*reader_, id));
  if (training) training->last_deliveries = read_last_deliveries(*reader_, id);
  return training;
}

List<domain::Training> Views::trainings_of_actor(domain::UserId actor) const {
  return list_of_trainings(*reader_, {view_keys::trainings_by_actor(actor)});
}

List<domain::Training> Views::trainings_of(domain::UserId actor_or_participant) const {
  return list_of_trainings(*reader_, {view_keys::trainings_by_actor(actor_or_participant),
                                      view_keys::trainings_by_participant(actor_or_participant)});
}

std::vector<domain::TrainingId> Views::trainings_with_pending_work() const {
  std::vector<domain::TrainingId> ids;
  reader_->scan(view_keys::trainings_with_work, {}, [&](std::string_view, std::string_view value) {
    ids.push_back(view_keys::id_from<domain::TrainingId>(value));
    return true;
  });
  return ids;
}

List<MetricRow> Views::metrics_of(domain::ModelId model) const {
  return list_by_prefix<MetricRow>(*reader_, view_keys::metrics(model), view_keys::metric_count(model),
                                   [](std::string_view bytes) { return metric_row(bytes); });
}

std::vector<OutboxRow> Views::outbox(std::uint64_t after_position, std::size_t limit) const {
  return outbox_rows(*reader_, view_keys::outbox, view_keys::outbox_row(after_position + 1), limit);
}

std::vector<OutboxRow> Views::notifications_of(domain::UserId receiver, std::uint64_t after_position,
                                               std::size_t limit) const {
  return outbox_rows(*reader_, view_keys::notifications(receiver),
                     view_keys::notification(receiver, after_position + 1), limit);
}

bool Views::is_pending(std::uint64_t outbox_position) const {
  return reader_->get(view_keys::outbox_row(outbox_position)).has_value();
}

bool Views::is_needed(domain::BlobId blob) const {
  const auto needs = view_keys::blob_needs(blob);
  std::vector<std::string> owners;
  reader_->scan(needs, {}, [&](std::string_view key, std::string_view) {
    owners.emplace_back(key.substr(needs.size()));
    return true;
  });
  // Owners are named as their rows are: "m" or "t" and an id.
  return std::ranges::any_of(
      owners, [&](std::string owner) { return reader_->get(owner.insert(1, "/")).has_value(); });
}

std::vector<domain::PendingNotification> Views::pending_in(domain::TrainingId training) const {
  std::vector<std::uint64_t> positions;
  reader_->scan(view_keys::outbox_by_training(training), {}, [&](std::string_view key, std::string_view) {
    positions.push_back(number_at_end(key));
    return true;
  });
  std::vector<domain::PendingNotification> pending;
  for (const auto position : positions) {
    const auto value = reader_->get(view_keys::outbox_row(position));
    if (!value) continue;  // settled since
    const auto row = outbox_row(*value);
    pending.push_back({.notification = row.notification, .requested = row.requested});
  }
  return pending;
}

}  // namespace fedlog::storage
