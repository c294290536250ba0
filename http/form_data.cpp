#include "http/form_data.h"

#include <algorithm>
#include <array>

#include "http/errors.h"
#include "http/form.h"
#include "http/negotiation.h"

namespace fedlog::http {

namespace {

constexpr std::size_t piece_bytes = 64 * 1024;

std::expected<FormData, Response> read_json(BodyReader& body, const FormLimits& limits) {
  const auto text = body.read_all(limits.json_bytes_max);
  if (!text) return std::unexpected{body_error_response(text.error())};
  if (text->empty()) return FormData{};
  auto document = parse_json(*text, limits.json);
  if (!document) return std::unexpected{detail_response(400, "JSON parse error - " + document.error())};
  FormData form;
  form.document = std::move(*document);
  return form;
}

std::expected<FormData, Response> read_urlencoded(BodyReader& body, const FormLimits& limits) {
  const auto text = body.read_all(limits.fields_bytes_max);
  if (!text) return std::unexpected{body_error_response(text.error())};
  auto fields = parse_urlencoded(*text, limits.fields_max);
  if (!fields) return std::unexpected{detail_response(400, "Form parse error - " + fields.error())};
  FormData form;
  form.fields = std::move(*fields);
  return form;
}

// Sorts the parts of one multipart body into fields and files.
class MultipartCollector {
 public:
  MultipartCollector(const FormLimits& limits, const OpenSink& open_sink)
      : limits_(limits), open_sink_(open_sink) {}

  [[nodiscard]] MultipartParser::Callbacks callbacks() {
    return {.on_part = [this](const PartHead& head) { return start(head); },
            .on_data = [this](std::string_view bytes) { return add(bytes); },
            .on_part_end = [this] { return end(); }};
  }

  FormData form;
  // Why a callback stopped the parser.
  std::optional<Response> refusal;

 private:
  bool refuse(Response response) {
    refusal = std::move(response);
    return false;
  }

  bool start(const PartHead& head) {
    in_file_ = head.filename.has_value();
    if (!in_file_) {
      if (form.fields.size() == limits_.fields_max) {
        return refuse(detail_response(400, "Multipart form parse error - too many fields."));
      }
      return add_field_bytes(head.name.size()) && (form.fields.emplace_back(head.name, ""), true);
    }
    form.files.push_back({head.name, *head.filename, head.content_type, 0, nullptr});
    if (!open_sink_) return true;
    auto sink = open_sink_(head);
    if (!sink) return refuse(std::move(sink.error()));
    form.files.back().sink = std::move(*sink);
    return true;
  }

  bool add(std::string_view bytes) {
    if (!in_file_) return add_field_bytes(bytes.size()) && (form.fields.back().second.append(bytes), true);
    auto& file = form.files.back();
    file.size_bytes += bytes.size();
    if (!file.sink) return true;
    auto written = file.sink->write(bytes);
    return written ? true : refuse(std::move(written.error()));
  }

  bool end() {
    if (!in_file_) {
      auto& value = form.fields.back().second;
      if (!is_valid_utf8(value)) value = mended_utf8(value);
      return true;
    }
    auto& file = form.files.back();
    if (!file.sink) return true;
    auto finished = file.sink->finish();
    return finished ? true : refuse(std::move(finished.error()));
  }

  bool add_field_bytes(std::size_t count) {
    field_bytes_ += count;
    return field_bytes_ <= limits_.fields_bytes_max ||
           refuse(detail_response(413, "The form's fields are larger than this server accepts."));
  }

  const FormLimits& limits_;
  const OpenSink& open_sink_;
  bool in_file_ = false;
  std::uint64_t field_bytes_ = 0;
};

Response multipart_error(const MultipartParser::Error& error) {
  return detail_response(400, "Multipart form parse error - " + error.message);
}

std::expected<FormData, Response> read_multipart(const MediaType& type, BodyReader& body,
                                                 const FormLimits& limits, const OpenSink& open_sink) {
  MultipartCollector collector{limits, open_sink};
  MultipartParser parser{type.parameter("boundary").value_or(""), collector.callbacks(), limits.multipart};
  std::vector<char> piece(piece_bytes);
  while (true) {
    const auto count = body.read(piece);
    if (!count) return std::unexpected{body_error_response(count.error())};
    if (*count == 0) break;
    if (const auto fed = parser.feed({piece.data(), *count}); !fed) {
      if (collector.refusal) return std::unexpected{std::move(*collector.refusal)};
      return std::unexpected{multipart_error(fed.error())};
    }
  }
  if (const auto finished = parser.finish(); !finished) {
    return std::unexpected{multipart_error(finished.error())};
  }
  return std::move(collector.form);
}

}  // namespace

std::expected<void, Response> MemorySink::write(std::string_view bytes) {
  if (bytes.size() > limit_bytes_ - content_.size()) {
    return std::unexpected{body_error_response(BodyError::too_large)};
  }
  content_.append(bytes);
  return {};
}

std::expected<void, Response> MemorySink::finish() {
  return {};
}

const std::string* FormData::field(std::string_view name) const {
  const auto found = std::find_if(fields.rbegin(), fields.rend(),
                                  [&](const NameValue& field) { return field.first == name; });
  return found == fields.rend() ? nullptr : &found->second;
}

std::vector<std::string> FormData::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : fields) {
    if (key == name) values.push_back(value);
  }
  return values;
}

UploadedFile* FormData::file(std::string_view name) {
  const auto found =
      std::ranges::find_if(files, [&](const UploadedFile& uploaded) { return uploaded.name == name; });
  return found == files.end() ? nullptr : &*found;
}

std::expected<FormData, Response> read_form_data(const Request& request, BodyReader& body,
                                                 const FormLimits& limits, const OpenSink& open_sink) {
  if (body.declared_size_bytes() == 0) return FormData{};
  const auto content_type = request.headers.get("Content-Type");
  const auto type = parse_media_type(content_type);
  if (type.type == "application/json") return read_json(body, limits);
  if (type.type == "application/x-www-form-urlencoded") return read_urlencoded(body, limits);
  if (type.type == "multipart/form-data") return read_multipart(type, body, limits, open_sink);
  return std::unexpected{unsupported_media_type_response(trimmed(content_type))};
}

}  // namespace fedlog::http
