#include "http/multipart.h"

#include <algorithm>

#include "http/form.h"
#include "http/message.h"
#include "http/negotiation.h"

namespace fedlog::http {

namespace {

constexpr std::size_t padding_bytes_max = 256;

MultipartParser::Error malformed(std::string message) {
  return {MultipartParser::Stop::malformed, std::move(message)};
}

MultipartParser::Error stopped() {
  return {MultipartParser::Stop::by_callback, {}};
}

// `name` or its extended form `name*=charset'language'percent-encoded` (RFC 5987).
std::optional<std::string> text_parameter(const MediaType& disposition, std::string_view name) {
  if (const auto extended = disposition.parameter(std::string{name} + "*")) {
    const auto first = extended->find('\'');
    const auto second = first == std::string_view::npos ? first : extended->find('\'', first + 1);
    if (second != std::string_view::npos) {
      return mended_utf8(percent_decode(extended->substr(second + 1), false));
    }
  }
  const auto plain = disposition.parameter(name);
  return plain ? std::optional{mended_utf8(*plain)} : std::nullopt;
}

}  // namespace

// The CRLF before a boundary belongs to the boundary. The first one may stand at the very start of the body,
// so the body is read as if a CRLF preceded it.
MultipartParser::MultipartParser(std::string_view boundary, Callbacks callbacks, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string{boundary}),
      callbacks_(std::move(callbacks)),
      limits_(limits),
      buffer_("\r\n") {
  if (boundary.empty() || boundary.size() > limits_.boundary_bytes_max) {
    failed_ = malformed("Invalid boundary in multipart: " + std::string{boundary.substr(0, 80)});
  }
}

std::expected<void, MultipartParser::Error> MultipartParser::feed(std::string_view bytes) {
  if (failed_) return std::unexpected{*failed_};
  buffer_.append(bytes);
  std::string_view rest = buffer_;
  while (true) {
    const auto progress = step(rest);
    if (!progress) {
      failed_ = progress.error();
      return std::unexpected{*failed_};
    }
    if (*progress == Progress::needs_more) break;
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return {};
}

std::expected<void, MultipartParser::Error> MultipartParser::finish() {
  if (!failed_ && state_ != State::epilogue) {
    failed_ = malformed("The multipart body ends before its last boundary.");
  }
  if (failed_) return std::unexpected{*failed_};
  return {};
}

std::expected<MultipartParser::Progress, MultipartParser::Error> MultipartParser::step(
    std::string_view& rest) {
  switch (state_) {
    case State::preamble:
    case State::data:
      return search_delimiter(rest);
    case State::after_delimiter:
      return read_after_delimiter(rest);
    case State::head:
      return read_head(rest);
    case State::epilogue:
      rest = {};
      return Progress::needs_more;
  }
  return std::unexpected{malformed("unreachable")};
}

std::expected<MultipartParser::Progress, MultipartParser::Error> MultipartParser::search_delimiter(
    std::string_view& rest) {
  const auto found = rest.find(delimiter_);
  const auto held = std::min(rest.size(), delimiter_.size() - 1);
  const auto data = rest.substr(0, found == std::string_view::npos ? rest.size() - held : found);
  if (in_part_ && !data.empty() && !callbacks_.on_data(data)) return std::unexpected{stopped()};
  rest.remove_prefix(data.size());
  if (found == std::string_view::npos) return Progress::needs_more;
  rest.remove_prefix(delimiter_.size());
  state_ = State::after_delimiter;
  return Progress::go_on;
}

std::expected<MultipartParser::Progress, MultipartParser::Error> MultipartParser::read_after_delimiter(
    std::string_view& rest) {
  const auto padding = std::min(rest.find_first_not_of(" \t"), rest.size());
  const auto line_end = rest.substr(padding);
  const bool last = rest.starts_with("--");
  const bool another = line_end.starts_with("\r\n");
  if (!last && !another) {
    const bool undecided = rest == "-" || line_end.empty() || line_end == "\r";
    if (undecided && rest.size() <= padding_bytes_max) return Progress::needs_more;
    // Only a longer text that starts as the boundary does: it belongs to the data.
    if (in_part_ && !callbacks_.on_data(delimiter_)) return std::unexpected{stopped()};
    state_ = in_part_ ? State::data : State::preamble;
    return Progress::go_on;
  }
  if (in_part_ && !callbacks_.on_part_end()) return std::unexpected{stopped()};
  in_part_ = false;
  // The CRLF stays: with it a head without lines ends like any other.
  rest.remove_prefix(last ? 2 : padding);
  state_ = last ? State::epilogue : State::head;
  return Progress::go_on;
}

std::expected<MultipartParser::Progress, MultipartParser::Error> MultipartParser::read_head(
    std::string_view& rest) {
  const auto end = rest.find("\r\n\r\n");
  if (std::min(end, rest.size()) > limits_.part_head_bytes_max) {
    return std::unexpected{malformed("A part's header is larger than " +
                                     std::to_string(limits_.part_head_bytes_max) + " bytes.")};
  }
  if (end == std::string_view::npos) return Progress::needs_more;
  if (++parts_ > limits_.parts_max) {
    return std::unexpected{malformed("More than " + std::to_string(limits_.parts_max) + " parts.")};
  }
  const auto head = parse_part_head(rest.substr(0, end));
  if (!head) return std::unexpected{malformed(head.error())};
  rest.remove_prefix(end + 4);
  in_part_ = true;
  state_ = State::data;
  if (!callbacks_.on_part(*head)) return std::unexpected{stopped()};
  return Progress::go_on;
}

std::expected<PartHead, std::string> parse_part_head(std::string_view head) {
  std::optional<MediaType> disposition;
  PartHead part;
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    if (line.empty()) continue;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return std::unexpected{"A line of a part's header has no colon."};
    const auto name = trimmed(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (equals_ignoring_case(name, "Content-Disposition")) disposition = parse_media_type(value);
    if (equals_ignoring_case(name, "Content-Type")) part.content_type = mended_utf8(value);
  }
  if (!disposition || disposition->type != "form-data") {
    return std::unexpected{"A part has no \"Content-Disposition: form-data\"."};
  }
  auto name = text_parameter(*disposition, "name");
  if (!name) return std::unexpected{"A part's Content-Disposition has no name."};
  part.name = std::move(*name);
  part.filename = text_parameter(*disposition, "filename");
  return part;
}

}  // namespace fedlog::http
