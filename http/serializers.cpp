#include "http/serializers.h"

#include <cmath>

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

actors::Result<Body> base64_of(const std::optional<domain::BlobId>& blob, actors::Gateway& gateway,
                               Body absent) {
  if (!blob) return absent;
  const auto bytes = gateway.blob_bytes(*blob);
  if (!bytes) return std::unexpected(bytes.error());
  return encode_base64(*bytes);
}

Body shape_of(const std::optional<domain::InputShape>& shape) {
  if (!shape) return nullptr;
  Body list = Body::array();
  for (const auto& size : *shape) list.push_back(size ? Body(*size) : Body(nullptr));
  return list;
}

actors::Result<Body> serialized_model(const domain::Model& model, actors::Gateway& gateway, bool with_stats) {
  Body body;
  body["id"] = model.id.text();
  body["round"] = model.round;
  if (model.kind == domain::ModelKind::local) {
    body["sample_size"] = model.sample_size;
    body["owner"] = model.owner.text();
    body["base_model"] = model.base_model ? Body(model.base_model->text()) : Body(nullptr);
    if (with_stats) body["stats"] = nullptr;
    return body;
  }
  body["name"] = model.name;
  body["description"] = model.description;
  body["input_shape"] = shape_of(model.input_shape);
  auto preprocessing = base64_of(model.preprocessing, gateway, nullptr);
  if (!preprocessing) return preprocessing;
  body["preprocessing"] = std::move(*preprocessing);
  if (model.kind == domain::ModelKind::swag || model.swag_first_moment) {
    auto first = base64_of(model.swag_first_moment, gateway, "");
    if (!first) return first;
    auto second = base64_of(model.swag_second_moment, gateway, "");
    if (!second) return second;
    body["swag_first_moment"] = std::move(*first);
    body["swag_second_moment"] = std::move(*second);
  }
  body["owner"] = model.owner.text();
  if (model.kind == domain::ModelKind::mean) body["models"] = texts_of(model.members);
  if (with_stats) body["stats"] = nullptr;
  body["has_preprocessing"] = model.preprocessing.has_value();
  return body;
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

actors::Result<Body> serialized(const domain::Model& model, actors::Gateway& gateway) {
  return serialized_model(model, gateway, false);
}

actors::Result<Body> serialized_metadata(const domain::Model& model, actors::Gateway& gateway) {
  return serialized_model(model, gateway, true);
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

actors::Result<void> append_serialized(std::string& json, const storage::MetricRow& row,
                                       actors::Gateway& gateway) {
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
    const auto bytes = gateway.blob_bytes(*row.metric.blob);
    if (!bytes) return std::unexpected(bytes.error());
    json.append("\"").append(encode_base64(*bytes)).append("\"");
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
