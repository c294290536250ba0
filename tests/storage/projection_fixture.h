#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "storage/data_folder.h"
#include "storage/rebuild_views.h"
#include "tests/storage/examples.h"
#include "tests/storage/rows_of.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage::testing {

// Appends events to the memory twin and asks its views. At the end of each test the views must be what a
// rebuild makes of the log.
class Projection : public ::testing::Test {
 protected:
  void TearDown() override {
    EXPECT_EQ(compare_views_with_log(*storage_->snapshot(), storage_->codec()), std::nullopt);
  }

  std::vector<Envelope> append(const StreamName& stream, std::vector<NewEvent> events) {
    auto committed = storage_->journal().append_and_wait(
        commit_of(stream, storage_->journal().version_of(stream), std::move(events)));
    if (!committed) throw std::runtime_error(committed.error().message);
    return *committed;
  }
  std::vector<Envelope> happens(domain::TrainingEvent event) {
    return append(stream_of(training_id(1)), {EventCodec::encode(event)});
  }
  void happens_to_group(std::int64_t group, domain::GroupEvent event) {
    append(stream_of(domain::GroupId{group}), {EventCodec::encode(event)});
  }
  void happens_to_model(std::uint8_t model, domain::ModelEvent event) {
    append(stream_of(model_id(model)), {EventCodec::encode(event)});
  }
  void registers(std::uint8_t number, const std::string& name) {
    ASSERT_TRUE(storage_->journal().append_and_wait(registration(*storage_, number, name)));
  }

  // Model 1 of user 1 in training 1 with participants 2 and 3.
  void creates_training() {
    happens_to_model(1, uploaded(1, user_id(1)));
    happens_to_model(1, domain::ModelJoinedTraining{training_id(1)});
    happens(created(1, 1, user_id(1), {user_id(2), user_id(3)}));
  }
  void starts() {
    happens(domain::TrainingStarted{});
    happens(domain::RoundOpened{0});
  }
  void updates(std::uint8_t participant, std::uint8_t local_model, std::int64_t round = 0) {
    happens(domain::UpdateAccepted{user_id(participant),
                                   model_id(local_model),
                                   round,
                                   blob_id(local_model),
                                   10,
                                   {{"loss", 0.5, std::nullopt}}});
  }

  void sends_moments(std::uint8_t participant, std::uint8_t blob, std::int64_t samples = 10) {
    happens(domain::MomentsAccepted{user_id(participant), 1, blob_id(blob),
                                    blob_id(static_cast<std::uint8_t>(blob + 100)), "float32 [8]", samples});
  }

  std::vector<domain::ModelId> models_of(std::uint8_t user) {
    std::vector<domain::ModelId> ids;
    for (const auto& model : rows_of(views_.models_of(user_id(user)))) ids.push_back(model.id);
    return ids;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Storage> storage_ = open_memory_storage(folder_.path());
  const Views& views_ = storage_->views();
};

}  // namespace fedlog::storage::testing
