#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "domain/rejection.h"
#include "domain/training_commands.h"
#include "domain/training_status.h"
#include "domain/user.h"
#include "ml/model_statistics.h"
#include "storage/views.h"

// The only door to the actors. Calls block until what they changed is durable, or return why nothing was
// changed. Any thread. CAF stays behind it.
namespace fedlog::actors {

template <class T>
using Result = std::expected<T, domain::Rejection>;

// Who asks, and what ties the answer to the request.
struct RequestContext {
  domain::Caller caller;
  std::string correlation;      // X-Request-ID; recorded with every event that comes of the request
  std::string idempotency_key;  // scoped to user and route by the caller; empty: none
};

struct Registration {
  std::string username;
  std::string password;
  std::string first_name;
  std::string last_name;
  std::string email;
  std::string message_endpoint;
  bool actor = false;
  bool client = false;
  bool superuser = false;            // never from the API
  std::string idempotency_key = {};  // scoped by the caller; counts together with the name and the password
};

struct RegisteredUser {
  domain::User user;
  std::string token;  // 40 hexadecimal digits
};

struct PasswordSignIn {
  std::string username;
  std::string password;
  std::string address;  // where the request came from
};

struct PasswordChange {
  std::optional<std::string> old_password;  // superusers need none
  std::string new_password;
  std::string address;  // where the request came from: an old password that is wrong counts as in signing in
};

// What is none stays as it was.
struct UserChange {
  std::optional<std::string> first_name;
  std::optional<std::string> last_name;
  std::optional<std::string> email;
  std::optional<std::string> message_endpoint;
  std::optional<std::string> webhook_secret;  // empty: notifications are not signed any more
};

// What came back from a user's message endpoint. Without a status there was no answer: `problem` says why, as
// it does where the answer refuses.
struct PingAnswer {
  std::optional<int> status;
  std::optional<std::int64_t> duration_ms;  // none: nothing was posted
  std::string problem;
};

// Somebody who waits for notifications. Destroying it ends the waiting, and waits for a call under way.
class NotificationWait {
 public:
  virtual ~NotificationWait() = default;
  // Calls `news` once, when there is a notification that was not there when the waiting began; at once if
  // that was before this call. Any thread; it must not block, nor touch this wait.
  virtual void listen(std::function<void()> news) = 0;
};

// A file on its way in, hashed and written while it arrives. Dropping it leaves nothing behind.
class Upload {
 public:
  virtual ~Upload() = default;
  [[nodiscard]] virtual Result<void> write(std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
};

struct ModelUpload {
  domain::ModelKind kind = domain::ModelKind::global;  // global or swag
  std::string name;
  std::string description;
  std::optional<domain::InputShape> input_shape;
  std::int64_t round = 0;
  std::unique_ptr<Upload> file;
  std::unique_ptr<Upload> preprocessing;  // may be null
};

struct MeanModel {
  std::string name;
  std::string description;
  std::optional<domain::InputShape> input_shape;
  std::vector<domain::ModelId> members;
};

struct MetricInput {
  std::string name;
  std::variant<double, std::string> value;  // a number, or bytes
};

struct UpdateUpload {
  std::int64_t round = 0;
  std::int64_t sample_size = 0;
  std::unique_ptr<Upload> file;
  std::vector<MetricInput> metrics;
};

struct MomentsUpload {
  std::int64_t round = 0;
  std::int64_t sample_size = 0;
  std::unique_ptr<Upload> first;   // of the weights
  std::unique_ptr<Upload> second;  // of their squares
};

struct TrainingRequest {
  domain::ModelId model;
  std::int64_t target_num_updates = 1;
  domain::AggregationMethod aggregation_method = domain::AggregationMethod::fed_avg;
  domain::UncertaintyMethod uncertainty_method = domain::UncertaintyMethod::none;
  nlohmann::json options = nlohmann::json::object();
  std::vector<domain::UserId> participants;
};

// What its people can do to the course of a training: the actor or a superuser all but the last two, which
// are for participants and for those who want to be one.
enum class TrainingControl { cancel, pause, resume, leave, join };

// A blob as a file that never changes: for sending it.
struct BlobFile {
  std::filesystem::path path;
  std::uint64_t size_bytes = 0;
  domain::BlobId id;
};

using ModelStatistics = ml::ModelStatistics;

struct InferenceRequest {
  domain::ModelId model;
  std::variant<nlohmann::json, std::string>
      input;  // nested lists (or text holding base64), or a file's bytes
  bool binary_reply = false;
  // Of all that is drawn: the same seed, model and input give the same answer. Without one, chance decides.
  std::optional<std::uint64_t> seed = {};
};

// What was made to look at, and the account to look at it with.
struct DummyData {
  domain::TrainingId training;
  RegisteredUser user;
  std::string password;
  std::vector<domain::UserId> participants;
};

// What changes accounts. The command-line tool does it without the rest of a server. Whoever may use the data
// folder acts as a superuser without an account: a nil id.
class UserAdministration {
 public:
  virtual ~UserAdministration() = default;

