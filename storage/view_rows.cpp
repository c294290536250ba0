#include "storage/view_rows.h"

#include <stdexcept>

#include "storage/described.h"
#include "storage/personal_cipher.h"
#include "storage/view_keys.h"

namespace fedlog::storage {
namespace {

std::string place_of(domain::UserId user, std::string_view field) {
  std::string place = "view/" + user.text();
  place += '\0';
  place += field;
  return place;
}

template <class T>
T decoded(std::string_view bytes, const OpenPersonal& open = {}) {
  auto value = decode<T>(bytes, open);
  if (!value) throw std::runtime_error("a row of the views is damaged: " + value.error());
  return std::move(*value);
}

template <class T>
std::optional<T> read(const KeyValueReader& views, std::string_view key, const OpenPersonal& open = {}) {
  const auto bytes = views.get(key);
  if (!bytes) return std::nullopt;
  return decoded<T>(*bytes, open);
}

}  // namespace

std::optional<Row<domain::User>> read_user(const KeyValueReader& views, const KeyRing& keys,
                                           domain::UserId id) {
  const auto bytes = views.get(view_keys::user(id));
  if (!bytes) return std::nullopt;
  const auto key = keys.key_of(id);
  return decoded<Row<domain::User>>(
      *bytes,
      [&](std::string_view field, std::string_view sealed) -> std::expected<std::string, std::string> {
        if (!key) return "(erased)";
        auto text = open_personal(*key, place_of(id, field), sealed);
        if (!text) return std::unexpected("it cannot be decrypted");
        return std::move(*text);
      });
}

std::optional<Row<domain::Group>> read_group(const KeyValueReader& views, domain::GroupId id) {
  return read<Row<domain::Group>>(views, view_keys::group(id));
}

std::optional<Row<domain::Model>> read_model(const KeyValueReader& views, domain::ModelId id) {
  return read<Row<domain::Model>>(views, view_keys::model(id));
}

std::optional<Row<domain::Training>> read_training(const KeyValueReader& views, domain::TrainingId id) {
  auto row = read<Row<domain::Training>>(views, view_keys::training(id));
  if (!row) return std::nullopt;
  if (const auto touched = views.get(view_keys::training_touched(id))) {
    row->value.last_update = {static_cast<std::int64_t>(number_at_end(*touched))};
  }
  return row;
}

Row<domain::Group> group_row(std::string_view bytes) {
  return decoded<Row<domain::Group>>(bytes);
}
MetricRow metric_row(std::string_view bytes) {
  return decoded<MetricRow>(bytes);
}
OutboxRow outbox_row(std::string_view bytes) {
  return decoded<OutboxRow>(bytes);
}

void write_user(KeyValueWriter& views, const KeyRing& keys, const Row<domain::User>& row) {
  const auto id = row.value.id;
  const auto key = keys.key_of(id);
  views.put(view_keys::user(id), encode(row, [&](std::string_view field, std::string_view text) {
              return key ? seal_personal(*key, place_of(id, field), text) : std::string{};
            }));
}

void write_group(KeyValueWriter& views, const Row<domain::Group>& row) {
  views.put(view_keys::group(row.value.id), encode(row));
}

void write_model(KeyValueWriter& views, const Row<domain::Model>& row) {
  views.put(view_keys::model(row.value.id), encode(row));
}

void write_metric(KeyValueWriter& views, const MetricRow& row) {
  views.put(view_keys::metric(row.model, row.id), encode(row));
}

void write_outbox(KeyValueWriter& views, const OutboxRow& row) {
  views.put(view_keys::outbox_row(row.position), encode(row));
}

void write_notification(KeyValueWriter& views, const OutboxRow& row) {
  views.put(view_keys::notification(row.notification.receiver, row.position), encode(row));
}

std::uint64_t read_count(const KeyValueReader& views, std::string_view key) {
  const auto count = views.get(key);
  return count ? number_at_end(*count) : 0;
}

void change_count(KeyValueWriter& views, std::string_view key, std::int64_t change) {
  views.put(key, big_endian(read_count(views, key) + static_cast<std::uint64_t>(change)));
}

void write_training(KeyValueWriter& views, const Row<domain::Training>& row) {
  views.put(view_keys::training(row.value.id), encode(row));
  touch_training(views, row.value.id, row.value.last_update);
}

void write_last_delivery(KeyValueWriter& views, domain::TrainingId id, const domain::Delivery& delivery) {
  views.put(view_keys::last_delivery(id, delivery.receiver), encode(delivery));
}

std::vector<domain::Delivery> read_last_deliveries(const KeyValueReader& views, domain::TrainingId id) {
  std::vector<domain::Delivery> deliveries;
  views.scan(view_keys::last_deliveries(id), {}, [&](std::string_view, std::string_view value) {
    deliveries.push_back(decoded<domain::Delivery>(value));
    return true;
  });
  return deliveries;
}

void touch_training(KeyValueWriter& views, domain::TrainingId id, domain::Timestamp at) {
  views.put(view_keys::training_touched(id), big_endian(static_cast<std::uint64_t>(at.microseconds)));
}

}  // namespace fedlog::storage
