#include "ml/pickle_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

// That Python reads it is what pytorch_reads_pickles_test.py shows.
namespace fedlog::ml {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Tensor two_bytes() {
  return {.dtype = DType::uint8, .shape = {2}, .bytes = {std::byte{'a'}, std::byte{'b'}}};
}

std::string pickled(const Tensor& tensor) {
  PickleWriter writer;
  writer.begin_dictionary();
  writer.key("values");
  writer.tensor(tensor);
  writer.end_dictionary();
  return writer.finish();
}

TEST(PickleWriter, WritesAnEmptyDictionary) {
  PickleWriter writer;
  writer.begin_dictionary();
  writer.end_dictionary();
  EXPECT_EQ(writer.finish(), "\x80\x04}(u.");
}

TEST(PickleWriter, WritesATensorAsPyTorchPicklesIt) {
  const auto pickle = pickled(two_bytes());
  using namespace std::string_literals;
  EXPECT_THAT(pickle, StartsWith("\x80\x04}(X\x06\0\0\0valuesctorch._utils\n_rebuild_tensor_v2\n("
                                 "ctorch.storage\n_load_from_bytes\n\x8e"s));
  EXPECT_THAT(pickle, HasSubstr("X\7\0\0\0storagectorch\nByteStorage\nX\1\0\0\0"s
                                "0X\3\0\0\0cpuK\2NtQ."s));
  // The elements end the storage; then come offset, shape, stride, requires_grad and hooks.
  EXPECT_THAT(pickle, EndsWith("\2\0\0\0\0\0\0\0ab\x85RK\0(K\2t(K\1t\x89"s
                               "ccollections\nOrderedDict\n)RtRu."s));
}

TEST(PickleWriter, GivesTheSameBytesForTheSameValues) {
  EXPECT_EQ(pickled(two_bytes()), pickled(two_bytes()));
}

}  // namespace
}  // namespace fedlog::ml
