#include "ml/worker_protocol.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "ml/worker_channel.h"

namespace fedlog::ml {
namespace {

using namespace std::chrono_literals;

Tensor floats(std::vector<std::int64_t> shape, std::size_t count) {
  Tensor tensor{
      .dtype = DType::float32, .shape = std::move(shape), .bytes = std::vector<std::byte>(count * 4)};
  for (std::size_t index = 0; index < tensor.bytes.size(); ++index)
    tensor.bytes[index] = static_cast<std::byte>(index);
  return tensor;
}

WorkerTask some_task() {
  return {.operation = WorkerOperation::run,
          .method = SamplingMethod::mc_dropout,
          .inputs_take_model_type = true,
          .softmax = true,
          .samples = 7,
          .seed = 0x0123456789ABCDEF,
          .input_kind = InputKind::image,
          .preprocess = true,
          .input_shape = std::vector<std::int64_t>{-1, 3},
          .model_ids = {"one", "two"}};
}

void expect_equal(const std::vector<Tensor>& got, const std::vector<Tensor>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t index = 0; index < got.size(); ++index) {
    EXPECT_EQ(got[index].dtype, wanted[index].dtype);
    EXPECT_EQ(got[index].shape, wanted[index].shape);
    EXPECT_EQ(got[index].bytes, wanted[index].bytes);
  }
}

TEST(WorkerProtocol, BringsARequestOverUnchanged) {
  std::vector<std::byte> area(64);
  const std::vector<Tensor> inputs{floats({2, 3}, 6), floats({}, 1), floats({0, 5}, 0)};
  const auto frame = encode_request(some_task(), inputs, area);
  ASSERT_TRUE(frame) << frame.error();
  const auto request = decode_request(*frame, area);
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->task.operation, WorkerOperation::run);
  EXPECT_EQ(request->task.method, SamplingMethod::mc_dropout);
  EXPECT_TRUE(request->task.inputs_take_model_type);
  EXPECT_TRUE(request->task.softmax);
  EXPECT_EQ(request->task.samples, 7U);
  EXPECT_EQ(request->task.seed, 0x0123456789ABCDEFU);
  EXPECT_EQ(request->task.input_kind, InputKind::image);
  EXPECT_TRUE(request->task.preprocess);
  EXPECT_EQ(request->task.input_shape, (std::vector<std::int64_t>{-1, 3}));
  EXPECT_EQ(request->task.model_ids, (std::vector<std::string>{"one", "two"}));
  expect_equal(request->inputs, inputs);
}

TEST(WorkerProtocol, BringsTheSourceOfAModuleOverUnchanged) {
  WorkerTask task{.operation = WorkerOperation::compile};
  task.source = {.modules = {{.path = "conv", .class_name = "Conv", .methods = "def forward(self)"},
                             {.path = "", .class_name = "Root", .methods = ""}},
                 .parameters = {"conv.weight"}};
  const auto frame = encode_request(task, std::vector{floats({1}, 1)}, {});
  ASSERT_TRUE(frame) << frame.error();
  const auto request = decode_request(*frame, {});
  ASSERT_TRUE(request) << request.error();
  EXPECT_EQ(request->task.operation, WorkerOperation::compile);
  const auto& source = request->task.source;
  ASSERT_EQ(source.modules.size(), 2U);
  EXPECT_EQ(source.modules[0].path, "conv");
  EXPECT_EQ(source.modules[0].class_name, "Conv");
  EXPECT_EQ(source.modules[0].methods, "def forward(self)");
  EXPECT_EQ(source.modules[1].path, "");
  EXPECT_EQ(source.parameters, (std::vector<std::string>{"conv.weight"}));
  for (std::size_t size = 0; size < frame->size(); ++size) {
    EXPECT_FALSE(decode_request(std::span(*frame).first(size), {})) << size;
  }
}

