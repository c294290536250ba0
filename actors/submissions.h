#pragma once

#include <cstdint>
#include <functional>

#include "actors/gateway.h"
#include "actors/uploads.h"
#include "storage/storage.h"

namespace fedlog::actors {

// What participants send in a round, updates and moments: whether it is awaited is asked before its files are
// looked at, then the files are kept, and the training takes it or refuses. Any thread.
class Submissions {
 public:
  // Sends a command to a training and waits for its answer.
  using Tell =
      std::function<Result<void>(const RequestContext&, domain::TrainingId, domain::TrainingCommand)>;

  // Both must outlive it.
  Submissions(storage::Storage& storage, Uploads& uploads, Tell tell);

  [[nodiscard]] Result<void> may_submit_update(const RequestContext& context, domain::ModelId model,
                                               std::optional<std::int64_t> round) const;
  [[nodiscard]] Result<void> submit_update(const RequestContext& context, domain::ModelId model,
                                           UpdateUpload update);
  [[nodiscard]] Result<void> may_submit_moments(const RequestContext& context, domain::ModelId model,
                                                std::optional<std::int64_t> round) const;
  [[nodiscard]] Result<void> submit_moments(const RequestContext& context, domain::ModelId model,
                                            MomentsUpload moments);

 private:
  // The training of the model that something is addressed to, if the caller may send it now.
  [[nodiscard]] Result<domain::Training> training_for_update(const RequestContext& context,
                                                             domain::ModelId model,
                                                             std::optional<std::int64_t> round) const;
  [[nodiscard]] Result<domain::Training> training_for_moments(const RequestContext& context,
                                                              domain::ModelId model,
                                                              std::optional<std::int64_t> round) const;
  [[nodiscard]] Result<domain::Training> training_of(domain::ModelId model) const;

  storage::Storage& storage_;
  Uploads& uploads_;
  Tell tell_;
};

}  // namespace fedlog::actors
