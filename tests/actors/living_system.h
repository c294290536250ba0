#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "actors/system.h"
#include "storage/data_folder.h"
#include "tests/actors/broken_journal.h"
#include "tests/actors/receiver.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

// A whole system over a storage in memory, and users who speak to its gateway.
namespace fedlog::actors::testing {

// Passes everything on; its journal can have broken streams.
class BreakableStorage final : public storage::Storage {
 public:
  explicit BreakableStorage(std::unique_ptr<storage::Storage> storage)
      : storage_(std::move(storage)), journal_(storage_->journal()) {}

  BrokenJournal& journal() override { return journal_; }
  storage::BlobStore& blobs() override { return storage_->blobs(); }
  const storage::BlobStore& blobs() const override { return std::as_const(*storage_).blobs(); }
  const storage::Views& views() const override { return storage_->views(); }
  const storage::EventCodec& codec() const override { return storage_->codec(); }
  NewUserKey new_user_key(domain::UserId user) override { return storage_->new_user_key(user); }
  std::unique_ptr<storage::TableReader> snapshot() const override { return storage_->snapshot(); }
  std::string seal(std::string_view plain) const override { return storage_->seal(plain); }
  std::optional<std::string> unseal(std::string_view sealed) const override {
    return storage_->unseal(sealed);
  }

 private:
  std::unique_ptr<storage::Storage> storage_;
  BrokenJournal journal_;
};

class LivingSystem : public ::testing::Test {
 protected:
  LivingSystem() {
    options.passwords = {.memory_kib = 8, .passes = 1, .threads = 4};
    options.notifications.retry = {.first = std::chrono::milliseconds{1},
                                   .max = std::chrono::milliseconds{2},
                                   .span = std::chrono::hours{1}};
    options.notifications.concurrency = 4;
    options.worker_missing = "No model worker was found; tests need none.";
    options.scratch_folder = folder.path() / "tmp";
    start();
  }

  void start() { system = start_system(storage, options); }
  void stop() { system.reset(); }
  Gateway& gateway() { return system->gateway(); }

  // Whose notifications come to the receiver under "/<name>".
  domain::UserId add_user(const std::string& name) {
    const auto registered = gateway().register_user({.username = name,
                                                     .password = "password of " + name,
                                                     .first_name = {},
                                                     .last_name = {},
                                                     .email = {},
                                                     .message_endpoint = receiver.url("/" + name)},
                                                    "request");
    EXPECT_TRUE(registered.has_value());
    return registered ? registered->user.id : domain::UserId{};
  }

  static RequestContext as(domain::UserId user, std::string idempotency_key = {}) {
    return {.caller = {.id = user, .superuser = false},
            .correlation = "request",
            .idempotency_key = std::move(idempotency_key)};
  }

  static std::string weights(std::vector<float> values) {
    return ml::state_dict_file({{.name = "weight", .values = std::move(values)}});
  }

  std::unique_ptr<Upload> received(const std::string& content) {
    auto upload = gateway().begin_upload().value();
    EXPECT_TRUE(upload->write(std::as_bytes(std::span{content})).has_value());
    return upload;
  }

  Result<domain::ModelId> upload_model(const RequestContext& context,
                                       const std::string& content = weights({0, 0})) {
    return gateway().upload_model(context, {.kind = domain::ModelKind::global,
                                            .name = "model",
                                            .description = {},
                                            .input_shape = {},
                                            .round = 0,
                                            .file = received(content),
                                            .preprocessing = {}});
  }

  // A training of one round, and its model.
  domain::TrainingId create_training(domain::UserId owner, std::vector<domain::UserId> participants,
                                     std::int64_t rounds = 1) {
    TrainingRequest request;
    request.model = upload_model(as(owner)).value();
    request.target_num_updates = rounds;
    request.participants = std::move(participants);
    return gateway().create_training(as(owner), request).value();
  }

  [[nodiscard]] domain::Training training(domain::TrainingId id) const {
    return storage.views().training(id).value();
  }

  Result<void> submit(domain::UserId user, domain::TrainingId id, std::vector<float> values,
                      std::int64_t samples = 1, std::string idempotency_key = {}) {
    const auto now = training(id);
    return gateway().submit_update(as(user, std::move(idempotency_key)), now.model,
                                   {.round = now.round,
                                    .sample_size = samples,
                                    .file = received(weights(std::move(values))),
                                    .metrics = {}});
  }

  Result<void> report(domain::UserId user, domain::TrainingId id) {
    return gateway().report_metrics(as(user), training(id).model, {{"accuracy", 0.5}});
  }

  // How many events of `type` the training's stream has.
  [[nodiscard]] std::size_t count(domain::TrainingId id, std::string_view type) {
    std::size_t found = 0;
    for (const auto& envelope : storage.journal().read_stream(storage::stream_of(id), 1)) {
      found += envelope.type == type ? 1U : 0U;
    }
    return found;
  }

  TemporaryFolder folder;
  Receiver receiver;
  BreakableStorage storage{storage::open_memory_storage(folder.path())};
  SystemOptions options;
  std::unique_ptr<System> system;
};

// With an owner of trainings, and two who take part.
class ThreeUsers : public LivingSystem {
 protected:
  domain::UserId owner = add_user("owner");
  domain::UserId ada = add_user("ada");
  domain::UserId bob = add_user("bob");
};

}  // namespace fedlog::actors::testing