TEST(WorkerProtocol, RefusesAnInputShapeOfTooManyDimensions) {
  WorkerTask task = some_task();
  task.input_shape = std::vector<std::int64_t>(rank_limit + 1, 1);
  EXPECT_FALSE(encode_request(task, {}, {}));
  task.input_shape = std::vector<std::int64_t>(rank_limit, 1);
  EXPECT_TRUE(encode_request(task, {}, {}));
}

TEST(WorkerProtocol, RefusesASourceOverItsLimits) {
  WorkerTask task{.operation = WorkerOperation::compile};
  task.source.modules.resize(source_modules_limit + 1);
  EXPECT_FALSE(encode_request(task, {}, {}));
  task.source.modules.resize(1);
  task.source.modules[0].methods = std::string(source_methods_limit_bytes + 1, ' ');
  EXPECT_FALSE(encode_request(task, {}, {}));
  task.source.modules[0].methods = {};
  task.source.modules[0].path = std::string(source_name_limit_bytes + 1, 'a');
  EXPECT_FALSE(encode_request(task, {}, {}));
  task.source = {.modules = {}, .parameters = {tensor_limit + 1, "w"}};
  EXPECT_FALSE(encode_request(task, {}, {}));
}

TEST(WorkerProtocol, PutsLargeTensorsIntoTheSharedMemory) {
  std::vector<std::byte> area(inline_tensors_limit_bytes * 3);
  const std::vector<Tensor> inputs{floats({1, 3}, 3), floats({1 << 17}, 1 << 17)};
  const auto frame = encode_request(some_task(), inputs, area);
  ASSERT_TRUE(frame) << frame.error();
  EXPECT_LT(frame->size(), 1000U);
  const auto request = decode_request(*frame, area);
  ASSERT_TRUE(request) << request.error();
  expect_equal(request->inputs, inputs);
}

TEST(WorkerProtocol, RefusesTensorsThatTheSharedMemoryCannotHold) {
  std::vector<std::byte> area(inline_tensors_limit_bytes);
  const auto frame = encode_request(some_task(), std::vector{floats({1 << 17}, 1 << 17)}, area);
  ASSERT_FALSE(frame);
  EXPECT_NE(frame.error().find("more than the limit of 262144"), std::string::npos) << frame.error();
}

TEST(WorkerProtocol, RefusesATensorWhoseBytesDoNotMatchItsShape) {
  EXPECT_FALSE(encode_request(some_task(), std::vector{floats({2, 3}, 5)}, {}));
}

TEST(WorkerProtocol, BringsAReplyOverUnchanged) {
  const WorkerReply reply{.error = {}, .outputs = {floats({4}, 4)}, .retiring = true};
  const auto frame = encode_reply(reply, {});
  ASSERT_TRUE(frame);
  const auto got = decode_reply(*frame, {});
  ASSERT_TRUE(got) << got.error();
  EXPECT_FALSE(got->error);
  EXPECT_TRUE(got->retiring);
  expect_equal(got->outputs, reply.outputs);
}