  [[nodiscard]] virtual Result<RegisteredUser> register_user(const Registration& registration,
                                                             const std::string& correlation) = 0;
  // The new token; the old one is worth nothing from then on.
  [[nodiscard]] virtual Result<std::string> replace_token(const RequestContext& context,
                                                          domain::UserId user) = 0;
  [[nodiscard]] virtual Result<void> change_password(const RequestContext& context, domain::UserId user,
                                                     const PasswordChange& change) = 0;
  // Who is not active cannot sign in; who runs trainings stays active, unless `even_if_running`. The user
  // after the command.
  [[nodiscard]] virtual Result<domain::User> set_active(const RequestContext& context, domain::UserId user,
                                                        bool active, bool even_if_running) = 0;

  // --- everything that needs no rule
  [[nodiscard]] virtual const storage::Views& views() const = 0;
};

class Gateway : public UserAdministration {
 public:
  // --- accounts
  // The user may not be active any more.
  [[nodiscard]] virtual std::optional<domain::User> user_by_token(std::string_view token) = 0;
  // An active user. Costs tens of milliseconds and 19 MiB on purpose, unless the same pair was verified a
  // moment ago. Rejections: wrong_credentials, throttled (too many wrong ones), busy.
  [[nodiscard]] virtual Result<domain::User> user_by_password(const PasswordSignIn& attempt) = 0;
  [[nodiscard]] virtual std::optional<std::string> token_of(domain::UserId user) = 0;
  // The user after the command.
  [[nodiscard]] virtual Result<domain::User> change_user(const RequestContext& context, domain::UserId user,
                                                         const UserChange& change) = 0;
  // Posts a notification that means nothing to the user's message endpoint, and waits for what comes back.
  // Rejections: permission_denied, throttled, busy.
  [[nodiscard]] virtual Result<PingAnswer> ping(const RequestContext& context, domain::UserId user) = 0;

  // --- notifications, for those who ask for them
  // The caller's after the position `after` of the log, the first ones of them in order. With it the caller
  // has said that it has all up to `after`. Rejection: invalid_field, for a position that is still to come.
  [[nodiscard]] virtual Result<std::vector<storage::OutboxRow>> notifications(const RequestContext& context,
                                                                              std::uint64_t after) = 0;
  // Null when as many wait already as may.
  [[nodiscard]] virtual std::unique_ptr<NotificationWait> await_notification(domain::UserId user) = 0;

  // --- groups: anyone creates, members and superusers change members, members rename and delete
  [[nodiscard]] virtual Result<domain::Group> create_group(const RequestContext& context,
                                                           const std::string& name) = 0;
  [[nodiscard]] virtual Result<domain::Group> rename_group(const RequestContext& context,
                                                           domain::GroupId group,
                                                           const std::string& name) = 0;
  [[nodiscard]] virtual Result<void> delete_group(const RequestContext& context, domain::GroupId group) = 0;
  [[nodiscard]] virtual Result<void> add_members(const RequestContext& context, domain::GroupId group,
                                                 const std::vector<domain::UserId>& users) = 0;
  [[nodiscard]] virtual Result<void> remove_members(const RequestContext& context, domain::GroupId group,
                                                    const std::vector<domain::UserId>& users) = 0;

