// What reading a file takes of the heap, counted: this program replaces the operators that allocate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <filesystem>
#include <new>

#include "ml/model_file.h"
#include "tests/ml/archive_writer.h"
#include "tests/ml/fixtures.h"

namespace {

std::size_t taken_bytes = 0;
std::size_t most_bytes = 0;

void* counted(std::size_t size) {
  void* allocation = std::malloc(size);
  if (allocation != nullptr) {
    taken_bytes += malloc_usable_size(allocation);
    most_bytes = std::max(most_bytes, taken_bytes);
  }
  return allocation;
}

void uncounted(void* allocation) {
  if (allocation != nullptr) taken_bytes -= malloc_usable_size(allocation);
  std::free(allocation);
}

}  // namespace

void* operator new(std::size_t size) {
  void* allocation = counted(size);
  if (allocation == nullptr) throw std::bad_alloc();
  return allocation;
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return counted(size);
}
void operator delete(void* allocation) noexcept {
  uncounted(allocation);
}
void operator delete[](void* allocation) noexcept {
  uncounted(allocation);
}
void operator delete(void* allocation, std::size_t) noexcept {
  uncounted(allocation);
}
void operator delete[](void* allocation, std::size_t) noexcept {
  uncounted(allocation);
}

namespace fedlog::ml {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

template <typename Read>
std::size_t heap_taken(Read read) {
  const std::size_t before = taken_bytes;
  most_bytes = before;
  read();
  return most_bytes - before;
}

TEST(ReaderMemory, IsTwiceTheFileAndAMebibyteForEveryFixture) {
  FEDLOG_NEEDS_FIXTURES();
  int measured = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(fixtures())) {
    if (!file.is_regular_file() || file.path().filename() == "manifest.json") {
      continue;
    }
    ++measured;
    const std::size_t taken = heap_taken([&] { (void)ModelFile::open(file.path()); });
    EXPECT_LE(taken, 2 * file.file_size() + mebibyte) << file.path();
  }
  EXPECT_GT(measured, 250);
}

struct Reading {
  std::string refusal;
  std::size_t taken_bytes;
};

Reading reading(const std::string& file, const FileLimits& limits = {}) {
  Reading result{};
  result.taken_bytes = heap_taken([&] {
    const auto model = ModelFile::from_bytes(std::as_bytes(std::span(file)), limits);
    result.refusal = model ? "" : model.error().message;
  });
  return result;
}

std::string repeated(const std::string& text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) {
    out += text;
  }
  return out;
}

const std::vector<HandMadeStorage> one_float{{.key = "0", .content = raw<float>({1})}};
const HandMadeTensor scalar{.shape = {1}, .strides = {1}, .storage_elements = 1};

// A sound state_dict whose pickle does something else before.
std::string file_after(const std::string& operations, const HandMadeTensor& tensor = scalar) {
  return torch_file(complete_pickle(operations + "}" + pickled_items({{"w", pickled_tensor(tensor)}})),
                    one_float);
}

// The memory that files may take which repeat what they have, and are refused for it.
void expect_refused_early(const std::string& file) {
  const auto [refusal, taken] = reading(file);
  EXPECT_THAT(refusal, HasSubstr("describes too much for its size"));
  EXPECT_LE(taken, 120 * file.size() + 3 * mebibyte);
}

