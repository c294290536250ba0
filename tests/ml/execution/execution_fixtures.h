#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "ml/execution/executor.h"
#include "ml/model_file.h"
#include "ml/tensor.h"
#include "tests/temporary_folder.h"

namespace fedlog::ml::testing {

inline std::filesystem::path fixtures() {
  const char* folder = std::getenv("FEDLOG_FIXTURES");
  return folder != nullptr ? std::filesystem::path(folder)
                           : std::filesystem::path(FEDLOG_SOURCE_FOLDER) / ".." / "shared" / "fixtures";
}

// Torch is warm for its tests; starting it costs half a second, once a process.
class WithWarmTorch : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    static std::once_flag once;
    std::call_once(once, Executor::warm_up);
  }
};

template <class Number>
Tensor tensor(DType type, std::vector<std::int64_t> shape, const std::vector<Number>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {.dtype = type, .shape = std::move(shape), .bytes = {bytes.begin(), bytes.end()}};
}

inline Tensor floats(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  return tensor(DType::float32, std::move(shape), values);
}

inline float half_value(std::uint16_t bits) {
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  const int exponent = (bits >> 10) & 0x1F;
  const auto fraction = static_cast<float>(bits & 0x3FF);
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25));
}

// The elements of a floating-point or int64 tensor.
inline std::vector<double> values(const Tensor& tensor) {
  const std::size_t width = size_bytes(tensor.dtype);
  std::vector<double> result;
  for (std::size_t offset = 0; offset < tensor.bytes.size(); offset += width) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + offset, width);
    switch (tensor.dtype) {
      case DType::float64:
        result.push_back(std::bit_cast<double>(bits));
        break;
      case DType::float32:
        result.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
        break;
      case DType::bfloat16:
        result.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(bits << 16)));
        break;
      case DType::float16:
        result.push_back(half_value(static_cast<std::uint16_t>(bits)));
        break;
      default:
        result.push_back(static_cast<double>(std::bit_cast<std::int64_t>(bits)));
    }
  }
  return result;
}

inline void expect_close(const std::vector<double>& got, const std::vector<double>& wanted,
                         double tolerance) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t index = 0; index < got.size(); ++index)
    EXPECT_NEAR(got[index], wanted[index], tolerance) << index;
}

}  // namespace fedlog::ml::testing
