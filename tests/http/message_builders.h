#pragma once

#include <algorithm>
#include <cstring>
#include <string>

#include "http/form.h"
#include "http/message.h"

namespace fedlog::http::testing {

// A body that arrives in pieces of `piece_bytes`.
class StringBody final : public BodyReader {
 public:
  explicit StringBody(std::string content, std::size_t piece_bytes = 1 << 20, bool chunked = false)
      : content_(std::move(content)), piece_bytes_(piece_bytes), chunked_(chunked) {}

  std::expected<std::size_t, BodyError> read(std::span<char> buffer) override {
    const auto count = std::min({buffer.size(), content_.size() - position_, piece_bytes_});
    if (position_ + count > limit_bytes_) return std::unexpected{BodyError::too_large};
    std::memcpy(buffer.data(), content_.data() + position_, count);
    position_ += count;
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> declared_size_bytes() const override {
    return chunked_ ? std::nullopt : std::optional<std::uint64_t>{content_.size()};
  }
  void set_limit(std::uint64_t size_bytes) override { limit_bytes_ = size_bytes; }

 private:
  std::string content_;
  std::size_t piece_bytes_;
  bool chunked_;
  std::size_t position_ = 0;
  std::uint64_t limit_bytes_ = UINT64_MAX;
};

inline Request make_request(std::string method, std::string path, std::vector<NameValue> headers = {}) {
  Request request;
  request.method = std::move(method);
  const auto question = path.find('?');
  request.path = path.substr(0, question);
  request.raw_path = request.path;
  if (question != std::string::npos) {
    request.raw_query = path.substr(question + 1);
    request.query = parse_urlencoded(request.raw_query).value();
  }
  for (auto& [name, value] : headers) request.headers.add(name, value);
  return request;
}

}  // namespace fedlog::http::testing
