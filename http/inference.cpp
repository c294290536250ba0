#include "http/inference.h"

#include "http/errors.h"
#include "http/json_body.h"
#include "http/rejections.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

using Input = std::variant<nlohmann::json, std::string>;

// A form's field is text: nested lists written as JSON, else what a JSON string would hold.
nlohmann::json input_of_field(const std::string& text, std::size_t depth_max) {
  if (!stripped(text).starts_with('[')) return text;
  auto parsed = parse_json(text, depth_max);
  return parsed ? *std::move(parsed) : nlohmann::json(text);
}

// What Python takes for nothing: null, false, zero, empty text and lists.
bool is_nothing(const nlohmann::json& value) {
  return value.is_null() || value == false || value == 0 || value == "" ||
         (value.is_structured() && value.empty());
}

std::optional<nlohmann::json> value_of(const FormData& form, std::string_view name) {
  if (!form.document) {
    const auto* value = form.field(name);
    return value ? std::optional<nlohmann::json>{*value} : std::nullopt;
  }
  const auto found = form.document->find(name);
  return found == form.document->end() ? std::nullopt : std::optional<nlohmann::json>{*found};
}

std::optional<Input> read_input(FormData& form, std::size_t depth_max) {
  if (auto* file = form.file("model_input")) {
    if (auto* sink = dynamic_cast<MemorySink*>(file->sink.get())) return sink->take();
  }
  auto value = value_of(form, "model_input");
  if (!value || is_nothing(*value)) return std::nullopt;
  if (form.document) return *std::move(value);
  return input_of_field(value->get<std::string>(), depth_max);
}

Response infer(const Services& services, Call& call) {
  const bool multipart = has_media_type(call.request, "multipart/form-data");
  if (!multipart && !has_media_type(call.request, "application/json")) {
    return unsupported_media_type_response(
        "Only Content-Type 'application/json' and 'multipart/form-data' is supported.");
  }
  const auto& limits = services.settings.limits;
  const auto input_bytes_max = static_cast<std::uint64_t>(limits.json_bytes_max);
  const auto open = [&](const PartHead& head) -> std::expected<std::unique_ptr<FileSink>, Response> {
    if (head.name != "model_input") return nullptr;
    return std::make_unique<MemorySink>(input_bytes_max);
  };
  auto form = read_form_with_files(
      call, services, {.file_bytes_max = input_bytes_max, .files_max = 1, .setting = "limits.json_bytes_max"},
      open);
  if (!form) return form.error();
  if (form->document && !form->document->is_object()) {
    return list_response(400, {"No 'model_id' provided in request."});
  }

  const auto model = value_of(*form, "model_id");
  if (!model || is_nothing(*model)) return list_response(400, {"No 'model_id' provided in request."});
  const auto model_text = model->is_string() ? model->get<std::string>() : model->dump();
  const auto id = domain::ModelId::parse(model_text);
  if (!id) return entity_not_found_response("Model", model_text);
  auto input = read_input(*form, static_cast<std::size_t>(limits.json_depth_max));
  if (!input) return list_response(400, {"No uploaded file 'model_input' found."});
  const auto format = value_of(*form, "return_format").value_or(multipart ? "binary" : "json");
  if (format != "binary" && format != "json") {
    const auto format_text = format.is_string() ? format.get<std::string>() : format.dump();
    return list_response(400,
                         {"Unknown return format '" + format_text + "'. Supported are binary and json."});
  }

  const bool binary = format == "binary";
  auto reply = services.gateway.infer(reading_context(call),
                                      {.model = *id, .input = *std::move(input), .binary_reply = binary});
  if (!reply) return rejection_response(reply.error());
  Response response;
  response.headers.add("Content-Type", binary ? "application/octet-stream" : "application/json");
  response.body = *std::move(reply);
  return response;
}

}  // namespace

std::vector<Route> inference_routes(const Services& services) {
  return {{.pattern = "/api/inference/",
           .view_name = "Inference",
           .description = "Runs a model on an input.",
           .methods = {{"POST", [&services](Call& call) { return infer(services, call); }}}}};
}

}  // namespace fedlog::http
