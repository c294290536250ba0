// Whatever fields a body brings, what is read of them fits their rules, and what is refused is refused with
// an answer of bounded size. The first character of the input chooses the wording, the second the kind of
// body.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "domain/identifiers.h"
#include "http/form.h"
#include "http/json_body.h"
#include "http/request_fields.h"

namespace {

using namespace fedlog::http;

void require(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t length_max = 20;
constexpr std::size_t items_max = 300;
constexpr std::int64_t minimum = -3;
constexpr std::int64_t maximum = 1000;

const std::vector<FieldRule>& rules() {
  static const std::vector<FieldRule> made{
      {.name = "name", .required = true, .length_max = length_max},
      {.name = "url", .type = FieldType::url, .other_scheme = "poll:"},
      {.name = "actor", .type = FieldType::boolean, .fallback = false},
      {.name = "round", .type = FieldType::integer, .minimum = minimum, .maximum = maximum},
      {.name = "id", .type = FieldType::uuid},
      {.name = "state", .type = FieldType::choice, .choices = {"I", "O"}},
      {.name = "names", .type = FieldType::texts, .length_max = length_max, .items_max = items_max},
      {.name = "clients", .type = FieldType::uuids, .items_max = items_max},
      {.name = "options", .type = FieldType::mapping},
      {.name = "input_shape", .type = FieldType::sizes},
      {.name = "values", .type = FieldType::scalars, .items_max = items_max, .loose = true}};
  return made;
}

Wording wording_of(std::uint8_t choice) {
  constexpr Wording all[] = {Wording::rest_framework, Wording::marshmallow, Wording::model_upload,
                             Wording::model_update,   Wording::metrics,     Wording::own};
  return all[choice % std::size(all)];
}

std::optional<FormData> form_of(bool is_json, std::string_view text) {
  FormData form;
  if (is_json) {
    auto document = parse_json(text);
    if (!document) return std::nullopt;
    form.document = *std::move(document);
  } else {
    auto fields = parse_urlencoded(text);
    if (!fields) return std::nullopt;
    form.fields = *std::move(fields);
  }
  return form;
}

void check(const nlohmann::json& values) {
  require(values.at("name").is_string());
  if (values.contains("round")) {
    const auto round = values["round"].get<std::int64_t>();
    require(round >= minimum && round <= maximum);
  }
  if (values.contains("id"))
    require(fedlog::domain::UserId::parse(values["id"].get<std::string>()).has_value());
  if (values.contains("state")) require(values["state"] == "I" || values["state"] == "O");
  for (const auto* name : {"names", "clients", "values"}) {
    if (values.contains(name)) require(values[name].is_array() && values[name].size() <= items_max);
  }
  if (values.contains("clients"))
    require(ids_of<fedlog::domain::UserId>(values["clients"]).size() <= items_max);
  if (values.contains("options")) require(values["options"].is_object());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto form = form_of(data[1] % 2 == 0, {reinterpret_cast<const char*>(data + 2), size - 2});
  if (!form) return 0;
  const auto values = read_fields(*form, rules(), wording_of(data[0]));
  if (values) {
    check(*values);
    return 0;
  }
  require(values.error().status == 400);
  const auto& answer = std::get<std::string>(values.error().body);
  require(!answer.empty() && answer.size() <= 20'000 + 10 * size);  // names are repeated, escaped
  return 0;
}
