#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "actors/gateway.h"
#include "domain/rights.h"
#include "tests/http/fake_world.h"

namespace fedlog::http::testing {

inline std::unexpected<domain::Rejection> rejected(domain::Reason reason, std::string message,
                                                   std::string field = {}) {
  return std::unexpected(
      domain::Rejection{.reason = reason, .message = std::move(message), .field = std::move(field)});
}

// An upload that keeps its bytes where the test can see them, even after it was dropped.
class FakeUpload final : public actors::Upload {
 public:
  explicit FakeUpload(std::shared_ptr<std::string> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] actors::Result<void> write(std::span<const std::byte> bytes) override {
    bytes_->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  }
  [[nodiscard]] std::uint64_t size_bytes() const override { return bytes_->size(); }
  [[nodiscard]] const std::string& bytes() const { return *bytes_; }

 private:
  std::shared_ptr<std::string> bytes_;
};

inline std::string bytes_of(const std::unique_ptr<actors::Upload>& upload) {
  return upload ? dynamic_cast<const FakeUpload&>(*upload).bytes() : "(none)";
}

// Commands are for tests to expect; reading works on the world's views and a map of blobs.
class FakeGateway : public actors::Gateway {
 public:
  explicit FakeGateway(const World& world) : world_(world) {
    using ::testing::_;
    ON_CALL(*this, user_by_token(_)).WillByDefault([this](std::string_view token) {
      const auto found = tokens.find(std::string{token});
      return found == tokens.end() ? std::nullopt : world_.views().user(found->second);
    });
    ON_CALL(*this, begin_upload()).WillByDefault([this]() -> actors::Result<std::unique_ptr<actors::Upload>> {
      uploads.push_back(std::make_shared<std::string>());
      return std::make_unique<FakeUpload>(uploads.back());
    });
  }

  std::map<std::string, domain::UserId> tokens;
  std::map<domain::BlobId, std::string> blobs;
  std::set<domain::BlobId> deleted_blobs;  // of whose size something is known still
  int blobs_read = 0;
  std::vector<std::shared_ptr<std::string>> uploads;

  using Rejected = actors::Result<void>;
  using Context = actors::RequestContext;
  using Users = std::vector<domain::UserId>;

