#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"
#include "domain/metric.h"

namespace fedlog::domain {

enum class ModelKind { global, swag, mean, local };

template <>
struct Names<ModelKind> {  // stored; never rename
  static constexpr std::array all{std::pair{ModelKind::global, std::string_view{"GLOBAL"}},
                                  std::pair{ModelKind::swag, std::string_view{"SWAG"}},
                                  std::pair{ModelKind::mean, std::string_view{"MEAN"}},
                                  std::pair{ModelKind::local, std::string_view{"LOCAL"}}};
};

// Sizes of a model's input; null stands for any size (the batch).
using InputShape = std::vector<std::optional<std::int64_t>>;

// A model as it stands. Global and SWAG models have weights; a mean model has members instead; a local model
// is a participant's update and lives as long as its round. Weights and preprocessing are blobs.
struct Model {
  ModelId id;
  ModelKind kind = ModelKind::global;
  UserId owner;
  std::string name;
  std::string description;
  std::optional<InputShape> input_shape;
  std::int64_t round = 0;
  std::optional<BlobId> weights;
  std::optional<BlobId> preprocessing;
  std::vector<ModelId> members;              // mean models
  std::optional<ModelId> base_model;         // local models
  std::int64_t sample_size = 0;              // local models
  std::optional<BlobId> swag_first_moment;   // once a SWAG round of its training ended
  std::optional<BlobId> swag_second_moment;  // likewise
  std::optional<TrainingId> training;
  bool deleted = false;

  static constexpr auto fields() {
    return std::tuple{field("id", &Model::id),
                      field("kind", &Model::kind),
                      field("owner", &Model::owner),
                      field("name", &Model::name),
                      field("description", &Model::description),
                      field("input_shape", &Model::input_shape),
                      field("round", &Model::round),
                      field("weights", &Model::weights),
                      field("preprocessing", &Model::preprocessing),
                      field("members", &Model::members),
                      field("base_model", &Model::base_model),
                      field("sample_size", &Model::sample_size),
                      field("swag_first_moment", &Model::swag_first_moment),
                      field("swag_second_moment", &Model::swag_second_moment),
                      field("training", &Model::training),
                      field("deleted", &Model::deleted)};
  }
  bool operator==(const Model&) const = default;
};

// A model came into being, by upload or as a copy of another one that is in use.
struct ModelUploaded {
  static constexpr std::string_view type = "ModelUploaded";
  static constexpr int revision = 1;
  ModelId model;
  ModelKind kind = ModelKind::global;
  UserId owner;
  std::string name;
  std::string description;
  std::optional<InputShape> input_shape;
  std::int64_t round = 0;
  std::optional<BlobId> weights;
  std::optional<BlobId> preprocessing;
  std::vector<ModelId> members;
  std::optional<ModelId> copied_from;
  static constexpr auto fields() {
    return std::tuple{field("model", &ModelUploaded::model),
                      field("kind", &ModelUploaded::kind),
                      field("owner", &ModelUploaded::owner),
                      field("name", &ModelUploaded::name),
                      field("description", &ModelUploaded::description),
                      field("input_shape", &ModelUploaded::input_shape),
                      field("round", &ModelUploaded::round),
                      field("weights", &ModelUploaded::weights),
                      field("preprocessing", &ModelUploaded::preprocessing),
                      field("members", &ModelUploaded::members),
                      field("copied_from", &ModelUploaded::copied_from)};
  }
  bool operator==(const ModelUploaded&) const = default;
};

struct PreprocessingReplaced {
  static constexpr std::string_view type = "PreprocessingReplaced";
  static constexpr int revision = 1;
  BlobId preprocessing;
  static constexpr auto fields() {
    return std::tuple{field("preprocessing", &PreprocessingReplaced::preprocessing)};
  }
  bool operator==(const PreprocessingReplaced&) const = default;
};

// Somebody reported metrics of `model` at its round `step`. In a model's stream, or in a training's.
struct MetricsReported {
  static constexpr std::string_view type = "MetricsReported";
  static constexpr int revision = 1;
  UserId reporter;
  ModelId model;
  std::int64_t step = 0;
  std::vector<Metric> metrics;
  static constexpr auto fields() {
    return std::tuple{field("reporter", &MetricsReported::reporter), field("model", &MetricsReported::model),
                      field("step", &MetricsReported::step), field("metrics", &MetricsReported::metrics)};
  }
  bool operator==(const MetricsReported&) const = default;
};

// From here on the training's stream holds what happens to the model.
struct ModelJoinedTraining {
  static constexpr std::string_view type = "ModelJoinedTraining";
  static constexpr int revision = 1;
  TrainingId training;
  static constexpr auto fields() { return std::tuple{field("training", &ModelJoinedTraining::training)}; }
  bool operator==(const ModelJoinedTraining&) const = default;
};

// The training was deleted and left the model as it stood. Without moments it keeps those that it had before.
struct ModelLeftTraining {
  static constexpr std::string_view type = "ModelLeftTraining";
  static constexpr int revision = 2;  // 1 had no moments
  std::int64_t round = 0;
  std::optional<BlobId> weights;
  std::optional<BlobId> preprocessing;
  std::optional<BlobId> swag_first_moment;
  std::optional<BlobId> swag_second_moment;
  static constexpr auto fields() {
    return std::tuple{field("round", &ModelLeftTraining::round),
                      field("weights", &ModelLeftTraining::weights),
                      field("preprocessing", &ModelLeftTraining::preprocessing),
                      field("swag_first_moment", &ModelLeftTraining::swag_first_moment),
                      field("swag_second_moment", &ModelLeftTraining::swag_second_moment)};
  }
  bool operator==(const ModelLeftTraining&) const = default;
};

struct ModelDeleted {
  static constexpr std::string_view type = "ModelDeleted";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const ModelDeleted&) const = default;
};

using ModelEvent = std::variant<ModelUploaded, PreprocessingReplaced, MetricsReported, ModelJoinedTraining,
                                ModelLeftTraining, ModelDeleted>;

void evolve(Model& model, const ModelEvent& event);

}  // namespace fedlog::domain
