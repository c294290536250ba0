#pragma once

#include "actors/command_queue.h"
#include "actors/gateway.h"
#include "domain/model_commands.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Writes the streams of models, and the first event of a training together with its model's. Once a model is
// in a training, the training's own actor writes what happens to it. Any thread.
class ModelRegistry {
 public:
  ModelRegistry(caf::actor_system& system, storage::Storage& storage);

  // What an uploaded model is, its files being durable blobs.
  struct NewModel {
    domain::ModelKind kind = domain::ModelKind::global;
    std::string name;
    std::string description;
    std::optional<domain::InputShape> input_shape;
    std::int64_t round = 0;
    std::optional<domain::BlobId> weights;
    std::optional<domain::BlobId> preprocessing;
    std::vector<domain::ModelId> members;  // of a mean model; checked here
  };
  [[nodiscard]] Result<domain::ModelId> create(const RequestContext& context, const NewModel& model);

  // `command` is refused as busy when the model has joined a training meanwhile.
  [[nodiscard]] Result<void> change(const RequestContext& context, domain::ModelId model,
                                    const domain::ModelCommand& command);

  // A model that another training uses is copied for this one.
  [[nodiscard]] Result<domain::TrainingId> create_training(const RequestContext& context,
                                                           const TrainingRequest& request,
                                                           const domain::TrainingOptions& options);

 private:
  storage::Storage& storage_;
  CommandQueue queue_;
};

}  // namespace fedlog::actors