  // --- models
  [[nodiscard]] virtual Result<std::unique_ptr<Upload>> begin_upload() = 0;
  [[nodiscard]] virtual Result<domain::ModelId> upload_model(const RequestContext& context,
                                                             ModelUpload upload) = 0;
  [[nodiscard]] virtual Result<domain::ModelId> create_mean_model(const RequestContext& context,
                                                                  const MeanModel& model) = 0;
  // A training that the model belongs to goes with it.
  [[nodiscard]] virtual Result<void> delete_model(const RequestContext& context, domain::ModelId model) = 0;
  [[nodiscard]] virtual Result<void> replace_preprocessing(const RequestContext& context,
                                                           domain::ModelId model,
                                                           std::unique_ptr<Upload> file) = 0;
  // Whether the caller may send an update now; for refusing it before its file is received. `model` is the
  // global model, or the local one that the caller goes on with.
  [[nodiscard]] virtual Result<void> may_submit_update(const RequestContext& context, domain::ModelId model,
                                                       std::optional<std::int64_t> round) = 0;
  [[nodiscard]] virtual Result<void> submit_update(const RequestContext& context, domain::ModelId model,
                                                   UpdateUpload update) = 0;
  // The same for moments, in a SWAG round. `model` is the global model.
  [[nodiscard]] virtual Result<void> may_submit_moments(const RequestContext& context, domain::ModelId model,
                                                        std::optional<std::int64_t> round) = 0;
  [[nodiscard]] virtual Result<void> submit_moments(const RequestContext& context, domain::ModelId model,
                                                    MomentsUpload moments) = 0;
  [[nodiscard]] virtual Result<void> report_metrics(const RequestContext& context, domain::ModelId model,
                                                    const std::vector<MetricInput>& metrics) = 0;
  // Readable models only; the rights are checked here.
  [[nodiscard]] virtual Result<domain::Model> readable_model(const RequestContext& context,
                                                             domain::ModelId model) = 0;
  [[nodiscard]] virtual Result<BlobFile> blob(domain::BlobId id) = 0;
  [[nodiscard]] virtual Result<std::string> blob_bytes(domain::BlobId id) = 0;  // for small ones

  // --- trainings
  [[nodiscard]] virtual Result<domain::TrainingId> create_training(const RequestContext& context,
                                                                   const TrainingRequest& request) = 0;
  [[nodiscard]] virtual Result<domain::Training> readable_training(const RequestContext& context,
                                                                   domain::TrainingId training) = 0;
  [[nodiscard]] virtual Result<void> start_training(const RequestContext& context,
                                                    domain::TrainingId training) = 0;
  [[nodiscard]] virtual Result<void> control_training(const RequestContext& context,
                                                      domain::TrainingId training,
                                                      TrainingControl control) = 0;
  // What a readable training waits for at this moment.
  [[nodiscard]] virtual Result<domain::TrainingStatus> training_status(const RequestContext& context,
                                                                       domain::TrainingId training) = 0;
  [[nodiscard]] virtual Result<void> add_participants(const RequestContext& context,
                                                      domain::TrainingId training,
                                                      const std::vector<domain::UserId>& users) = 0;
  [[nodiscard]] virtual Result<void> remove_participants(const RequestContext& context,
                                                         domain::TrainingId training,
                                                         const std::vector<domain::UserId>& users) = 0;
  [[nodiscard]] virtual Result<void> delete_training(const RequestContext& context,
                                                     domain::TrainingId training) = 0;

  // --- inference: the reply's body, JSON or a pickle as asked for. Nobody else shall have a copy of the
  // request, whose input may be large: it is gone before the wait for a worker begins.
  [[nodiscard]] virtual Result<std::string> infer(const RequestContext& context,
                                                  InferenceRequest request) = 0;
  // What one forward of a readable model costs; null where that is not known (see actors/statistics.h). The
  // first time it takes as long as a prediction.
  [[nodiscard]] virtual std::shared_ptr<const ModelStatistics> statistics(const RequestContext& context,
                                                                          const domain::Model& model) = 0;

  // --- for developers: a user, a model, and a training that is completed. No rights are needed, so whoever
  // offers it decides to whom.
  [[nodiscard]] virtual Result<DummyData> make_dummy_data(const std::string& correlation) = 0;
};

}  // namespace fedlog::actors
