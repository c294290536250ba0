#include "actors/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "storage/event_codec.h"
#include "tests/actors/tensors.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

// What the service asks of a worker and what it makes of the answer, over a storage in memory.
namespace fedlog::actors {
namespace {

using namespace testing;
using domain::ModelKind;
using domain::Reason;
using domain::UncertaintyMethod;
using ml::DType;
using ml::SamplingMethod;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;
using ::testing::StartsWith;

template <class Id>
Id id_number(std::uint8_t number) {
  Id id;
  id.uuid.bytes[15] = number;
  return id;
}

class AnInference : public ::testing::Test {
 protected:
  domain::BlobId blob(const std::string& content) {
    return storage->blobs().put(std::as_bytes(std::span{content})).value();
  }

  domain::Model model(ModelKind kind = ModelKind::global) {
    domain::Model model;
    model.id = id_number<domain::ModelId>(1);
    model.kind = kind;
    model.owner = id_number<domain::UserId>(2);
    if (kind != ModelKind::mean) model.weights = blob("weights");
    return model;
  }

  static domain::Training training(UncertaintyMethod method, std::int64_t samples = 10,
                                   bool softmax = false) {
    domain::Training training;
    training.uncertainty_method = method;
    training.options.uncertainty_samples = samples;
    training.options.uncertainty_softmax = softmax;
    return training;
  }

  // A model that the views know.
  domain::ModelId stored_model(std::uint8_t number, const std::string& weights) {
    const auto id = id_number<domain::ModelId>(number);
    const domain::ModelEvent uploaded = domain::ModelUploaded{.model = id,
                                                              .kind = ModelKind::global,
                                                              .owner = id_number<domain::UserId>(2),
                                                              .name = "member",
                                                              .description = {},
                                                              .input_shape = {},
                                                              .round = 0,
                                                              .weights = blob(weights),
                                                              .preprocessing = {},
                                                              .members = {},
                                                              .copied_from = {}};
    const auto committed =
        storage->journal().append_and_wait({.appends = {{.stream = storage::stream_of(id),
                                                         .expected_version = 0,
                                                         .events = {storage::EventCodec::encode(uploaded)}}},
                                            .secrets = {},
                                            .acting_user = id_number<domain::UserId>(2),
                                            .command = id_number<domain::UserId>(number).uuid,
                                            .correlation = {},
                                            .idempotency_key = {},
                                            .reply = {}});
    EXPECT_TRUE(committed.has_value());
    return id;
  }

  // A moment as torch.save writes it.
  domain::BlobId moment(std::vector<float> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    return blob(ml::torch_file(ml::complete_pickle(ml::pickled_tensor(
                                   {.shape = {count}, .strides = {1}, .storage_elements = count})),
                               {{.key = "0", .content = ml::raw<float>(values)}}));
  }

  Result<std::string> predict(const domain::Model& model, const domain::Training* training = nullptr,
                              InferenceRequest request = {.model = {}, .input = json{{1.0, 2.0}}}) {
    const Inference inference(
        *storage,
        [this](const ExecutionRequest& execution) {
          asked.push_back(execution);
          return answer;
        },
        worker_missing);
    return inference.predict(id_number<domain::UserId>(9), model, training, request);
  }

  const ExecutionRequest& only_request() {
    EXPECT_THAT(asked, SizeIs(1));
    return asked.front();
  }

