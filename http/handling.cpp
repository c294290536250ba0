#include "http/handling.h"

#include <algorithm>

#include "http/errors.h"
#include "http/negotiation.h"

namespace fedlog::http {

namespace {

constexpr std::size_t idempotency_key_length_max = 128;
// Beside its fields and files, a multipart body has boundaries and heads of parts.
constexpr std::size_t multipart_files_max = 100;
constexpr std::uint64_t multipart_framing_bytes_max = 1024 * 1024;

bool is_key_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

std::uint64_t bytes(std::int64_t setting) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(setting, 0));
}

FormLimits form_limits(const config::Limits& limits, const JsonAllowance& json) {
  FormLimits result;
  result.json_bytes_max = json.bytes_max;
  result.json = {.depth_max = bytes(limits.json_depth_max), .values_max = json.values_max};
  result.fields_bytes_max = bytes(limits.form_bytes_max);
  result.fields_max = bytes(limits.form_fields_max);
  result.multipart.parts_max = result.fields_max + multipart_files_max;
  return result;
}

JsonAllowance json_of_any_call(const config::Limits& limits) {
  return {.bytes_max = bytes(limits.json_bytes_max),
          .values_max = bytes(limits.json_values_max),
          .setting = "limits.json_bytes_max"};
}

Response json_too_large_response(const JsonAllowance& json) {
  return detail_response(413, "A JSON body may have at most " + std::to_string(json.bytes_max) +
                                  " bytes on this server (its setting " + std::string{json.setting} + ").");
}

Response form_too_large_response(const FormLimits& limits, const FileAllowance& files) {
  auto text = "A form may have at most " + std::to_string(limits.fields_bytes_max) +
              " bytes of fields on this server (its setting limits.form_bytes_max)";
  if (files.files_max > 0) {
    text += " and " + std::to_string(files.file_bytes_max) + " bytes in each file (its setting " +
            std::string{files.setting} + ")";
  }
  return detail_response(413, text + ".");
}

}  // namespace

std::expected<actors::RequestContext, Response> request_context(const Call& call) {
  auto context = reading_context(call);
  const auto* key = call.request.headers.find("Idempotency-Key");
  if (key == nullptr) return context;
  if (key->empty() || key->size() > idempotency_key_length_max ||
      !std::ranges::all_of(*key, is_key_character)) {
    return std::unexpected(detail_response(
        400, "The header Idempotency-Key must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_' and '-'."));
  }
  // No part of it but the path may hold a space, and the path is followed by the key, so scopes never meet.
  context.idempotency_key =
      context.caller.id.text() + " " + call.request.method + " " + call.request.path + " " + *key;
  return context;
}

actors::RequestContext reading_context(const Call& call) {
  actors::RequestContext context;
  if (call.caller) context.caller = domain::caller_of(*call.caller);
  context.correlation = call.request.id;
  return context;
}

bool has_media_type(const Request& request, std::string_view type) {
  return parse_media_type(request.headers.get("Content-Type")).type == type;
}

TextLimits text_limits(const Services& services) {
  return {.size_bytes_max = bytes(services.settings.limits.list_bytes_max), .memory = services.list_memory};
}

JsonAllowance json_of_inference(const config::Limits& limits) {
  return {.bytes_max = bytes(limits.inference_bytes_max),
          .values_max = bytes(limits.inference_values_max),
          .setting = "limits.inference_bytes_max"};
}

std::expected<FormData, Response> read_form(Call& call, const Services& services) {
  return read_form_with_files(call, services, {}, {});
}

std::expected<FormData, Response> read_form_with_files(Call& call, const Services& services,
                                                       const FileAllowance& files, const OpenSink& open_sink,
                                                       const std::optional<JsonAllowance>& json) {
  const auto& settings = services.settings.limits;
  const auto json_allowance = json.value_or(json_of_any_call(settings));
  const auto limits = form_limits(settings, json_allowance);
  const bool is_json = has_media_type(call.request, "application/json");
  const auto limit_bytes = is_json ? limits.json_bytes_max
                                   : limits.fields_bytes_max + multipart_framing_bytes_max +
                                         files.file_bytes_max * files.files_max;
  const auto too_large = [&] {
    return is_json ? json_too_large_response(json_allowance) : form_too_large_response(limits, files);
  };
  if (const auto declared = call.body.declared_size_bytes(); declared && *declared > limit_bytes) {
    return std::unexpected(too_large());
  }
  call.body.set_limit(limit_bytes);
  auto form = read_form_data(call.request, call.body, limits, open_sink);
  if (!form && form.error().status == 413) return std::unexpected(too_large());
  return form;
}

Response entity_not_found_response(std::string_view entity, std::string_view id) {
  return detail_response(400, std::string{entity} + " " + std::string{id} + " not found.");
}

}  // namespace fedlog::http
