#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "domain/group.h"
#include "domain/model.h"
#include "domain/training.h"
#include "domain/user.h"
#include "storage/key_ring.h"
#include "storage/key_value.h"
#include "storage/views.h"

namespace fedlog::storage {

// A thing as the views keep it, with the position of the event that created it.
template <class T>
struct Row {
  std::uint64_t position = 0;
  T value;

  static constexpr auto fields() {
    return std::tuple{domain::field("position", &Row::position), domain::field("value", &Row::value)};
  }
};

// Rows by id; none where there is no such thing. Throw std::runtime_error on a row that cannot be decoded.
[[nodiscard]] std::optional<Row<domain::User>> read_user(const KeyValueReader& views, const KeyRing& keys,
                                                         domain::UserId id);
[[nodiscard]] std::optional<Row<domain::Group>> read_group(const KeyValueReader& views, domain::GroupId id);
[[nodiscard]] std::optional<Row<domain::Model>> read_model(const KeyValueReader& views, domain::ModelId id);
[[nodiscard]] std::optional<Row<domain::Training>> read_training(const KeyValueReader& views,
                                                                 domain::TrainingId id);
[[nodiscard]] Row<domain::Group> group_row(std::string_view bytes);
[[nodiscard]] MetricRow metric_row(std::string_view bytes);
[[nodiscard]] OutboxRow outbox_row(std::string_view bytes);

// Personal fields are encrypted as in events; a user without a key is written as "(erased)" reads.
void write_user(KeyValueWriter& views, const KeyRing& keys, const Row<domain::User>& row);
void write_group(KeyValueWriter& views, const Row<domain::Group>& row);
void write_model(KeyValueWriter& views, const Row<domain::Model>& row);
void write_metric(KeyValueWriter& views, const MetricRow& row);
void write_outbox(KeyValueWriter& views, const OutboxRow& row);
void write_notification(KeyValueWriter& views, const OutboxRow& row);

// Rows are counted where lists of them are long: a list's length is then one key.
[[nodiscard]] std::uint64_t read_count(const KeyValueReader& views, std::string_view key);
void change_count(KeyValueWriter& views, std::string_view key, std::int64_t change);

// When something last happened to a training, and how deliveries ended, is kept apart from its row: most
// events change nothing else. read_training leaves `last_deliveries` empty.
void write_training(KeyValueWriter& views, const Row<domain::Training>& row);
void touch_training(KeyValueWriter& views, domain::TrainingId id, domain::Timestamp at);
void write_last_delivery(KeyValueWriter& views, domain::TrainingId id, const domain::Delivery& delivery);
[[nodiscard]] std::vector<domain::Delivery> read_last_deliveries(const KeyValueReader& views,
                                                                 domain::TrainingId id);

}  // namespace fedlog::storage
