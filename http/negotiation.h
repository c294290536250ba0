#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedlog::http {

// A form that an answer can take, and the name by which `?format=` asks for it.
struct Renderer {
  std::string media_type;
  std::string format;
};
[[nodiscard]] Renderer json_renderer();

// Chooses the renderer for an Accept header as DRF does: the header's most specific ranges come first, `q` is
// ignored, and at equal specificity the order of `renderers` decides. An empty header accepts the first
// renderer. Nothing: 406.
[[nodiscard]] std::optional<Renderer> negotiate(const std::vector<Renderer>& renderers,
                                                std::string_view accept);

// Leaves those of that format. None: 404.
[[nodiscard]] std::vector<Renderer> renderers_of_format(const std::vector<Renderer>& renderers,
                                                        std::string_view format);

// A header value of the form `type/subtype; name=value; ...`. Type and names in lower case, quotes taken off.
struct MediaType {
  std::string type;
  std::vector<std::pair<std::string, std::string>> parameters;

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const;
};
// Never fails: what makes no sense becomes an odd type that nothing equals.
[[nodiscard]] MediaType parse_media_type(std::string_view value);

}  // namespace fedlog::http
