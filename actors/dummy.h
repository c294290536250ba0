#pragma once

#include <string>

#include "actors/gateway.h"
#include "actors/inference.h"
#include "actors/uploads.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Makes data to look at, for those who develop a client: an account, a model, and a training that has come to
// its end. What must outlive it: everything it is given. Any thread; blocks.
class Dummy {
 public:
  Dummy(Gateway& gateway, storage::Storage& storage, Uploads& uploads, Inference& inference)
      : gateway_(gateway), storage_(storage), uploads_(uploads), inference_(inference) {}

  // Another training of the same user at every call. Refused when the user's name is somebody else's.
  [[nodiscard]] Result<DummyData> make(const std::string& correlation);

 private:
  // Held until the training refers to them.
  struct Files {
    std::unique_ptr<Upload> network;
    std::unique_ptr<Upload> preparation;
    domain::BlobId weights;
    domain::BlobId preprocessing;
  };
  [[nodiscard]] Result<Files> make_files();
  [[nodiscard]] Result<domain::User> owner(const std::string& correlation);
  [[nodiscard]] Result<std::vector<domain::UserId>> participants(const std::string& correlation);
  [[nodiscard]] Result<domain::TrainingId> complete_training(const Files& files, domain::UserId owner,
                                                             std::vector<domain::UserId> participants,
                                                             const std::string& correlation);

  Gateway& gateway_;
  storage::Storage& storage_;
  Uploads& uploads_;
  Inference& inference_;
};

}  // namespace fedlog::actors
