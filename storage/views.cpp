#include "storage/views.h"

#include <map>
#include <string>

#include "storage/view_keys.h"
#include "storage/view_rows.h"

namespace fedlog::storage {
namespace {

// Rows in order of the events that created them, each once.
template <class T>
using InOrderOfCreation = std::map<std::uint64_t, T>;

template <class T>
std::vector<T> values_of(InOrderOfCreation<T> rows) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (auto& [position, value] : rows) values.push_back(std::move(value));
  return values;
}

template <class T>
void add(InOrderOfCreation<T>& rows, std::optional<Row<T>> row) {
  if (row) rows.try_emplace(row->position, std::move(row->value));
}

// An index's keys end with a position, its values start with an id.
template <class Id, class Visit>
void for_each_id(const KeyValueReader& reader, std::string_view index, const Visit& visit) {
  reader.scan(index, {}, [&](std::string_view, std::string_view value) {
    visit(view_keys::id_from<Id>(value.substr(0, 16)), value);
    return true;
  });
}

template <class T>
std::optional<T> value_of(std::optional<Row<T>> row) {
  if (!row) return std::nullopt;
  return std::move(row->value);
}

}  // namespace

std::optional<domain::User> Views::user(domain::UserId id) const {
  return value_of(read_user(*reader_, *keys_, id));
}

std::optional<domain::User> Views::user_by_name(std::string_view username) const {
  const auto id = reader_->get(view_keys::user_by_name(keys_->lookup_digest(username)));
  return id ? user(view_keys::id_from<domain::UserId>(*id)) : std::nullopt;
}

std::vector<domain::User> Views::users() const {
  InOrderOfCreation<domain::User> rows;
  for_each_id<domain::UserId>(*reader_, view_keys::users_by_position,
                              [&](domain::UserId id, auto) { add(rows, read_user(*reader_, *keys_, id)); });
  return values_of(std::move(rows));
}

std::optional<domain::Group> Views::group(domain::GroupId id) const {
  return value_of(read_group(*reader_, id));
}

std::optional<domain::Group> Views::group_by_name(std::string_view name) const {
  const auto number = reader_->get(view_keys::group_by_name(name));
  return number ? group({static_cast<std::int64_t>(number_at_end(*number))}) : std::nullopt;
}

std::vector<domain::Group> Views::groups() const {
  std::vector<domain::Group> groups;
  reader_->scan(view_keys::groups, {}, [&](std::string_view, std::string_view value) {
    groups.push_back(group_row(value).value);
    return true;
  });
  return groups;
}

std::vector<domain::Group> Views::groups_of(domain::UserId member) const {
  InOrderOfCreation<domain::Group> rows;
  reader_->scan(view_keys::groups_by_member(member), {}, [&](std::string_view key, std::string_view) {
    add(rows, read_group(*reader_, {static_cast<std::int64_t>(number_at_end(key))}));
    return true;
  });
  return values_of(std::move(rows));
}

std::int64_t Views::last_group_number() const {
  const auto number = reader_->get(view_keys::last_group_number);
  return number ? static_cast<std::int64_t>(number_at_end(*number)) : 0;
}

std::optional<domain::Model> Views::model(domain::ModelId id) const {
  return value_of(read_model(*reader_, id));
}

std::vector<domain::Model> Views::models_of(domain::UserId user) const {
  InOrderOfCreation<domain::Model> rows;
  for_each_id<domain::ModelId>(*reader_, view_keys::models_by_owner(user),
                               [&](domain::ModelId id, auto) { add(rows, read_model(*reader_, id)); });
  for_each_id<domain::TrainingId>(
      *reader_, view_keys::trainings_by_participant(user), [&](auto, std::string_view value) {
        if (value.size() != 32) return;
        add(rows, read_model(*reader_, view_keys::id_from<domain::ModelId>(value.substr(16))));
      });
  return values_of(std::move(rows));
}

std::optional<domain::Training> Views::training(domain::TrainingId id) const {
  return value_of(read_training(*reader_, id));
}

std::vector<domain::Training> Views::trainings_of_actor(domain::UserId actor) const {
  InOrderOfCreation<domain::Training> rows;
  for_each_id<domain::TrainingId>(
      *reader_, view_keys::trainings_by_actor(actor),
      [&](domain::TrainingId id, auto) { add(rows, read_training(*reader_, id)); });
  return values_of(std::move(rows));
}

std::vector<domain::Training> Views::trainings_of(domain::UserId actor_or_participant) const {
  InOrderOfCreation<domain::Training> rows;
  for (const auto& index : {view_keys::trainings_by_actor(actor_or_participant),
                            view_keys::trainings_by_participant(actor_or_participant)}) {
    for_each_id<domain::TrainingId>(
        *reader_, index, [&](domain::TrainingId id, auto) { add(rows, read_training(*reader_, id)); });
  }
  return values_of(std::move(rows));
}

std::vector<domain::TrainingId> Views::trainings_with_pending_work() const {
  std::vector<domain::TrainingId> ids;
  for_each_id<domain::TrainingId>(*reader_, view_keys::trainings_with_work,
                                  [&](domain::TrainingId id, auto) { ids.push_back(id); });
  return ids;
}

std::vector<MetricRow> Views::metrics_of(domain::ModelId model) const {
  std::vector<MetricRow> rows;
  reader_->scan(view_keys::metrics(model), {}, [&](std::string_view, std::string_view value) {
    rows.push_back(metric_row(value));
    return true;
  });
  return rows;
}

std::vector<OutboxRow> Views::outbox(std::uint64_t after_position, std::size_t limit) const {
  std::vector<OutboxRow> rows;
  if (limit == 0) return rows;
  reader_->scan(view_keys::outbox, view_keys::outbox_row(after_position + 1),
                [&](std::string_view, std::string_view value) {
                  rows.push_back(outbox_row(value));
                  return rows.size() < limit;
                });
  return rows;
}

bool Views::is_pending(std::uint64_t outbox_position) const {
  return reader_->get(view_keys::outbox_row(outbox_position)).has_value();
}

}  // namespace fedlog::storage