TEST(WorkerProtocol, MakesAnErrorsTextPrintable) {
  WorkerReply reply;
  reply.error = ExecutionError{ExecutionErrorCode::input_mismatch, "bad\nthing \x1b[31m \xff \xc3\xbc"};
  const auto got = decode_reply(*encode_reply(reply, {}), {});
  ASSERT_TRUE(got && got->error);
  EXPECT_EQ(got->error->code, ExecutionErrorCode::input_mismatch);
  EXPECT_EQ(got->error->message, "bad thing  [31m ? \xc3\xbc");
  EXPECT_LE(printable_line(std::string(100'000, 'x')).size(), message_limit_bytes);
}

TEST(WorkerProtocol, BringsAGreetingOverAndRefusesAnotherVersion) {
  const auto got =
      decode_greeting(encode_greeting({.landlock_abi = 7, .network_namespace = true, .failure = ""}));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->landlock_abi, 7U);
  EXPECT_TRUE(got->network_namespace);
  EXPECT_FALSE(got->user_namespace);
  const auto other =
      decode_greeting(encode_greeting({.version = worker_protocol_version + 1, .failure = ""}));
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().find("same release"), std::string::npos);
}

// Every frame below differs from a valid one in what its name says.
TEST(WorkerProtocol, RefusesEveryCutOffFrame) {
  std::vector<std::byte> area(64);
  const auto request = *encode_request(some_task(), std::vector{floats({2, 3}, 6)}, area);
  for (std::size_t size = 0; size < request.size(); ++size) {
    EXPECT_FALSE(decode_request(std::span(request).first(size), area)) << size;
  }
  const auto reply = *encode_reply({.error = {}, .outputs = {floats({2}, 2)}}, area);
  for (std::size_t size = 0; size < reply.size(); ++size) {
    EXPECT_FALSE(decode_reply(std::span(reply).first(size), area)) << size;
  }
}

TEST(WorkerProtocol, RefusesBytesLeftOver) {
  auto frame = *encode_reply({}, {});
  frame.push_back(std::byte{0});
  EXPECT_FALSE(decode_reply(frame, {}));
}

// A reply with one tensor: flags (2 bytes), count (4), type (1), rank (4), extents (8 each), place (1),
// offset or bytes.
class HostileReply {
 public:
  HostileReply() : frame_(2 + 4) { patch(2, std::uint32_t{1}); }
  HostileReply& tensor(std::uint8_t type, std::vector<std::int64_t> shape, std::uint8_t place,
                       std::uint64_t offset) {
    put(type);
    put(static_cast<std::uint32_t>(shape.size()));
    for (const auto extent : shape) put(extent);
    put(place);
    if (place == 1) put(offset);
    return *this;
  }
  template <class Number>
  HostileReply& patch(std::size_t position, Number value) {
    std::memcpy(frame_.data() + position, &value, sizeof value);
    return *this;
  }
  [[nodiscard]] std::expected<WorkerReply, std::string> decode(std::size_t area_bytes) const {
    return decode_reply(frame_, std::vector<std::byte>(area_bytes));
  }

 private:
  template <class Number>
  void put(Number value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    frame_.insert(frame_.end(), bytes.begin(), bytes.end());
  }
  Frame frame_;
};

TEST(WorkerProtocol, TakesAnHonestReplyBuiltByHand) {
  const auto reply = HostileReply().tensor(0, {16}, 1, 0).decode(64);
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->outputs.at(0).bytes.size(), 64U);
}

TEST(WorkerProtocol, RefusesTensorsThatLie) {
  constexpr std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_FALSE(HostileReply().tensor(0, {17}, 1, 0).decode(64)) << "longer than the area";
  EXPECT_FALSE(HostileReply().tensor(0, {16}, 1, 1).decode(64)) << "past its end";
  EXPECT_FALSE(HostileReply().tensor(0, {1}, 1, ~std::uint64_t{0}).decode(64)) << "an offset that wraps";
  EXPECT_FALSE(HostileReply().tensor(0, {huge, 4}, 1, 0).decode(64)) << "a product that wraps to 0";
  EXPECT_FALSE(HostileReply().tensor(0, {-1}, 1, 0).decode(64)) << "a negative extent";
  EXPECT_FALSE(HostileReply().tensor(10, {1}, 1, 0).decode(64)) << "an unknown type";
  EXPECT_FALSE(HostileReply().tensor(0, {1}, 2, 0).decode(64)) << "an unknown place";
  EXPECT_FALSE(HostileReply().tensor(0, {huge}, 0, 0).decode(64)) << "bytes that the frame does not have";
  EXPECT_FALSE(HostileReply().tensor(0, std::vector<std::int64_t>(33, 1), 1, 0).decode(64))
      << "too many dimensions";
}

TEST(WorkerProtocol, RefusesMoreTensorsThanTheSharedMemoryCouldHold) {
  HostileReply reply;
  reply.patch(2, std::uint32_t{2});
  reply.tensor(0, {16}, 1, 0).tensor(0, {16}, 1, 0);
  EXPECT_FALSE(reply.decode(64)) << "the same bytes twice";
  EXPECT_TRUE(reply.decode(128));
  EXPECT_FALSE(HostileReply().patch(2, std::uint32_t{0xFFFFFFFF}).decode(64));
}

