#include "http/serializers.h"

#include <cmath>
#include <utility>

#include "http/json_text.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

template <class Ids>
Body texts_of(const Ids& ids) {
  Body list = Body::array();
  for (const auto& id : ids) list.push_back(id.text());
  return list;
}

// In quotes.
actors::Result<void> append_file(BoundedText& json, domain::BlobId blob, actors::Gateway& gateway) {
  const auto file = gateway.blob(blob);
  if (!file) return std::unexpected(file.error());
  if (auto room = json.reserve(base64_length(file->size_bytes) + 2, file->size_bytes); !room) return room;
  const auto bytes = gateway.blob_bytes(blob);
  if (!bytes) return std::unexpected(bytes.error());
  auto& text = json.text();
  text += '"';
  append_base64(text, *bytes);
  text += '"';
  return {};
}

Body shape_of(const std::optional<domain::InputShape>& shape) {
  if (!shape) return nullptr;
  Body list = Body::array();
  for (const auto& size : *shape) list.push_back(size ? Body(*size) : Body(nullptr));
  return list;
}

// All but the files, which are null or empty where they will stand.
Body fields_of(const domain::Model& model, const std::optional<Body>& stats) {
  Body body;
  body["id"] = model.id.text();
  body["round"] = model.round;
  if (model.kind == domain::ModelKind::local) {
    body["sample_size"] = model.sample_size;
    body["owner"] = model.owner.text();
    body["base_model"] = model.base_model ? Body(model.base_model->text()) : Body(nullptr);
    if (stats) body["stats"] = *stats;
    return body;
  }
  body["name"] = model.name;
  body["description"] = model.description;
  body["input_shape"] = shape_of(model.input_shape);
  body["preprocessing"] = nullptr;
  if (model.kind == domain::ModelKind::swag || model.swag_first_moment) {
    body["swag_first_moment"] = "";
    body["swag_second_moment"] = "";
  }
  body["owner"] = model.owner.text();
  if (model.kind == domain::ModelKind::mean) body["models"] = texts_of(model.members);
  if (stats) body["stats"] = *stats;
  body["has_preprocessing"] = model.preprocessing.has_value();
  return body;
}

std::optional<domain::BlobId> file_of(const domain::Model& model, std::string_view field) {
  if (field == "preprocessing") return model.preprocessing;
  if (field == "swag_first_moment") return model.swag_first_moment;
  if (field == "swag_second_moment") return model.swag_second_moment;
  return std::nullopt;
}

// What stands for a number that JSON cannot say.
const char* text_of_special(double number) {
  if (std::isnan(number)) return "NaN";
  return number > 0 ? "Infinity" : "-Infinity";
}

}  // namespace

Body serialized(const domain::User& user, const std::optional<std::string>& token) {
  Body body;
  body["username"] = user.username.text;
  body["first_name"] = user.first_name.text;
  body["last_name"] = user.last_name.text;
  body["email"] = user.email.text;
  body["id"] = user.id.text();
  body["actor"] = user.actor;
  body["client"] = user.client;
  body["message_endpoint"] = user.message_endpoint.text;
  if (token) body["token"] = *token;
  if (!user.active) body["x_active"] = false;
  if (user.webhook_secret_set) body["x_webhook_secret_set"] = true;
  return body;
}

Body serialized(const domain::Group& group) {
  Body body;
  body["id"] = group.id.number;
  body["name"] = group.name;
  return body;
}

actors::Result<void> append_serialized(BoundedText& json, const domain::Model& model,
                                       actors::Gateway& gateway, const std::optional<Body>& stats) {
  const auto fields = fields_of(model, stats);
  char separator = '{';
  for (const auto& [name, value] : fields.get_ref<const Body::object_t&>()) {
    auto& text = json.text();
    text += std::exchange(separator, ',');
    append_json_text(text, name);
    text += ':';
    if (const auto file = file_of(model, name)) {
      if (auto appended = append_file(json, *file, gateway); !appended) return appended;
    } else {
      text += value.dump(-1, ' ', false, Body::error_handler_t::replace);
    }
  }
  json.text() += '}';
  return {};
}

Body serialized(const domain::Training& training, Detail detail) {
  Body body;
  body["id"] = training.id.text();
  body["state"] = domain::name_of(training.state);
  body["target_num_updates"] = training.target_num_updates;
  body["last_update"] = training.last_update.text();
  body["uncertainty_method"] = domain::name_of(training.uncertainty_method);
  body["aggregation_method"] = domain::name_of(training.aggregation_method);
  body["options"] = Body::parse(training.options.json);
  body["locked"] = domain::is_servers_work(training.phase);
  body["model"] = training.model.text();
  body["actor"] = training.actor.text();
  body["participants"] = texts_of(training.participants);
  if (detail == Detail::single) {
    body["local_models_arrived"] = training.updates.size();
    body["local_models_expected"] = training.participants.size();
  }
  if (training.state == domain::TrainingState::error) body["x_reason"] = training.reason;
  if (domain::is_running(training.state)) body["x_waiting_for"] = texts_of(training.missing());
  if (training.deadline) body["x_deadline"] = training.deadline->text();
  if (training.paused) body["x_paused"] = true;
  return body;
}

actors::Result<void> append_serialized(BoundedText& bounded, const storage::MetricRow& row,
                                       actors::Gateway& gateway) {
  auto& json = bounded.text();
  const auto number = row.metric.number;
  const bool special = number && !std::isfinite(*number);
  json += "{\"id\":";
  json += std::to_string(row.id);
  json += ",\"identifier\":null,\"key\":";
  append_json_text(json, row.metric.name);
  json += ",\"value_float\":";
  if (number && !special) {
    append_json_number(json, *number);
  } else {
    json += "null";
  }
  json += ",\"value_binary\":";
  if (row.metric.blob) {
    if (auto appended = append_file(bounded, *row.metric.blob, gateway); !appended) return appended;
  } else {
    json += "null";
  }
  json += ",\"step\":";
  json += std::to_string(row.step);
  json.append(",\"model\":\"").append(row.model.text());
  json.append("\",\"reporter\":\"").append(row.reporter.text()).append("\"");
  if (special) json.append(",\"x_value_text\":\"").append(text_of_special(*number)).append("\"");
  json += '}';
  return {};
}

}  // namespace fedlog::http
