#include "http/inference.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/errors.h"
#include "http/json_body.h"
#include "http/openapi_examples.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/schema.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

using Input = std::variant<nlohmann::json, std::string>;

// A form's field is text: nested lists written as JSON, else what a JSON string would hold.
nlohmann::json input_of_field(const std::string& text, JsonLimits limits) {
  if (!stripped(text).starts_with('[')) return text;
  auto parsed = parse_json(text, limits);
  return parsed ? *std::move(parsed) : nlohmann::json(text);
}

// What Python takes for nothing: null, false, zero, empty text and lists.
bool is_nothing(const nlohmann::json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_null() || value == false || value == 0 || (value.is_structured() && value.empty());
}

constexpr std::array<std::string_view, 2> formats{"json", "binary"};

const std::vector<FieldRule>& inference_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "model_id",
       .type = FieldType::uuid,
       .required = true,
       .description = "The model to run.",
       .example = example::model_id},
      {.name = "model_input",
       .type = FieldType::json,
       .required = true,
       .description =
           "In JSON: nested lists of numbers, or text: base64 of a tensor saved with torch.save(), or of a "
           "PNG or JPEG image. In a form: such a file, or a field with either.",
       .example = {{1.0, 2.0, 3.0}, {-1.0, 0.5, 0.0}}},
      {.name = "return_format",
       .type = FieldType::choice,
       .choices = {formats.begin(), formats.end()},
       .description =
           "binary: a pickle of a dictionary with tensors. Without it, JSON is answered with json and a "
           "form with binary.",
       .example = "json"},
      {.name = "seed",
       .type = FieldType::integer,
       .minimum = 0,
       .description = "Of all that is drawn for an uncertainty: the same seed, model and input give the same "
                      "answer. Without one, chance decides.",
       .example = 42}};
  return rules;
}

using Seed = std::optional<std::uint64_t>;

// Nothing where there is none.
std::expected<Seed, Response> read_seed(const FormData& form) {
  const auto value = raw_field(form, "seed");
  if (!value || value->is_null()) return Seed{};
  // A form has text only, and JSON's numbers are whole or not.
  const auto text = value->is_string() ? value->get<std::string>() : value->dump();
  std::uint64_t seed = 0;
  const auto* const end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, seed); read.ec == std::errc{} && read.ptr == end)
    return Seed{seed};
  return std::unexpected(list_response(400, {"'seed' must be a whole number from 0 to 2^64 - 1."}));
}

std::optional<Input> read_input(FormData& form, JsonLimits limits) {
  if (auto* file = form.file("model_input")) {
    if (auto* sink = dynamic_cast<MemorySink*>(file->sink.get())) return sink->take();
  }
  auto value = take_field(form, "model_input");
  if (!value || is_nothing(*value)) return std::nullopt;
  if (form.document) return *std::move(value);
  return input_of_field(value->get<std::string>(), limits);
}

// With it the form is gone, whose fields may be large, known or not.
std::expected<actors::InferenceRequest, Response> read_request(const Services& services, Call& call) {
  const auto refused = [](Response response) { return std::unexpected(std::move(response)); };
  const bool multipart = has_media_type(call.request, "multipart/form-data");
  if (!multipart && !has_media_type(call.request, "application/json")) {
    return refused(unsupported_media_type_response(
        "Only Content-Type 'application/json' and 'multipart/form-data' is supported."));
  }
  const auto& limits = services.settings.limits;
  const auto json = json_of_inference(limits);
  const auto open = [&](const PartHead& head) -> std::expected<std::unique_ptr<FileSink>, Response> {
    if (head.name != "model_input") return nullptr;
    return std::make_unique<MemorySink>(json.bytes_max);
  };
  auto form = read_form_with_files(
      call, services, {.file_bytes_max = json.bytes_max, .files_max = 1, .setting = json.setting}, open,
      json);
  if (!form) return refused(std::move(form.error()));
  const auto model = raw_field(*form, "model_id");
  if (!model || is_nothing(*model))
    return refused(list_response(400, {"No 'model_id' provided in request."}));
  const auto model_text = model->is_string() ? model->get<std::string>() : model->dump();
  const auto id = parse_id<domain::ModelId>(model_text);
  if (!id) return refused(entity_not_found_response("Model", model_text));
  auto input = read_input(
      *form, {.depth_max = static_cast<std::size_t>(limits.json_depth_max), .values_max = json.values_max});
  if (!input) return refused(list_response(400, {"No uploaded file 'model_input' found."}));
  const auto format = raw_field(*form, "return_format").value_or(multipart ? "binary" : "json");
  if (std::ranges::none_of(formats, [&](std::string_view known) { return format == known; })) {
    const auto format_text = format.is_string() ? format.get<std::string>() : format.dump();
    return refused(
        list_response(400, {"Unknown return format '" + format_text + "'. Supported are binary and json."}));
  }

  const auto seed = read_seed(*form);
  if (!seed) return refused(seed.error());
  return actors::InferenceRequest{
      .model = *id, .input = *std::move(input), .binary_reply = format == "binary", .seed = *seed};
}

Response infer(const Services& services, Call& call) {
  auto request = read_request(services, call);
  if (!request) return std::move(request.error());
  const bool binary = request->binary_reply;
  auto reply = services.gateway.infer(reading_context(call), *std::move(request));
  if (!reply) return rejection_response(reply.error());
  Response response;
  response.headers.add("Content-Type", binary ? "application/octet-stream" : "application/json");
  response.body = *std::move(reply);
  return response;
}

}  // namespace

std::vector<Route> inference_routes(const Services& services) {
  auto uncertainty =
      schema::object({},
                     "By the training's uncertainty method: variance, std and, where all outputs "
                     "are probabilities, predictive_entropy, expected_entropy and mutual_info. "
                     "Empty for NONE.");
  uncertainty["additionalProperties"] = true;
  uncertainty["example"] = Body::object();
  const Operation operation{
      .summary = "Predict with a model",
      .description = "For those who may read the model.",
      .fields = inference_fields(),
      .wording = Wording::own,
      .media_types = {"application/json", "multipart/form-data"},
      .idempotency_key = false,
      .answers = {{.meaning =
                       "The prediction: for NONE the index of the largest output, else the mean output.",
                   .schema = schema::object(
                       {{"inference", schema::with_example(schema::anything(), Body::array({0, 1}))},
                        {"uncertainty", std::move(uncertainty)}})},
                  {.meaning = "The same as a pickle.",
                   .schema = schema::bytes(),
                   .media_type = "application/octet-stream"}},
      .failures = {list_failure(400, "There is no model_id.", "No 'model_id' provided in request."),
                   list_failure(400, "There is no input.", "No uploaded file 'model_input' found."),
                   list_failure(400, "The return format is unknown.",
                                "Unknown return format 'xml'. Supported are binary and json."),
                   detail_failure(400, "There is no such model.",
                                  "Model 7c1f8a52-95a4-4a6e-9d4d-1f0c2f6a7b11 not found."),
                   list_failure(400, "The input has another shape than the model takes.",
                                "Input shape does not match model input shape."),
                   not_permitted("The caller may not read the model.")}};
  return {{.pattern = "/api/inference/",
           .view_name = "Inference",
           .description = "Runs a model on an input.",
           .methods = {{"POST", [&services](Call& call) { return infer(services, call); },
                        Access::authenticated, operation}}}};
}

}  // namespace fedlog::http