  void expect_refused(const Result<std::string>& reply, Reason reason, const std::string& words) {
    ASSERT_FALSE(reply.has_value());
    EXPECT_EQ(reply.error().reason, reason);
    EXPECT_THAT(reply.error().message, HasSubstr(words));
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::vector<ExecutionRequest> asked;
  Inference::Outputs answer = std::vector<ml::Tensor>{tensor_of<float>(DType::float32, {2, 2}, {1, 3, 5, 4})};
  std::string worker_missing;
};

TEST_F(AnInference, WithoutATrainingTellsTheClasses) {
  EXPECT_EQ(predict(model()).value(), R"({"inference":[1,0],"uncertainty":{}})");
  const auto& request = only_request();
  EXPECT_EQ(request.method, SamplingMethod::none);
  EXPECT_THAT(request.models, SizeIs(1));
  EXPECT_EQ(request.models.front().id, blob("weights").text());
  EXPECT_EQ(request.isolation_group, model().owner.text());
  EXPECT_EQ(request.model, model().id.text());
  EXPECT_EQ(request.caller, id_number<domain::UserId>(9).text());
  EXPECT_TRUE(request.inputs_take_model_type);
  EXPECT_FALSE(request.preprocessing);
  EXPECT_FALSE(request.input_shape);
}

TEST_F(AnInference, SendsPreprocessingAndTheDeclaredShapeAlong) {
  auto prepared = model();
  prepared.preprocessing = blob("preprocessing");
  prepared.input_shape = domain::InputShape{std::nullopt, 3};
  ASSERT_TRUE(predict(prepared).has_value());
  ASSERT_TRUE(only_request().preprocessing);
  EXPECT_EQ(only_request().preprocessing->id, blob("preprocessing").text());
  EXPECT_THAT(only_request().input_shape, Optional(ElementsAre(-1, 3)));
}

TEST_F(AnInference, LeavesImagesToTheWorker) {
  ASSERT_TRUE(
      predict(model(), nullptr, {.model = {}, .input = std::string("\x89PNG\r\n\x1a\n...")}).has_value());
  EXPECT_EQ(only_request().input_kind, ml::InputKind::image);
  EXPECT_FALSE(only_request().inputs_take_model_type);
}

TEST_F(AnInference, WithDropoutAsksForSamplesAndTellsTheirSpread) {
  const auto asks = training(UncertaintyMethod::mc_dropout, 2, true);
  answer = std::vector{tensor_of<float>(DType::float32, {2, 1, 2}, {0, 4, 2, 4})};
  EXPECT_EQ(predict(model(), &asks).value(),
            R"({"inference":[[1.0,4.0]],"uncertainty":{"variance":[[2.0,0.0]],)"
            R"("std":[[1.4142135381698608,0.0]]}})");
  EXPECT_EQ(only_request().method, SamplingMethod::mc_dropout);
  EXPECT_EQ(only_request().samples, 2U);
  EXPECT_TRUE(only_request().softmax);
}

TEST_F(AnInference, OfAMeanModelAsksItsMembers) {
  auto mean = model(ModelKind::mean);
  mean.members = {stored_model(11, "one"), stored_model(12, "two")};
  answer = std::vector{tensor_of<float>(DType::float32, {2, 1, 2}, {1, 4, 3, 0})};
  const auto asks = training(UncertaintyMethod::ensemble);
  EXPECT_THAT(predict(mean, &asks).value(),
              StartsWith(R"({"inference":[[2.0,2.0]],"uncertainty":{"variance")"));
  EXPECT_EQ(only_request().method, SamplingMethod::ensemble);
  ASSERT_THAT(only_request().models, SizeIs(2));
  EXPECT_EQ(only_request().models[0].id, blob("one").text());
  EXPECT_EQ(only_request().models[1].id, blob("two").text());
  // Without the method, the classes of their mean.
  EXPECT_EQ(predict(mean).value(), R"({"inference":[0],"uncertainty":{}})");
}

TEST_F(AnInference, OfAMeanModelIsRefusedWhenAMemberIsGoneOrThereAreTooMany) {
  auto mean = model(ModelKind::mean);
  expect_refused(predict(mean), Reason::invalid_input, "no members");
  mean.members = {stored_model(11, "one"), id_number<domain::ModelId>(12)};
  expect_refused(predict(mean), Reason::invalid_input, "does not exist any more");
  mean.members.assign(ml::models_per_request_limit, mean.members.front());
  expect_refused(predict(mean), Reason::invalid_input, "at most");
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AnInference, WithSwagSendsTheMomentsAfterTheInput) {
  auto swag = model(ModelKind::swag);
  const auto asks = training(UncertaintyMethod::swag, 3);
  expect_refused(predict(swag, &asks), Reason::invalid_input, "first SWAG round");
  swag.swag_first_moment = moment({1, 2});
  swag.swag_second_moment = moment({3, 4});
  answer = std::vector{tensor_of<float>(DType::float32, {3, 1, 1}, {1, 2, 3})};
  EXPECT_THAT(predict(swag, &asks).value(),
              StartsWith(R"({"inference":[[2.0]],"uncertainty":{"variance":[[1.0]])"));
  const auto& request = only_request();
  EXPECT_EQ(request.method, SamplingMethod::swag);
  EXPECT_EQ(request.samples, 3U);
  ASSERT_THAT(request.inputs, SizeIs(3));
  EXPECT_THAT(request.inputs[0].shape, ElementsAre(1, 2));
  EXPECT_THAT(values_of<float>(request.inputs[1]), ElementsAre(1, 2));
  EXPECT_THAT(values_of<float>(request.inputs[2]), ElementsAre(3, 4));
}

TEST_F(AnInference, WithSwagIsRefusedWhenAMomentCannotBeRead) {
  auto swag = model(ModelKind::swag);
  swag.swag_first_moment = blob("no tensor");
  swag.swag_second_moment = moment({1});
  const auto asks = training(UncertaintyMethod::swag);
  expect_refused(predict(swag, &asks), Reason::invalid_input, "moment");
}

TEST_F(AnInference, NeedsAModelThatFitsTheMethod) {
  auto mean = model(ModelKind::mean);
  mean.members = {stored_model(11, "one")};
  for (const auto method : {UncertaintyMethod::mc_dropout, UncertaintyMethod::swag}) {
    const auto asks = training(method);
    expect_refused(predict(mean, &asks), Reason::invalid_input, "A mean model has no weights of its own");
  }
  const auto asks = training(UncertaintyMethod::ensemble);
  expect_refused(predict(model(), &asks), Reason::invalid_input, "ENSEMBLE");
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AnInference, DrawsWithTheSeedThatIsGivenElseByChance) {
  InferenceRequest seeded{.model = {}, .input = json{{1.0}}};
  seeded.seed = 42;
  ASSERT_TRUE(predict(model(), nullptr, seeded).has_value());
  ASSERT_TRUE(predict(model()).has_value());
  ASSERT_TRUE(predict(model()).has_value());
  EXPECT_EQ(asked[0].seed, 42U);
  EXPECT_NE(asked[1].seed, asked[2].seed);
}

TEST_F(AnInference, RepliesWithAPickleWhenAskedTo) {
  InferenceRequest binary{.model = {}, .input = json{{1.0}}, .binary_reply = true};
  const auto reply = predict(model(), nullptr, binary);
  ASSERT_TRUE(reply.has_value());
  EXPECT_THAT(*reply, StartsWith("\x80\x04"));
  EXPECT_THAT(*reply, HasSubstr("LongStorage"));
}

TEST_F(AnInference, IsRefusedWhenTheInputIsNone) {
  expect_refused(predict(model(), nullptr, {.model = {}, .input = std::string("hello")}),
                 Reason::invalid_input, "Model input could not be casted");
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AnInference, SurvivesAModelThatReturnsNothing) {
  answer = std::vector<ml::Tensor>{};
  expect_refused(predict(model()), Reason::invalid_input, "returns nothing");
}

ml::Tensor zeros(std::vector<std::int64_t> shape) {
  ml::Tensor tensor{.dtype = DType::float32, .shape = std::move(shape), .bytes = {}};
  std::size_t count = 1;
  for (const auto extent : tensor.shape) count *= static_cast<std::size_t>(extent);
  tensor.bytes.resize(count * sizeof(float));
  return tensor;
}

TEST_F(AnInference, RefusesAnAnswerThatWouldBloatTheServer) {
  constexpr auto most = static_cast<std::int64_t>(answer_numbers_max);
  InferenceRequest binary{.model = {}, .input = json{{1.0}}, .binary_reply = true};
  answer = std::vector{zeros({most + 1, 1})};
  expect_refused(predict(model(), nullptr, binary), Reason::invalid_input, "less at once");
  const auto asks = training(UncertaintyMethod::mc_dropout);
  answer = std::vector{zeros({1, most + 1})};
  expect_refused(predict(model(), &asks, binary), Reason::invalid_input, "less at once");
}

TEST_F(AnInference, RefusesAnAnswerWithoutNumbersThatHasTooManyLists) {
  constexpr std::int64_t many = std::int64_t{1} << 40;
  const auto asks = training(UncertaintyMethod::mc_dropout);
  InferenceRequest binary{.model = {}, .input = json{{1.0}}, .binary_reply = true};
  // Samples, classes and what comes after the zero count too: nothing else bounds them.
  for (const auto& shape : {std::vector<std::int64_t>{many, 1, 0},
                            {1, many, 0},
                            {many, 0},
                            {0, many, many},
                            {2, 2, 0, many, many}}) {
    answer = std::vector{ml::Tensor{.dtype = DType::float32, .shape = shape, .bytes = {}}};
    for (const auto& request : {InferenceRequest{.model = {}, .input = json{{1.0}}}, binary}) {
      expect_refused(predict(model(), nullptr, request), Reason::invalid_input, "less at once");
      expect_refused(predict(model(), &asks, request), Reason::invalid_input, "less at once");
    }
  }
  answer = std::vector{zeros({2, 3, 0})};
  EXPECT_EQ(predict(model()).value(), R"({"inference":[[],[]],"uncertainty":{}})");
}

TEST_F(AnInference, TellsLongAnswersInPicklesOnly) {
  constexpr auto most = static_cast<std::int64_t>(json_numbers_max);
  InferenceRequest binary{.model = {}, .input = json{{1.0}}, .binary_reply = true};
  answer = std::vector{zeros({most + 1, 1})};
  expect_refused(predict(model()), Reason::invalid_input, "return_format=binary");
  EXPECT_TRUE(predict(model(), nullptr, binary).has_value());
  // Of samples, the spread counts too.
  const auto asks = training(UncertaintyMethod::mc_dropout);
  answer = std::vector{zeros({1, most / 3 + 1})};
  expect_refused(predict(model(), &asks), Reason::invalid_input, "return_format=binary");
}

TEST_F(AnInference, TellsDeepAnswersInPicklesOnly) {
  InferenceRequest binary{.model = {}, .input = json{{1.0}}, .binary_reply = true};
  std::vector<std::int64_t> deep(32, 1);
  deep.front() = json_parts_max / 31 + 1;
  answer = std::vector{zeros(deep)};
  expect_refused(predict(model()), Reason::invalid_input, "numbers and lists, too many for JSON");
  EXPECT_TRUE(predict(model(), nullptr, binary).has_value());
  // Of samples, the spread counts too.
  const auto asks = training(UncertaintyMethod::mc_dropout);
  deep.assign(32, 1);
  deep[1] = json_parts_max / 31 / 3 + 1;
  answer = std::vector{zeros(deep)};
  expect_refused(predict(model(), &asks), Reason::invalid_input, "numbers and lists, too many for JSON");
}

TEST_F(AnInference, SaysWhyAnOutputHasNoMeaning) {
  answer = std::vector{tensor_of<float>(DType::float32, {2}, {1, 2})};
  expect_refused(predict(model()), Reason::invalid_input, "[batch, classes, ...]");
  const auto asks = training(UncertaintyMethod::mc_dropout);
  answer = std::vector{tensor_of<std::int64_t>(DType::int64, {1, 2}, {1, 2})};
  expect_refused(predict(model(), &asks), Reason::invalid_input, "int64");
}

TEST_F(AnInference, TellsWhatWentWrongInTheWorker) {
  using enum ExecutionErrorCode;
  const auto reason_of = [&](ExecutionErrorCode code) {
    answer = std::unexpected(ExecutionError{code, "words"});
    const auto reply = predict(model());
    EXPECT_FALSE(reply.has_value());
    return reply.error().reason;
  };
  for (const auto code :
       {model_unreadable, model_unsupported, input_mismatch, output_unsupported, out_of_memory, bad_request,
        input_unreadable, shape_mismatch, deadline_exceeded, worker_failed}) {
    EXPECT_EQ(reason_of(code), Reason::invalid_input);
  }
  EXPECT_EQ(reason_of(busy), Reason::busy);
  EXPECT_EQ(reason_of(worker_unavailable), Reason::busy);
  EXPECT_EQ(reason_of(caller_busy), Reason::throttled);
}

TEST(RejectionOf, SaysOnceWhatHappened) {
  using enum ExecutionErrorCode;
  const auto said = [](ExecutionErrorCode code, std::string words) {
    return rejection_of({code, std::move(words)}).message;
  };
  EXPECT_EQ(said(model_unreadable, "it is broken"), "The model cannot be loaded: it is broken");
  EXPECT_EQ(said(input_mismatch, "the preprocessing does not accept this input: no"),
            "The preprocessing does not accept this input: no");
  EXPECT_EQ(said(out_of_memory, "loading the model takes more memory than a worker has"),
            "Loading the model takes more memory than a worker has");
  EXPECT_EQ(said(worker_failed, "it crashed"), "The model's execution was ended: it crashed");
  EXPECT_EQ(said(deadline_exceeded, "it was ended"), "The model took too long: it was ended");
}

TEST_F(AnInference, NeedsAWorkersProgram) {
  worker_missing = "There is no worker.";
  expect_refused(predict(model()), Reason::busy, "There is no worker.");
  EXPECT_THAT(asked, IsEmpty());
}

}  // namespace
}  // namespace fedlog::actors