  MOCK_METHOD(actors::Result<actors::RegisteredUser>, register_user,
              (const actors::Registration&, const std::string&), (override));
  MOCK_METHOD(std::optional<domain::User>, user_by_token, (std::string_view), (override));
  MOCK_METHOD(actors::Result<domain::User>, user_by_password, (const actors::PasswordSignIn&), (override));
  MOCK_METHOD(actors::Result<std::string>, replace_token, (const Context&, domain::UserId), (override));
  MOCK_METHOD(Rejected, change_password, (const Context&, domain::UserId, const actors::PasswordChange&),
              (override));
  MOCK_METHOD(actors::Result<domain::User>, set_active, (const Context&, domain::UserId, bool, bool),
              (override));
  MOCK_METHOD(actors::Result<domain::User>, change_user,
              (const Context&, domain::UserId, const actors::UserChange&), (override));
  MOCK_METHOD(actors::Result<actors::PingAnswer>, ping, (const Context&, domain::UserId), (override));
  MOCK_METHOD(actors::Result<std::vector<storage::OutboxRow>>, notifications, (const Context&, std::uint64_t),
              (override));
  MOCK_METHOD(std::unique_ptr<actors::NotificationWait>, await_notification, (domain::UserId), (override));
  MOCK_METHOD(actors::Result<domain::Group>, create_group, (const Context&, const std::string&), (override));
  MOCK_METHOD(actors::Result<domain::Group>, rename_group,
              (const Context&, domain::GroupId, const std::string&), (override));
  MOCK_METHOD(Rejected, delete_group, (const Context&, domain::GroupId), (override));
  MOCK_METHOD(Rejected, add_members, (const Context&, domain::GroupId, const Users&), (override));
  MOCK_METHOD(Rejected, remove_members, (const Context&, domain::GroupId, const Users&), (override));
  MOCK_METHOD(actors::Result<std::unique_ptr<actors::Upload>>, begin_upload, (), (override));
  MOCK_METHOD(actors::Result<domain::ModelId>, upload_model, (const Context&, actors::ModelUpload),
              (override));
  MOCK_METHOD(actors::Result<domain::ModelId>, create_mean_model, (const Context&, const actors::MeanModel&),
              (override));
  MOCK_METHOD(Rejected, delete_model, (const Context&, domain::ModelId), (override));
  MOCK_METHOD(Rejected, replace_preprocessing,
              (const Context&, domain::ModelId, std::unique_ptr<actors::Upload>), (override));
  MOCK_METHOD(Rejected, may_submit_update, (const Context&, domain::ModelId, std::optional<std::int64_t>),
              (override));
  MOCK_METHOD(Rejected, submit_update, (const Context&, domain::ModelId, actors::UpdateUpload), (override));
  MOCK_METHOD(Rejected, may_submit_moments, (const Context&, domain::ModelId, std::optional<std::int64_t>),
              (override));
  MOCK_METHOD(Rejected, submit_moments, (const Context&, domain::ModelId, actors::MomentsUpload), (override));
  MOCK_METHOD(Rejected, report_metrics,
              (const Context&, domain::ModelId, const std::vector<actors::MetricInput>&), (override));
  MOCK_METHOD(actors::Result<domain::TrainingId>, create_training,
              (const Context&, const actors::TrainingRequest&), (override));
  MOCK_METHOD(Rejected, start_training, (const Context&, domain::TrainingId), (override));
  MOCK_METHOD(Rejected, control_training, (const Context&, domain::TrainingId, actors::TrainingControl),
              (override));
  MOCK_METHOD(actors::Result<domain::TrainingStatus>, training_status, (const Context&, domain::TrainingId),
              (override));
  MOCK_METHOD(Rejected, add_participants, (const Context&, domain::TrainingId, const Users&), (override));
  MOCK_METHOD(Rejected, remove_participants, (const Context&, domain::TrainingId, const Users&), (override));
  MOCK_METHOD(Rejected, delete_training, (const Context&, domain::TrainingId), (override));
  MOCK_METHOD(actors::Result<std::string>, infer, (const Context&, actors::InferenceRequest), (override));
  MOCK_METHOD(std::shared_ptr<const actors::ModelStatistics>, statistics,
              (const Context&, const domain::Model&), (override));
  MOCK_METHOD(actors::Result<actors::DummyData>, make_dummy_data, (const std::string&), (override));

  std::optional<std::string> token_of(domain::UserId user) override {
    for (const auto& [token, owner] : tokens) {
      if (owner == user) return token;
    }
    return std::nullopt;
  }
  actors::Result<domain::Model> readable_model(const Context& context, domain::ModelId id) override {
    const auto model = world_.views().model(id);
    if (!model) return rejected(domain::Reason::model_not_found, "Model " + id.text() + " not found.");
    const auto training = model->training ? world_.views().training(*model->training) : std::nullopt;
    if (!domain::may_read(context.caller, *model, training ? &*training : nullptr,
                          domain::ModelAccess::members)) {
      return rejected(domain::Reason::permission_denied,
                      "You do not have permission to perform this action.");
    }
    return *model;
  }
  actors::Result<domain::Training> readable_training(const Context& context, domain::TrainingId id) override {
    const auto training = world_.views().training(id);
    if (!training) {
      return rejected(domain::Reason::training_not_found, "Training " + id.text() + " not found.");
    }
    if (!domain::may_read(context.caller, *training)) {
      return rejected(domain::Reason::permission_denied,
                      "You do not have permission to perform this action.");
    }
    return *training;
  }
  actors::Result<actors::BlobFile> blob(domain::BlobId id) override {
    return actors::BlobFile{.path = "blobs/" + id.text(), .size_bytes = blobs.at(id).size(), .id = id};
  }
  actors::Result<std::string> blob_bytes(domain::BlobId id) override {
    ++blobs_read;
    if (deleted_blobs.contains(id)) return rejected(domain::Reason::model_not_found, "Deleted a moment ago.");
    return blobs.at(id);
  }
  const storage::Views& views() const override { return world_.views(); }

 private:
  const World& world_;
};

}  // namespace fedlog::http::testing
