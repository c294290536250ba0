#include "http/lists.h"

#include <cmath>

#include "http/list_answer.h"
#include "http/serializers.h"

namespace fedlog::http {

namespace {

using nlohmann::json;

FieldRule any_text(std::string_view name, std::string_view description) {
  return {.name = name, .blank = true, .trim = false, .description = description};
}
FieldRule of_type(FieldType type, std::string_view name, std::string_view description) {
  return {.name = name, .type = type, .description = description};
}
template <domain::Named Enum>
FieldRule one_of(std::string_view name, std::string_view description) {
  FieldRule rule{.name = name, .type = FieldType::choice, .description = description};
  for (const auto& [value, value_name] : domain::Names<Enum>::all) rule.choices.push_back(value_name);
  return rule;
}

json text_or_null(const auto& id) {
  return id ? json(id->text()) : json(nullptr);
}
ListField searchable(FieldRule rule) {
  return {.rule = std::move(rule), .searchable = true};
}
ListField order_only(std::string_view name) {
  return {.rule = {.name = name}, .filterable = false};
}
// Fields that local models have not, or that only they have, are null in the others.
json of_global(const domain::Model& model, json value) {
  return model.kind == domain::ModelKind::local ? json(nullptr) : std::move(value);
}

const ListTable<domain::User>& users() {
  using User = domain::User;
  static const ListTable<User> table{{
      {searchable(any_text("username", "The name to sign in with.")),
       [](const User& user) -> json { return user.username.text; }},
      {searchable(any_text("first_name", "The first name.")),
       [](const User& user) -> json { return user.first_name.text; }},
      {searchable(any_text("last_name", "The last name.")),
       [](const User& user) -> json { return user.last_name.text; }},
      {searchable(any_text("email", "The e-mail address.")),
       [](const User& user) -> json { return user.email.text; }},
      {{of_type(FieldType::uuid, "id", "The user's id.")},
       [](const User& user) -> json { return user.id.text(); }},
      {{of_type(FieldType::boolean, "actor", "Whether the user declared to run trainings.")},
       [](const User& user) -> json { return user.actor; }},
      {{of_type(FieldType::boolean, "client", "Whether the user declared to take part in trainings.")},
       [](const User& user) -> json { return user.client; }},
      {{any_text("message_endpoint", "The URL that notifications go to.")},
       [](const User& user) -> json { return user.message_endpoint.text; }},
      {{of_type(FieldType::boolean, "x_active", "False of who was deactivated.")},
       [](const User& user) -> json { return user.active; }},
  }};
  return table;
}

const ListTable<domain::Group>& groups() {
  using Group = domain::Group;
  static const ListTable<Group> table{{
      {{of_type(FieldType::integer, "id", "The group's number.")},
       [](const Group& group) -> json { return group.id.number; }},
      {searchable(any_text("name", "The group's name.")),
       [](const Group& group) -> json { return group.name; }},
  }};
  return table;
}

const ListTable<domain::Model>& models() {
  using Model = domain::Model;
  static const ListTable<Model> table{{
      {searchable(of_type(FieldType::uuid, "id", "The model's id.")),
       [](const Model& model) -> json { return model.id.text(); }},
      {{of_type(FieldType::integer, "round",
                "How many rounds the model has behind it; of a local model, its round.")},
       [](const Model& model) -> json { return model.round; }},
      {searchable(any_text("name", "Of global models.")),
       [](const Model& model) -> json { return of_global(model, model.name); }},
      {searchable(any_text("description", "Of global models.")),
       [](const Model& model) -> json { return of_global(model, model.description); }},
      {{of_type(FieldType::uuid, "owner", "The owner's id.")},
       [](const Model& model) -> json { return model.owner.text(); }},
      {{of_type(FieldType::boolean, "has_preprocessing",
                "Of global models: whether a file prepares their input.")},
       [](const Model& model) -> json { return of_global(model, model.preprocessing.has_value()); }},
      {{of_type(FieldType::integer, "sample_size", "Of local models.")},
       [](const Model& model) -> json {
         return model.kind == domain::ModelKind::local ? json(model.sample_size) : json(nullptr);
       }},
      {{of_type(FieldType::uuid, "base_model", "Of local models.")},
       [](const Model& model) -> json { return text_or_null(model.base_model); }},
  }};
  return table;
}

const ListTable<storage::MetricRow>& metrics() {
  using Metric = storage::MetricRow;
  static const ListTable<Metric> table{{
      {{of_type(FieldType::integer, "id", "The metric's number, which grows with time.")},
       [](const Metric& metric) -> json { return metric.id; }},
      {searchable(any_text("key", "The metric's name.")),
       [](const Metric& metric) -> json { return metric.metric.name; }},
      {order_only("value_float"),
       [](const Metric& metric) -> json {
         const auto number = metric.metric.number;
         return number && std::isfinite(*number) ? json(*number) : json(nullptr);
       }},
      {{of_type(FieldType::integer, "step", "The model's round.")},
       [](const Metric& metric) -> json { return metric.step; }},
      {{of_type(FieldType::uuid, "model", "The model's id.")},
       [](const Metric& metric) -> json { return metric.model.text(); }},
      {{of_type(FieldType::uuid, "reporter", "The id of the user who reported it.")},
       [](const Metric& metric) -> json { return metric.reporter.text(); }},
  }};
  return table;
}

const ListTable<domain::Training>& trainings() {
  using Training = domain::Training;
  static const ListTable<Training> table{{
      {searchable(of_type(FieldType::uuid, "id", "The training's id.")),
       [](const Training& training) -> json { return training.id.text(); }},
      {{one_of<domain::TrainingState>(
           "state", "I: not started, O: ongoing, S: in a SWAG round, C: completed, E: ended by an error")},
       [](const Training& training) -> json { return domain::name_of(training.state); }},
      {{of_type(FieldType::integer, "target_num_updates", "How many rounds it runs.")},
       [](const Training& training) -> json { return training.target_num_updates; }},
      {order_only("last_update"),
       [](const Training& training) -> json { return training.last_update.text(); }},
      {searchable(one_of<domain::UncertaintyMethod>("uncertainty_method",
                                                    "How predictions of its model tell how sure they are.")),
       [](const Training& training) -> json { return domain::name_of(training.uncertainty_method); }},
      {searchable(one_of<domain::AggregationMethod>("aggregation_method",
                                                    "How updates become the next global model.")),
       [](const Training& training) -> json { return domain::name_of(training.aggregation_method); }},
      {{of_type(FieldType::boolean, "locked", "Whether a round is being aggregated.")},
       [](const Training& training) -> json { return domain::is_servers_work(training.phase); }},
      {searchable(of_type(FieldType::uuid, "model", "The model's id.")),
       [](const Training& training) -> json { return training.model.text(); }},
      {searchable(of_type(FieldType::uuid, "actor", "The id of the user who runs it.")),
       [](const Training& training) -> json { return training.actor.text(); }},
  }};
  return table;
}

template <class T, class Write>
Response answer(const Services& services, const Call& call, const storage::List<T>& list,
                const ListTable<T>& table, const Write& write) {
  return list_response(call.request, list, table, text_limits(services), write);
}

actors::Result<void> append(BoundedText& text, const Body& row) {
  text.text() += row.dump(-1, ' ', false, Body::error_handler_t::replace);
  return {};
}

}  // namespace

Response list_response(const Services& services, const Call& call, const storage::List<domain::User>& list) {
  return answer(services, call, list, users(),
                [](BoundedText& text, const domain::User& user) { return append(text, serialized(user)); });
}

Response list_response(const Services& services, const Call& call, const storage::List<domain::Group>& list) {
  return answer(services, call, list, groups(), [](BoundedText& text, const domain::Group& group) {
    return append(text, serialized(group));
  });
}

Response list_response(const Services& services, const Call& call, const storage::List<domain::Model>& list) {
  const auto write = [&](BoundedText& text, const domain::Model& model) {
    return append_serialized(text, model, services.gateway);
  };
  return answer(services, call, list, models(), write);
}

Response list_response(const Services& services, const Call& call,
                       const storage::List<storage::MetricRow>& list) {
  const auto write = [&](BoundedText& text, const storage::MetricRow& metric) {
    return append_serialized(text, metric, services.gateway);
  };
  return answer(services, call, list, metrics(), write);
}

Response list_response(const Services& services, const Call& call,
                       const storage::List<domain::Training>& list) {
  return answer(services, call, list, trainings(), [](BoundedText& text, const domain::Training& training) {
    return append(text, serialized(training, Detail::list));
  });
}

std::vector<FieldRule> user_list_parameters() {
  return list_parameters(users().fields());
}
std::vector<FieldRule> group_list_parameters() {
  return list_parameters(groups().fields());
}
std::vector<FieldRule> model_list_parameters() {
  return list_parameters(models().fields());
}
std::vector<FieldRule> metric_list_parameters() {
  return list_parameters(metrics().fields());
}
std::vector<FieldRule> training_list_parameters() {
  return list_parameters(trainings().fields());
}

}  // namespace fedlog::http
