// Whatever is sent to be predicted from, as JSON or as a file: what is read is a tensor whose bytes match its
// shape, and whole numbers come out of it as they went in.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "actors/inference_input.h"
#include "actors/prediction.h"

namespace {

using namespace fedlog;

void check(const actors::InferenceInput& input) {
  std::size_t size = ml::size_bytes(input.tensor.dtype);
  for (const auto extent : input.tensor.shape) {
    if (extent < 0 || __builtin_mul_overflow(size, static_cast<std::size_t>(extent), &size)) std::abort();
  }
  if (size != input.tensor.bytes.size()) std::abort();
}

// Lists of whole numbers that int64 holds.
bool whole(const nlohmann::json& value) {
  if (value.is_array()) return std::ranges::all_of(value, whole);
  return value.is_number_integer() && !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  if (const auto input = actors::input_from_file(text)) check(*input);
  if (const auto input = actors::input_from_json(nlohmann::json::string_t{text})) check(*input);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded() || json.is_string()) return 0;
  const auto input = actors::input_from_json(json);
  if (!input) return 0;
  check(*input);
  std::string back;
  actors::append_lists(back, input->tensor);
  if (whole(json) && nlohmann::json::parse(back) != json) std::abort();
  return 0;
}
