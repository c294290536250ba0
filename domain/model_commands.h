#pragma once

#include <expected>
#include <variant>
#include <vector>

#include "domain/model.h"
#include "domain/rejection.h"
#include "domain/rights.h"

// What can be asked of a model that belongs to no training; from then on, its training decides.
namespace fedlog::domain {

struct DeleteModel {
  Caller by;
};

struct SetPreprocessing {
  Caller by;
  BlobId preprocessing;
};

struct ReportModelMetrics {
  Caller by;
  std::vector<Metric> metrics;
  ModelAccess access = ModelAccess::members;
};

// A model that shall be part of a mean model.
struct MeanMember {
  ModelId id;
  bool exists = false;
  UserId owner;
  ModelKind kind = ModelKind::global;
};

// One prediction asks all members.
inline constexpr std::size_t mean_members_max = 127;

using ModelCommand = std::variant<DeleteModel, SetPreprocessing, ReportModelMetrics>;

[[nodiscard]] std::expected<std::vector<ModelEvent>, Rejection> decide(const Model& model,
                                                                       const ModelCommand& command);

// Whether a mean model may be made of these members.
[[nodiscard]] std::expected<void, Rejection> check_members(const Caller& by,
                                                           const std::vector<MeanMember>& members);

}  // namespace fedlog::domain
