#include "storage/projection.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <variant>

#include "domain/overloaded.h"
#include "storage/projection_trainings.h"
#include "storage/view_keys.h"
#include "storage/view_rows.h"

namespace fedlog::storage {
namespace {

using domain::overloaded;

template <class T, class Error>
T must(std::expected<T, Error> decoded) {
  if (!decoded) throw std::runtime_error(decoded.error().message);
  return std::move(*decoded);
}

void change_user(const domain::UserEvent& event, domain::Timestamp at, const KeyRing& keys,
                 KeyValueWriter& views) {
  const auto id = std::visit([](const auto& fact) { return fact.user; }, event);
  auto row = read_user(views, keys, id);
  if (!row) throw std::runtime_error("an event of " + stream_of(id) + ", which does not exist");
  evolve(row->value, event, at);
  write_user(views, keys, *row);
}

void project_user(const Envelope& envelope, const domain::UserEvent& event, const KeyRing& keys,
                  KeyValueWriter& views) {
  if (!std::holds_alternative<domain::UserRegistered>(event)) {
    return change_user(event, envelope.time, keys, views);
  }
  Row<domain::User> row{.position = envelope.position, .value = {}};
  evolve(row.value, event, envelope.time);
  write_user(views, keys, row);
  const auto id = view_keys::bytes_of(row.value.id);
  if (keys.key_of(row.value.id)) {  // an erased user has no name to be found by
    views.put(view_keys::user_by_name(keys.lookup_digest(row.value.username.text)), id);
  }
  views.put(view_keys::user_by_position(envelope.position), id);
  change_count(views, view_keys::user_count, 1);
}

class GroupProjection {
 public:
  GroupProjection(const Envelope& envelope, const KeyRing& keys, KeyValueWriter& views)
      : envelope_(envelope), keys_(keys), views_(views) {}

  void project(const domain::GroupEvent& event) {
    if (const auto* created = std::get_if<domain::GroupCreated>(&event)) return create(*created);
    auto row = read_group(views_, id_of_stream());
    if (!row) throw std::runtime_error("an event of " + envelope_.stream + ", which does not exist");
    const auto before = row->value;
    evolve(row->value, event);
    if (row->value.deleted) return remove(before);
    if (row->value.name != before.name) {
      views_.erase(view_keys::group_by_name(before.name));
      put_name(row->value);
    }
    if (const auto* added = std::get_if<domain::GroupMemberAdded>(&event)) join(added->user, before.id);
    if (const auto* removed = std::get_if<domain::GroupMemberRemoved>(&event)) {
      leave(removed->user, before.id);
    }
    write_group(views_, *row);
  }

 private:
  [[nodiscard]] domain::GroupId id_of_stream() const {
    const auto number = envelope_.stream.substr(envelope_.stream.find('/') + 1);
    return {std::stoll(number)};
  }

  void create(const domain::GroupCreated& created) {
    Row<domain::Group> row{.position = envelope_.position, .value = {}};
    evolve(row.value, created);
    write_group(views_, row);
    put_name(row.value);
    change_count(views_, view_keys::group_count, 1);
    views_.put(view_keys::last_group_number, big_endian(static_cast<std::uint64_t>(created.group.number)));
  }

  void remove(const domain::Group& group) {
    views_.erase(view_keys::group(group.id));
    views_.erase(view_keys::group_by_name(group.name));
    change_count(views_, view_keys::group_count, -1);
    for (const auto& member : group.members) leave(member, group.id);
  }

  void put_name(const domain::Group& group) {
    views_.put(view_keys::group_by_name(group.name), big_endian(static_cast<std::uint64_t>(group.id.number)));
  }

  void join(domain::UserId user, domain::GroupId group) {
    views_.put(view_keys::group_by_member(user, group), "");
    change_groups(user, [&](auto& groups) { groups.push_back(group); });
  }

  void leave(domain::UserId user, domain::GroupId group) {
    views_.erase(view_keys::group_by_member(user, group));
    change_groups(user, [&](auto& groups) { std::erase(groups, group); });
  }

  template <class Change>
  void change_groups(domain::UserId user, const Change& change) {
    auto row = read_user(views_, keys_, user);
    if (!row) return;
    change(row->value.groups);
    write_user(views_, keys_, *row);
  }

  const Envelope& envelope_;
  const KeyRing& keys_;
  KeyValueWriter& views_;
};

void project_model(const Envelope& envelope, const domain::ModelEvent& event, KeyValueWriter& views) {
  if (const auto* uploaded = std::get_if<domain::ModelUploaded>(&event)) {
    Row<domain::Model> row{.position = envelope.position, .value = {}};
    evolve(row.value, event);
    write_model(views, row);
    views.put(view_keys::model_by_owner(uploaded->owner, envelope.position),
              view_keys::bytes_of(uploaded->model));
    return;
  }
  const auto id =
      domain::ModelId::parse(std::string_view(envelope.stream).substr(envelope.stream.find('/') + 1));
  auto row = id ? read_model(views, *id) : std::nullopt;
  if (!row) throw std::runtime_error("an event of " + envelope.stream + ", which does not exist");
  if (const auto* reported = std::get_if<domain::MetricsReported>(&event)) {
    return add_metrics(envelope, reported->model, reported->reporter, reported->step, reported->metrics,
                       views);
  }
  evolve(row->value, event);
  if (row->value.deleted) return remove_model(*row, views);
  write_model(views, *row);
}

}  // namespace

namespace {

template <class Id>
Id id_of_stream(const Envelope& envelope) {
  const auto id = Id::parse(std::string_view(envelope.stream).substr(envelope.stream.find('/') + 1));
  if (!id) throw std::runtime_error("stream " + envelope.stream + " has no id");
  return *id;
}

// Rows that stay: they tell about what is deleted too, and who needs a blob is asked whether it is there.
void add_needs(const BlobReferences& references, KeyValueWriter& views) {
  for (const auto& [blob, owner] : references) views.put(view_keys::blob_need(blob, owner), "");
}

void project_needs(const Envelope& envelope, const domain::TrainingEvent& event, KeyValueWriter& views) {
  const auto training = id_of_stream<domain::TrainingId>(envelope);
  add_needs(references_of(training, event,
                          [&] {
                            const auto row = read_training(views, training);
                            return row ? row->value.model : domain::ModelId{};
                          }),
            views);
}

}  // namespace

void project(const Envelope& envelope, const EventCodec& codec, KeyValueWriter& views) {
  const std::string_view stream = envelope.stream;
  if (stream.starts_with("user/")) {
    project_user(envelope, must(codec.decode_user(envelope)), codec.keys(), views);
  } else if (stream.starts_with("group/")) {
    GroupProjection(envelope, codec.keys(), views).project(must(codec.decode_group(envelope)));
  } else if (stream.starts_with("model/")) {
    const auto event = must(codec.decode_model(envelope));
    project_model(envelope, event, views);
    add_needs(references_of(id_of_stream<domain::ModelId>(envelope), event), views);
  } else if (stream.starts_with("training/")) {
    const auto event = must(codec.decode_training(envelope));
    project_training(envelope, event, views);
    project_needs(envelope, event, views);
  } else {
    throw std::runtime_error("stream " + envelope.stream + " is of no known kind");
  }
}

}  // namespace fedlog::storage
