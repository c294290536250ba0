#include "actors/uploads.h"

#include "ml/compatibility.h"
#include "ml/described_classes.h"
#include "ml/model_file.h"
#include "ml/moments.h"

namespace fedlog::actors {
namespace {

// The API shows preprocessing and moments inside of JSON, so they must fit into memory several times.
constexpr std::uint64_t shown_bytes_max = 32 * 1024 * 1024;

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

Result<void> check_can_be_shown(const Upload& upload, const char* what) {
  if (upload.size_bytes() <= shown_bytes_max) return {};
  return invalid(what, "it has " + std::to_string(upload.size_bytes()) + " bytes; at most " +
                           std::to_string(shown_bytes_max) + " are kept.");
}

// The file as received so far, opened and checked; `what` names it in the error.
Result<ml::ModelFile> open(Upload& upload, const char* what) {
  auto path = writer_of(upload).path();
  if (!path) return std::unexpected(rejection_of(path.error()));
  auto file = ml::ModelFile::open(*path);
  if (!file) return invalid(what, file.error().message);
  return std::move(*file);
}

// A file that was checked when it came.
Result<ml::ModelFile> open_kept(const storage::BlobStore& blobs, domain::BlobId id) {
  const auto path = blobs.path(id);
  if (!path) return std::unexpected(rejection_of(path.error()));
  auto file = ml::ModelFile::open(*path);
  if (!file) return std::unexpected(domain::Rejection{domain::Reason::internal, file.error().message});
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
  // A module without parameters is nothing to train, but it can be run, and be a member of a mean model.
  const bool only_runs = file->tensors().empty() && is_module(file->kind());
  if (only_runs) return commit(upload);
  if (auto fit = ml::check_base(*file); !fit) return invalid("model", fit.error());
  return commit(upload);
}

Result<domain::BlobId> Uploads::keep_preprocessing(Upload& upload) {
  if (auto fits = check_can_be_shown(upload, "preprocessing"); !fits) {
    return std::unexpected(std::move(fits.error()));
  }
  const auto file = open(upload, "preprocessing");
  if (!file) return std::unexpected(file.error());
  if (!is_module(file->kind())) {
    return invalid("preprocessing",
                   "it is not a module; save a torch.nn.Module with torch.jit.save or torch.save.");
  }
  if (file->kind() == ml::FileKind::eager_module) {
    const auto path = writer_of(upload).path();
    if (!path) return std::unexpected(rejection_of(path.error()));
    if (auto known = ml::check_described_classes(*path); !known) {
      return invalid("preprocessing", known.error());
    }
  }
  return commit(upload);
}

Result<domain::BlobId> Uploads::keep_update(Upload& upload, domain::BlobId base) {
  const auto model = open_kept(blobs_, base);
  if (!model) return std::unexpected(model.error());
  const auto file = open(upload, "model");
  if (!file) return std::unexpected(file.error());
  if (!has_weights(file->kind())) {
    return invalid("model", "it holds tensors, not a model; save the module or its state_dict.");
  }
  if (auto fit = ml::check_update(*model, *file, require_finite_); !fit) return invalid("model", fit.error());
  return commit(upload);
}

Result<Uploads::Moments> Uploads::keep_moments(Upload& first, Upload& second, domain::BlobId base) {
  const auto model = open_kept(blobs_, base);
  if (!model) return std::unexpected(model.error());
  const auto form_of = [&](Upload& upload, const char* what) -> Result<std::string> {
    if (auto fits = check_can_be_shown(upload, what); !fits) return std::unexpected(std::move(fits.error()));
    const auto file = open(upload, what);
    if (!file) return std::unexpected(file.error());
    auto form = ml::check_moment(*model, *file, require_finite_);
    if (!form) return invalid(what, form.error());
    return std::move(*form);
  };
  const auto first_form = form_of(first, "first moment");
  if (!first_form) return std::unexpected(first_form.error());
  const auto second_form = form_of(second, "second moment");
  if (!second_form) return std::unexpected(second_form.error());
  if (*second_form != *first_form) {
    return invalid("second moment", "it is " + *second_form + ", the first moment is " + *first_form + ".");
  }
  const auto first_blob = commit(first);
  if (!first_blob) return std::unexpected(first_blob.error());
  const auto second_blob = commit(second);
  if (!second_blob) return std::unexpected(second_blob.error());
  return Moments{.first = *first_blob, .second = *second_blob, .form = *first_form};
}

Result<Uploads::KeptMetrics> Uploads::keep_metrics(const std::vector<MetricInput>& metrics) {
  KeptMetrics kept;
  for (const auto& metric : metrics) {
    domain::Metric row{.name = metric.name, .number = {}, .blob = {}};
    if (const auto* number = std::get_if<double>(&metric.value)) {
      row.number = *number;
    } else {
      auto upload = begin();
      if (!upload) return std::unexpected(std::move(upload.error()));
      const auto bytes = std::as_bytes(std::span{std::get<std::string>(metric.value)});
      if (auto written = (*upload)->write(bytes); !written) {
        return std::unexpected(std::move(written.error()));
      }
      const auto blob = commit(**upload);
      if (!blob) return std::unexpected(blob.error());
      row.blob = *blob;
      kept.holds.push_back(writer_of(**upload).hold());
    }
    kept.metrics.push_back(std::move(row));
  }
  return kept;
}

}  // namespace fedlog::actors
