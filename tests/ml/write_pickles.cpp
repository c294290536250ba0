// write_pickles FOLDER: pickles of known tensors, for the test that reads them with Python.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>
#include <vector>

#include "ml/pickle_writer.h"

namespace {

using fedlog::ml::DType;
using fedlog::ml::Tensor;

// 0, 1, 2, ... in each element type; what is no whole number of that size is written by its bits.
Tensor counting(DType type, std::vector<std::int64_t> shape) {
  Tensor tensor{.dtype = type, .shape = std::move(shape), .bytes = {}};
  std::int64_t count = 1;
  for (const auto extent : tensor.shape) count *= extent;
  const auto append = [&](const auto& value) {
    const auto at = tensor.bytes.size();
    tensor.bytes.resize(at + sizeof value);
    std::memcpy(tensor.bytes.data() + at, &value, sizeof value);
  };
  constexpr std::uint16_t half_steps[] = {0x0000, 0x3c00, 0x4000, 0x4200};
  constexpr std::uint16_t brain_steps[] = {0x0000, 0x3f80, 0x4000, 0x4040};
  for (std::int64_t value = 0; value < count; ++value) {
    switch (type) {
      case DType::float32:
        append(static_cast<float>(value));
        break;
      case DType::float64:
        append(static_cast<double>(value));
        break;
      case DType::float16:
        append(half_steps[value % 4]);
        break;
      case DType::bfloat16:
        append(brain_steps[value % 4]);
        break;
      case DType::int64:
        append(value);
        break;
      case DType::int32:
        append(static_cast<std::int32_t>(value));
        break;
      case DType::int16:
        append(static_cast<std::int16_t>(value));
        break;
      case DType::int8:
      case DType::uint8:
        append(static_cast<std::uint8_t>(value));
        break;
      case DType::boolean:
        append(static_cast<std::uint8_t>(value % 2));
        break;
    }
  }
  return tensor;
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: write_pickles FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = arguments[1];
  fedlog::ml::PickleWriter types;
  types.begin_dictionary();
  for (int number = 0; number <= static_cast<int>(DType::boolean); ++number) {
    const auto type = static_cast<DType>(number);
    types.key(fedlog::ml::name(type));
    types.tensor(counting(type, {2, 2}));
  }
  types.end_dictionary();
  write(folder / "types.pickle", types.finish());

  fedlog::ml::PickleWriter shapes;
  shapes.begin_dictionary();
  shapes.key("inner");
  shapes.begin_dictionary();
  const std::pair<const char*, std::vector<std::int64_t>> named[] = {
      {"scalar", {}}, {"empty", {0, 3}}, {"row", {300}}, {"cube", {2, 3, 4}}, {"large", {1, 70'000}}};
  for (const auto& [name, shape] : named) {
    shapes.key(name);
    shapes.tensor(counting(DType::float32, shape));
  }
  shapes.end_dictionary();
  shapes.key("nothing");
  shapes.begin_dictionary();
  shapes.end_dictionary();
  shapes.end_dictionary();
  write(folder / "shapes.pickle", shapes.finish());
  return 0;
}