TEST(WorkerProtocol, RefusesErrorCodesThatOnlyTheServerGives) {
  WorkerReply reply;
  reply.error = ExecutionError{ExecutionErrorCode::busy, "really"};
  EXPECT_FALSE(decode_reply(*encode_reply(reply, {}), {}));
}

class WorkerChannel : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    here_ = OwnedDescriptor(pair[0]);
    there_ = OwnedDescriptor(pair[1]);
  }
  static Deadline soon() { return std::chrono::steady_clock::now() + 10s; }

  OwnedDescriptor here_;
  OwnedDescriptor there_;
};

TEST_F(WorkerChannel, BringsAFrameAndItsDescriptors) {
  const Frame sent{std::byte{1}, std::byte{2}};
  auto memory = SharedMemory::create(4096);
  ASSERT_TRUE(memory);
  memory->bytes()[17] = std::byte{42};
  const std::array<int, 1> descriptors{memory->descriptor()};
  ASSERT_TRUE(send_frame(here_.get(), sent, descriptors, soon()));
  std::vector<OwnedDescriptor> received;
  EXPECT_EQ(receive_frame(there_.get(), soon(), &received), sent);
  ASSERT_EQ(received.size(), 1U);
  auto same = SharedMemory::adopt(std::move(received[0]));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->bytes()[17], std::byte{42});
  memory->clear();
  EXPECT_EQ(same->bytes()[17], std::byte{0});
}

TEST_F(WorkerChannel, DropsDescriptorsThatNobodyAskedFor) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const OwnedDescriptor read_end(pipe[0]);
  OwnedDescriptor write_end(pipe[1]);
  const std::array<int, 1> descriptors{write_end.get()};
  ASSERT_TRUE(send_frame(here_.get(), Frame(1), descriptors, soon()));
  write_end.close();
  ASSERT_TRUE(receive_frame(there_.get(), soon()));
  // Had the descriptor been installed, the pipe would still have a writer.
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0);
}

TEST_F(WorkerChannel, RefusesWhatIsNoFrame) {
  const std::array<std::uint32_t, 2> header{0x12345678, 1};
  ASSERT_EQ(::send(here_.get(), header.data(), sizeof header, 0), 8);
  EXPECT_EQ(receive_frame(there_.get(), soon()).error(), ChannelError::malformed);
}

TEST_F(WorkerChannel, RefusesAFrameLargerThanTheLimitWithoutReadingIt) {
  const std::array<std::uint32_t, 2> header{0x31574C46, 0xFFFFFFFF};
  ASSERT_EQ(::send(here_.get(), header.data(), sizeof header, 0), 8);
  EXPECT_EQ(receive_frame(there_.get(), soon()).error(), ChannelError::malformed);
}

TEST_F(WorkerChannel, NoticesThatTheOtherEndIsGone) {
  ASSERT_EQ(::send(here_.get(), "FL", 2, 0), 2);
  here_.close();
  EXPECT_EQ(receive_frame(there_.get(), soon()).error(), ChannelError::closed);
  EXPECT_EQ(send_frame(there_.get(), Frame(1), {}, soon()).error(), ChannelError::closed);
}

TEST_F(WorkerChannel, GivesUpAtTheDeadline) {
  EXPECT_EQ(receive_frame(there_.get(), std::chrono::steady_clock::now()).error(), ChannelError::deadline);
}

TEST(SharedMemory, CannotBeShortenedOrGrownByTheOtherSide) {
  auto memory = SharedMemory::create(8192);
  ASSERT_TRUE(memory);
  EXPECT_NE(::ftruncate(memory->descriptor(), 4096), 0);
  EXPECT_NE(::ftruncate(memory->descriptor(), 16384), 0);
}

}  // namespace
}  // namespace fedlog::ml
