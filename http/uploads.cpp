#include "http/uploads.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "http/errors.h"
#include "http/rejections.h"

namespace fedlog::http {

namespace {

class UploadSink final : public FileSink {
 public:
  UploadSink(std::unique_ptr<actors::Upload> upload, std::uint64_t limit_bytes)
      : upload_(std::move(upload)), limit_bytes_(limit_bytes) {}

  [[nodiscard]] std::expected<void, Response> write(std::string_view bytes) override {
    if (bytes.size() > limit_bytes_ - upload_->size_bytes()) {
      return std::unexpected(body_error_response(BodyError::too_large));
    }
    if (auto written = upload_->write(std::as_bytes(std::span{bytes})); !written) {
      return std::unexpected(rejection_response(written.error()));
    }
    return {};
  }
  [[nodiscard]] std::expected<void, Response> finish() override { return {}; }

  [[nodiscard]] std::unique_ptr<actors::Upload> take() { return std::move(upload_); }

 private:
  std::unique_ptr<actors::Upload> upload_;
  std::uint64_t limit_bytes_;
};

}  // namespace

std::expected<FormData, Response> read_form_with_uploads(Call& call, const Services& services,
                                                         const std::vector<FieldRule>& rules) {
  std::vector<std::string_view> awaited;
  for (const auto& rule : rules) {
    if (rule.type == FieldType::file) awaited.push_back(rule.name);
  }
  const FileAllowance allowance{
      .file_bytes_max = static_cast<std::uint64_t>(services.settings.limits.model_bytes_max),
      .files_max = awaited.size(),
      .setting = "limits.model_bytes_max"};
  const auto open = [&](const PartHead& head) -> std::expected<std::unique_ptr<FileSink>, Response> {
    const auto name = std::ranges::find(awaited, head.name);
    if (name == awaited.end() || !head.filename || head.filename->empty()) return nullptr;
    awaited.erase(name);
    auto upload = services.gateway.begin_upload();
    if (!upload) return std::unexpected(rejection_response(upload.error()));
    return std::make_unique<UploadSink>(std::move(*upload), allowance.file_bytes_max);
  };
  return read_form_with_files(call, services, allowance, open);
}

std::unique_ptr<actors::Upload> take_upload(FormData& form, std::string_view name) {
  for (auto& file : form.files) {
    if (file.name != name) continue;
    if (auto* sink = dynamic_cast<UploadSink*>(file.sink.get())) return sink->take();
  }
  return nullptr;
}

Response no_uploaded_file_response(std::string_view name) {
  return detail_response(400, "No uploaded file '" + std::string{name} + "' found.");
}

}  // namespace fedlog::http
