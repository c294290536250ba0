#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/json_body.h"
#include "http/message.h"
#include "http/multipart.h"

namespace fedlog::http {

// Where the bytes of an uploaded file go. Used by one thread. Destroyed without finish() when the upload
// broke off.
class FileSink {
 public:
  FileSink() = default;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;
  virtual ~FileSink() = default;

  // An error is the answer to the whole request (507 for a full disk, 413 for a file too large, ...).
  [[nodiscard]] virtual std::expected<void, Response> write(std::string_view bytes) = 0;
  [[nodiscard]] virtual std::expected<void, Response> finish() = 0;
};

// Keeps a small file in memory; 413 beyond its limit.
class MemorySink final : public FileSink {
 public:
  explicit MemorySink(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}
  [[nodiscard]] std::expected<void, Response> write(std::string_view bytes) override;
  [[nodiscard]] std::expected<void, Response> finish() override;
  [[nodiscard]] const std::string& content() const { return content_; }
  [[nodiscard]] std::string take() { return std::move(content_); }

 private:
  std::size_t limit_bytes_;
  std::string content_;
};

// Makes the sink for a file part. A null sink: the file is read and dropped.
using OpenSink = std::function<std::expected<std::unique_ptr<FileSink>, Response>(const PartHead&)>;

struct UploadedFile {
  std::string name;
  std::string filename;
  std::string content_type;
  std::uint64_t size_bytes = 0;
  // What OpenSink made, finished. Null if the file was dropped.
  std::unique_ptr<FileSink> sink;
};

struct FormLimits {
  std::uint64_t json_bytes_max = 1024 * 1024;
  JsonLimits json = {};
  // Of an urlencoded body, and of all fields of a multipart body together.
  std::uint64_t fields_bytes_max = 4 * 1024 * 1024;
  std::size_t fields_max = 10'000;
  MultipartLimits multipart = {};
};

// A request's body, whichever way it was sent.
struct FormData {
  // Set for a JSON body: any JSON value, not only an object.
  std::optional<nlohmann::json> document;
  // Fields of a form, in order, repeated ones kept.
  std::vector<NameValue> fields;
  std::vector<UploadedFile> files;

  // Of several form fields of one name the last counts, as in Django.
  [[nodiscard]] const std::string* field(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
  [[nodiscard]] UploadedFile* file(std::string_view name);
};

// Reads the body by its Content-Type. No body at all is an empty form, whatever the type. Errors are the
// answer: 415, 400 (DRF's texts), 413, 408. Without `open_sink` files are dropped.
[[nodiscard]] std::expected<FormData, Response> read_form_data(const Request& request, BodyReader& body,
                                                               const FormLimits& limits = {},
                                                               const OpenSink& open_sink = {});

}  // namespace fedlog::http
