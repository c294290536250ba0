#include "http/compression.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "http/negotiation.h"

namespace fedlog::http {

namespace {

// Of what fits well into memory; larger answers are rare, and seldom the same.
constexpr std::size_t memory_bytes_max = 256 * 1024;
constexpr std::size_t memories_bytes_max = 8 * 1024 * 1024;

// A quality in thousandths: "0.8" is 800; nothing for what is none.
std::optional<int> quality_of(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  int value = (text[0] - '0') * 1000;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int scale = 100;
  for (const char digit : text.substr(std::min<std::size_t>(text.size(), 2))) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value += (digit - '0') * scale;
    scale /= 10;
  }
  return value <= 1000 ? std::optional{value} : std::nullopt;
}

bool is_compressible(std::string_view content_type) {
  const auto type = parse_media_type(content_type).type;
  constexpr std::array others{
      "application/json",   "application/javascript",      "application/yaml",
      "application/x-yaml", "application/vnd.oai.openapi", "application/vnd.oai.openapi+json",
      "image/svg+xml"};
  return type.starts_with("text/") || std::ranges::find(others, type) != others.end();
}

void join_vary(Headers& headers) {
  const auto vary = headers.get("Vary");
  if (vary.empty()) {
    headers.set("Vary", "Accept-Encoding");
  } else if (vary != "*" && !to_lower(vary).contains("accept-encoding")) {
    headers.set("Vary", std::string{vary} + ", Accept-Encoding");
  }
}

bool is_this_machine(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

// Equal texts have equal keys; whether texts with equal keys are equal has to be looked at. Fast, because
// answers that are not compressed in the end pay for it too.
std::uint64_t key_of(std::string_view text) {
  constexpr std::uint64_t factor = 0x9E3779B97F4A7C15;
  std::array<std::uint64_t, 4> lanes{text.size(), 1, 2, 3};
  while (text.size() >= sizeof lanes) {
    std::array<std::uint64_t, 4> words;
    std::memcpy(words.data(), text.data(), sizeof words);
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      lanes[lane] = std::rotl((lanes[lane] ^ words[lane]) * factor, 29);
    }
    text.remove_prefix(sizeof words);
  }
  std::uint64_t key = 0;
  for (const auto lane : lanes) key = std::rotl((key ^ lane) * factor, 29);
  for (const char c : text) key = std::rotl((key ^ static_cast<unsigned char>(c)) * factor, 29);
  return key;
}

// zlib's state is large: setting it up costs more than compressing a small answer, so each thread keeps one.
class Deflater {
 public:
  Deflater() {
    // The fastest level: a third of the usual one's time for a large text, which becomes a seventh of its
    // size instead of a tenth.
    constexpr int level = 1;
    constexpr int gzip_window_bits = 15 + 16;
    constexpr int memory_level = 8;
    ready_ =
        deflateInit2(&stream_, level, Z_DEFLATED, gzip_window_bits, memory_level, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() {
    if (ready_) deflateEnd(&stream_);
  }

  [[nodiscard]] std::optional<std::string> run(const std::string& plain) {
    if (!ready_ || deflateReset(&stream_) != Z_OK) return std::nullopt;
    std::string out(deflateBound(&stream_, plain.size()), '\0');
    // zlib does not write to its input; sizes of answers are far below what fits into its counters.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream_.avail_in = static_cast<uInt>(plain.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream_, Z_FINISH) != Z_STREAM_END) return std::nullopt;
    out.resize(stream_.total_out);
    return out;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

std::optional<std::string> deflated(const std::string& plain) {
  thread_local Deflater deflater;
  return deflater.run(plain);
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<int> gzip;
  std::optional<int> any;
  int identity = 0;  // unless it is named, no coding is preferred to gzip
  while (!accept_encoding.empty()) {
    const auto item = accept_encoding.substr(0, accept_encoding.find(','));
    accept_encoding.remove_prefix(std::min(accept_encoding.size(), item.size() + 1));
    const auto semicolon = item.find(';');
    const auto coding = trimmed(item.substr(0, semicolon));
    std::optional<int> quality = 1000;
    if (semicolon != std::string_view::npos) {
      const auto parameter = trimmed(item.substr(semicolon + 1));
      if (!parameter.starts_with("q=") && !parameter.starts_with("Q=")) continue;
      quality = quality_of(trimmed(parameter.substr(2)));
    }
    if (!quality) continue;
    if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip")) {
      gzip = quality;
    } else if (equals_ignoring_case(coding, "identity")) {
      identity = *quality;
    } else if (coding == "*") {
      any = quality;
    }
  }
  const auto wanted = gzip ? gzip : any;
  return wanted && *wanted > 0 && *wanted >= identity;
}

void Compression::apply(const Request& request, Response& response) {
  auto* body = std::get_if<std::string>(&response.body);
  if (!body || body->size() < bytes_min || body->size() > UINT32_MAX / 2) return;
  auto& headers = response.headers;
  if (!is_compressible(headers.get("Content-Type")) || headers.contains("Content-Encoding") ||
      headers.contains("Content-Range") || headers.get("Cache-Control").contains("no-transform")) {
    return;
  }
  join_vary(headers);
  if (!accepts_gzip(request.headers.get("Accept-Encoding"))) return;
  auto compressed = gzip(*body, is_this_machine(request.remote_address));
  if (!compressed || compressed->size() >= body->size()) return;
  *body = std::move(*compressed);
  headers.set("Content-Encoding", "gzip");
  if (const auto etag = headers.get("ETag"); etag.starts_with('"')) {
    headers.set("ETag", "W/" + std::string{etag});
  }
}

std::optional<std::string> Compression::gzip(const std::string& plain, bool for_this_machine) {
  if (for_this_machine && plain.size() > memory_bytes_max) return std::nullopt;
  const auto key = key_of(plain);
  std::shared_ptr<const Memory> memory;
  {
    const std::scoped_lock lock{mutex_};
    const auto found = memories_.find(key);
    if (found != memories_.end()) memory = found->second;
  }
  const bool remembered = memory && memory->plain == plain;
  if (remembered || for_this_machine) {
    const std::scoped_lock lock{mutex_};
    if (remembered) {
      ++statistics_.remembered;
      return memory->compressed;
    }
    if (std::exchange(asked_[key % asked_.size()], key) != key) return std::nullopt;
  }
  auto compressed = deflated(plain);
  const std::scoped_lock lock{mutex_};
  ++statistics_.compressed;
  if (compressed && plain.size() <= memory_bytes_max) remember(key, {plain, *compressed});
  return compressed;
}

void Compression::remember(std::uint64_t key, Memory fresh) {
  const auto size = [](const Memory& one) { return one.plain.size() + one.compressed.size(); };
  if (remembered_bytes_ + size(fresh) > memories_bytes_max) {
    memories_.clear();
    remembered_bytes_ = 0;
  }
  auto& place = memories_[key];
  if (place) remembered_bytes_ -= size(*place);
  remembered_bytes_ += size(fresh);
  place = std::make_shared<const Memory>(std::move(fresh));
}

Compression::Statistics Compression::statistics() const {
  const std::scoped_lock lock{mutex_};
  return statistics_;
}

}  // namespace fedlog::http