TEST(ReaderMemory, IsBoundedForSetsOfOneLongList) {
  expect_refused_early(file_after("](" + repeated("N", 50'000) + "e\x85q\x01" + "0" +
                                  pickled_global("__builtin__", "set") + "q\x02" + "0" +
                                  repeated("h\x02h\x01R0", 400)));
}

TEST(ReaderMemory, IsThatOfOneNameForAGlobalThatIsNamedAgain) {
  const std::string file = file_after(pickled(std::string(500, 'a')) + "q\x01" + "0" +
                                      pickled(std::string(500, 'b')) + "q\x02" + "0" +
                                      repeated("h\x01h\x02\x93"
                                               "0",
                                               50'000));
  const auto [refusal, taken] = reading(file);
  EXPECT_THAT(refusal, IsEmpty());
  EXPECT_LE(taken, 40 * file.size());
}

TEST(ReaderMemory, IsBoundedForGlobalsOfAllPairsOfNames) {
  std::string names;
  std::string pairs = "(";
  for (char i = 0; i < 127; ++i) {
    names += pickled(std::string(500, 'a') + std::to_string(i)) + "q" + i + "0";
    for (char k = 0; k < 127; ++k) pairs += std::string("h") + i + "h" + k + "\x93";
  }
  pairs += "1";
  expect_refused_early(file_after(names + pairs));
}

TEST(ReaderMemory, IsBoundedForNamesOfNestedModules) {
  const auto module = [](const std::string& modules) {
    return pickled_global("mymodels", "Net") + ")\x81}" +
           pickled_items({{"_parameters", "}"}, {"_buffers", "}"}, {"_modules", "}" + modules}}) + "b";
  };
  std::string pickle = pickled(std::string(60'000, 'k')) + "q\x02" + "0" + module("") + "q\x01";
  for (int level = 0; level < 100; ++level) pickle += "0" + module("(h\x02h\x01u") + "q\x01";
  const std::string file = torch_file(complete_pickle(pickle), {});
  const auto [refusal, taken] = reading(file);
  EXPECT_THAT(refusal, HasSubstr("longer than 512"));
  EXPECT_LE(taken, 8 * file.size() + mebibyte);
}

TEST(ReaderMemory, IsBoundedForTensorsAndParametersOfTheSameArguments) {
  const std::vector<std::int64_t> ones(64, 1);
  const HandMadeTensor tensor{.shape = ones, .strides = ones, .storage_elements = 1};
  const std::string function = pickled_global("torch._utils", "_rebuild_tensor_v2") + "q\x01" + "0";
  expect_refused_early(file_after(function + pickled_tensor_arguments(tensor) + "q\x02" + "0" +
                                  repeated("h\x01h\x02R0", 20'000)));
  expect_refused_early(file_after(pickled_global("torch._utils", "_rebuild_parameter") + "q\x01" + "0(" +
                                  pickled_tensor(tensor) + "\x88}tq\x02" + "0" +
                                  repeated("h\x01h\x02R0", 20'000)));
}

TEST(ReaderMemory, IsBoundedForTensorsOfManyNames) {
  const std::vector<std::int64_t> ones(64, 1);
  std::string module =
      pickled_tensor({.shape = ones, .strides = ones, .storage_elements = 1}) + "q\x02" + "0";
  const auto level = [](const std::string& parameters, const std::string& modules) {
    return pickled_global("mymodels", "Net") + ")\x81}" +
           pickled_items(
               {{"_parameters", "}" + parameters}, {"_buffers", "}"}, {"_modules", "}" + modules}}) +
           "bq\x01";
  };
  module += level(pickled_items({{"w", "h\x02"}}), "");
  for (int i = 0; i < 16; ++i) {
    module += "0" + level("", pickled_items({{"a", "h\x01"}, {"b", "h\x01"}}));
  }
  expect_refused_early(torch_file(complete_pickle(module), one_float));
}

std::string script_file(const std::string& code) {
  return torch_file(complete_pickle(pickled_global("__torch__.n", "N") + ")\x81}b"), {},
                    {{.name = "archive/code/__torch__/n.py", .content = code}});
}

TEST(ReaderMemory, IsBoundedForDeclarationsOfTorchScript) {
  std::string classes;
  for (int i = 0; i < 100'000; ++i) classes += "class " + std::to_string(i) + "\n";
  const std::string names = "class N(Module):\n  __parameters__ = [" + repeated("\"\",", 500'000) + "]\n";
  for (const std::string& code : {classes, names}) {
    const auto [refusal, taken] = reading(script_file(code), {.memory_bytes = 4 * mebibyte});
    EXPECT_THAT(refusal, HasSubstr("describes too much for its size"));
    EXPECT_LE(taken, 7 * mebibyte);
  }
  const auto [refusal, taken] =
      reading(script_file(std::string(2'000'000, '\n')), {.code_size_bytes = 1'000'000});
  EXPECT_THAT(refusal, HasSubstr("more than 1000000 bytes of TorchScript code"));
  EXPECT_LE(taken, mebibyte);
}

TEST(ReaderMemory, IsBoundedForDepthThatIsMadeAtOnceAndFromTheOutside) {
  const auto [at_once, taken] = reading(file_after(")" + repeated("\x85", 300'000) + "0"));
  EXPECT_THAT(at_once, HasSubstr("nested deeper"));
  EXPECT_LE(taken, 2 * 300'000 + mebibyte);
  EXPECT_THAT(reading(file_after(repeated("(", 600) + repeated("t", 600) + "0")).refusal,
              HasSubstr("nested deeper"));
  // Each list is put into the one before while it is still empty.
  std::string lists = "]q\x01";
  for (int i = 0; i < 600; ++i)
    lists +=
        "0h\x01]q\x01"
        "a";
  EXPECT_THAT(reading(file_after(lists + "0")).refusal, HasSubstr("nested deeper"));
}

TEST(ReaderMemory, IsBoundedForAFarMemoSlot) {
  expect_refused_early(
      file_after(std::string("Nr\x3f\x42\x0f\0"
                             "0",
                             7)));
}

TEST(ReaderMemory, IsBoundedForTheHeaderOfSafetensors) {
  std::string header = "{";
  for (int i = 0; i < 200'000; ++i) {
    header +=
        (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  header += "}";
  const std::uint64_t length = header.size();
  const std::string file = std::string(reinterpret_cast<const char*>(&length), 8) + header;
  const auto [refusal, taken] = reading(file, {.tensors = 1000});
  EXPECT_THAT(refusal, HasSubstr("more than 1000 tensors"));
  EXPECT_LE(taken, 2 * mebibyte);
  std::string keys = "{\"__metadata__\":{\"a\":\"\"";
  for (int i = 0; i < 100'000; ++i) keys += ",\"" + std::to_string(i) + "\":\"\"";
  keys += "}}";
  const std::uint64_t keys_length = keys.size();
  const auto of_keys =
      reading(std::string(reinterpret_cast<const char*>(&keys_length), 8) + keys, {.tensors = 1000});
  EXPECT_THAT(of_keys.refusal, HasSubstr("too many or overlong names"));
  EXPECT_LE(of_keys.taken_bytes, mebibyte);
}

}  // namespace
}  // namespace fedlog::ml
