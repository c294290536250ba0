#include "actors/dummy.h"

#include "actors/dummy_course.h"
#include "actors/dummy_modules.h"
#include "actors/new_id.h"
#include "actors/training_process.h"
#include "storage/event_codec.h"

namespace fedlog::actors {
namespace {

constexpr auto owner_name = "dummy-user";
constexpr auto owner_password = "secret";
constexpr int participant_count = 5;
constexpr std::int64_t rounds = 80;
// A port where nobody listens: there is no program behind these users.
constexpr auto nobody = "http://127.0.0.1:9/";

Registration registration(std::string username, std::string password) {
  Registration made;
  made.username = std::move(username);
  made.password = std::move(password);
  made.message_endpoint = nobody;
  return made;
}

Result<std::unique_ptr<Upload>> compiled(Inference& inference, Uploads& uploads, UncompiledModule module) {
  auto archive = inference.compile(std::move(module.source), std::move(module.weights));
  if (!archive) return std::unexpected(std::move(archive.error()));
  auto upload = uploads.begin();
  if (!upload) return upload;
  if (auto written = (*upload)->write(*archive); !written) return std::unexpected(std::move(written.error()));
  return upload;
}

template <class Event>
std::vector<storage::NewEvent> encoded(const std::vector<Event>& events) {
  std::vector<storage::NewEvent> result;
  result.reserve(events.size());
  for (const auto& event : events) result.push_back(storage::EventCodec::encode(event));
  return result;
}

}  // namespace

Result<DummyData> Dummy::make(const std::string& correlation) {
  const auto files = make_files();  // first: without a model worker there is nothing to make users for
  if (!files) return std::unexpected(files.error());
  auto user = owner(correlation);
  if (!user) return std::unexpected(std::move(user.error()));
  auto users = participants(correlation);
  if (!users) return std::unexpected(std::move(users.error()));
  const auto training = complete_training(*files, user->id, *users, correlation);
  if (!training) return std::unexpected(training.error());
  return DummyData{.training = *training,
                   .user = {.user = *user, .token = gateway_.token_of(user->id).value_or("")},
                   .password = owner_password,
                   .participants = std::move(*users)};
}

Result<Dummy::Files> Dummy::make_files() {
  auto network = compiled(inference_, uploads_, digits_network());
  if (!network) return std::unexpected(std::move(network.error()));
  auto preparation = compiled(inference_, uploads_, digits_preprocessing());
  if (!preparation) return std::unexpected(std::move(preparation.error()));
  const auto weights = uploads_.keep_model(**network);
  if (!weights) return std::unexpected(weights.error());
  const auto preprocessing = uploads_.keep_preprocessing(**preparation);
  if (!preprocessing) return std::unexpected(preprocessing.error());
  return Files{.network = std::move(*network),
               .preparation = std::move(*preparation),
               .weights = *weights,
               .preprocessing = *preprocessing};
}

// Whoever had the name first keeps it: the token of somebody else's account is nobody's business.
Result<domain::User> Dummy::owner(const std::string& correlation) {
  auto request = registration(owner_name, owner_password);
  request.actor = true;
  if (auto registered = gateway_.register_user(request, correlation)) return std::move(registered->user);
  if (auto user = gateway_.user_by_password({owner_name, owner_password, {}})) return std::move(*user);
  return std::unexpected(
      domain::Rejection{domain::Reason::invalid_request,
                        std::string("The user ") + owner_name +
                            " exists and has another password; dummy data is made on fresh data only."});
}

Result<std::vector<domain::UserId>> Dummy::participants(const std::string& correlation) {
  std::vector<domain::UserId> users;
  for (int number = 0; number < participant_count; ++number) {
    // Nobody will log in as one of them, so nobody is told the password.
    auto request = registration("dummy-client-" + new_id().text(), new_id().text());
    request.client = true;
    auto registered = gateway_.register_user(request, correlation);
    if (!registered) return std::unexpected(std::move(registered.error()));
    users.push_back(registered->user.id);
  }
  return users;
}

// The model and its whole training become durable at once, or nothing.
Result<domain::TrainingId> Dummy::complete_training(const Files& files, domain::UserId owner,
                                                    std::vector<domain::UserId> participants,
                                                    const std::string& correlation) {
  const domain::ModelId model{new_id()};
  const domain::TrainingId training{new_id()};
  const std::vector<domain::ModelEvent> model_events{
      domain::ModelUploaded{.model = model,
                            .kind = domain::ModelKind::global,
                            .owner = owner,
                            .name = "dummy-digits",
                            .description = "An untrained network for handwritten digits of 28 x 28 pixels.",
                            .input_shape = domain::InputShape{std::nullopt, 1, 28, 28},
                            .round = 0,
                            .weights = files.weights,
                            .preprocessing = files.preprocessing,
                            .members = {},
                            .copied_from = {}},
      domain::ModelJoinedTraining{.training = training}};
  const auto training_events = dummy_course({.training = training,
                                             .model = model,
                                             .model_version = model_events.size(),
                                             .actor = owner,
                                             .target_num_updates = rounds,
                                             .round = 0,
                                             .aggregation_method = domain::AggregationMethod::fed_avg,
                                             .uncertainty_method = domain::UncertaintyMethod::none,
                                             .options = {},
                                             .participants = std::move(participants),
                                             .weights = files.weights,
                                             .preprocessing = files.preprocessing},
                                            new_id);
  const auto committed =
      storage_.journal().append_and_wait({.appends = {{.stream = storage::stream_of(model),
                                                       .expected_version = 0,
                                                       .events = encoded(model_events)},
                                                      {.stream = storage::stream_of(training),
                                                       .expected_version = 0,
                                                       .events = encoded(training_events)}},
                                          .secrets = {},
                                          .acting_user = owner,
                                          .command = new_id(),
                                          .correlation = correlation,
                                          .idempotency_key = {},
                                          .reply = {}});
  if (!committed) return std::unexpected(rejection_of(committed.error()));
  return training;
}

}  // namespace fedlog::actors
