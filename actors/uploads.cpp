#include "actors/uploads.h"

#include "ml/compatibility.h"
#include "ml/model_file.h"

namespace fedlog::actors {
namespace {

// The API shows preprocessing inside of JSON, so it must fit into memory several times.
constexpr std::uint64_t preprocessing_bytes_max = 32 * 1024 * 1024;

class BlobUpload final : public Upload {
 public:
  explicit BlobUpload(std::unique_ptr<storage::BlobWriter> writer) : writer_(std::move(writer)) {}

  Result<void> write(std::span<const std::byte> bytes) override {
    if (auto written = writer_->write(bytes); !written) return std::unexpected(rejection_of(written.error()));
    return {};
  }
  std::uint64_t size_bytes() const override { return writer_->size_bytes(); }

  [[nodiscard]] storage::BlobWriter& writer() { return *writer_; }

 private:
  std::unique_ptr<storage::BlobWriter> writer_;
};

storage::BlobWriter& writer_of(Upload& upload) {
  return dynamic_cast<BlobUpload&>(upload).writer();
}

std::unexpected<domain::Rejection> invalid(const char* what, const std::string& why) {
  return std::unexpected(
      domain::Rejection{domain::Reason::invalid_file, std::string("Invalid ") + what + " file: " + why});
}

bool has_weights(ml::FileKind kind) {
  return kind != ml::FileKind::tensor;
}

bool is_module(ml::FileKind kind) {
  return kind == ml::FileKind::torchscript || kind == ml::FileKind::eager_module;
}

Result<domain::BlobId> commit(Upload& upload) {
  auto blob = writer_of(upload).commit();
  if (!blob) return std::unexpected(rejection_of(blob.error()));
  return *blob;
}

// The file as received so far, opened and checked; `what` names it in the error.
Result<ml::ModelFile> open(Upload& upload, const char* what) {
  auto path = writer_of(upload).path();
  if (!path) return std::unexpected(rejection_of(path.error()));
  auto file = ml::ModelFile::open(*path);
  if (!file) return invalid(what, file.error().message);
  return std::move(*file);
}

}  // namespace

domain::Rejection rejection_of(storage::BlobError error) {
  switch (error) {
    case storage::BlobError::disk_full:
      return {domain::Reason::storage_full,
              "The server's disk is full; nothing was changed. Reading goes on."};
    case storage::BlobError::missing:
      return {domain::Reason::internal, "A file that should be there is missing; `fedlog verify` names it."};
    case storage::BlobError::failed:
      break;
  }
  return {domain::Reason::busy, "The server cannot write files now; nothing was changed."};
}

Uploads::Uploads(storage::BlobStore& blobs, bool require_finite)
    : blobs_(blobs), require_finite_(require_finite) {}

Result<std::unique_ptr<Upload>> Uploads::begin() {
  auto writer = blobs_.create();
  if (!writer) return std::unexpected(rejection_of(writer.error()));
  return std::make_unique<BlobUpload>(std::move(*writer));
}

Result<domain::BlobId> Uploads::keep_model(Upload& upload) {
  const auto file = open(upload, "model");
  if (!file) return std::unexpected(file.error());
  if (!has_weights(file->kind())) {
    return invalid("model", "it holds tensors, not a model; save the module or its state_dict.");
  }
  if (auto fit = ml::check_base(*file); !fit) return invalid("model", fit.error());
  return commit(upload);
}

Result<domain::BlobId> Uploads::keep_preprocessing(Upload& upload) {
  if (upload.size_bytes() > preprocessing_bytes_max) {
    return invalid("preprocessing", "it has " + std::to_string(upload.size_bytes()) + " bytes; at most " +
                                        std::to_string(preprocessing_bytes_max) + " are kept.");
  }
  const auto file = open(upload, "preprocessing");
  if (!file) return std::unexpected(file.error());
  if (!is_module(file->kind())) {
    return invalid("preprocessing",
                   "it is not a module; save a torch.nn.Module with torch.jit.save or torch.save.");
  }
  return commit(upload);
}

Result<domain::BlobId> Uploads::keep_update(Upload& upload, domain::BlobId base) {
  const auto base_path = blobs_.path(base);
  if (!base_path) return std::unexpected(rejection_of(base_path.error()));
  const auto base_file = ml::ModelFile::open(*base_path);
  if (!base_file) {
    return std::unexpected(domain::Rejection{domain::Reason::internal, base_file.error().message});
  }
  const auto file = open(upload, "model");
  if (!file) return std::unexpected(file.error());
  if (!has_weights(file->kind())) {
    return invalid("model", "it holds tensors, not a model; save the module or its state_dict.");
  }
  if (auto fit = ml::check_update(*base_file, *file, require_finite_); !fit)
    return invalid("model", fit.error());
  return commit(upload);
}

Result<std::vector<domain::Metric>> Uploads::keep_metrics(const std::vector<MetricInput>& metrics) {
  std::vector<domain::Metric> kept;
  for (const auto& metric : metrics) {
    domain::Metric row{.name = metric.name, .number = {}, .blob = {}};
    if (const auto* number = std::get_if<double>(&metric.value)) {
      row.number = *number;
    } else {
      auto blob = blobs_.put(std::as_bytes(std::span{std::get<std::string>(metric.value)}));
      if (!blob) return std::unexpected(rejection_of(blob.error()));
      row.blob = *blob;
    }
    kept.push_back(std::move(row));
  }
  return kept;
}

}  // namespace fedlog::actors
