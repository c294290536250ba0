#include "ml/mean_accumulator.h"

#include <algorithm>
#include <utility>

#include "ml/float64_accumulator.h"
#include "ml/small_floats.h"
#include "ml/vector_levels.h"

namespace fedlog::ml {
namespace {

__extension__ using Wide = __int128;

struct Float16 {
  using Stored = std::uint16_t;
  using Sum = double;
  static Sum widen(Stored value) { return float16_to_float(value); }
  static Stored mean(Sum sum, std::uint64_t total) { return to_float16(sum / static_cast<Sum>(total)); }
};

struct BFloat16 {
  using Stored = std::uint16_t;
  using Sum = double;
  static Sum widen(Stored value) { return bfloat16_to_float(value); }
  static Stored mean(Sum sum, std::uint64_t total) { return to_bfloat16(sum / static_cast<Sum>(total)); }
};

struct Float32 {
  using Stored = float;
  using Sum = double;
  static Sum widen(Stored value) { return value; }
  static Stored mean(Sum sum, std::uint64_t total) {
    return static_cast<Stored>(sum / static_cast<Sum>(total));
  }
};

template <typename Integer>
struct Whole {
  using Stored = Integer;
  using Sum = Wide;
  static Sum widen(Stored value) { return value; }
  static Stored mean(Sum sum, std::uint64_t total) {
    const auto divisor = static_cast<Sum>(total);
    Sum quotient = sum / divisor;
    Sum rest = sum % divisor;
    if (rest < 0) {
      rest += divisor;
      --quotient;
    }
    const bool up = 2 * rest > divisor || (2 * rest == divisor && quotient % 2 != 0);
    return static_cast<Stored>(quotient + (up ? 1 : 0));
  }
};

// Bytes in a file have no alignment to rely on.
template <typename Type>
typename Type::Sum load(const std::byte* elements, std::size_t index) {
  typename Type::Stored value;
  __builtin_memcpy(&value, elements + index * sizeof value, sizeof value);
  return Type::widen(value);
}

constexpr std::size_t runs_at_once = 4;

// Several at once touch the sums once. In the same order as one after the other, so with the same bits. The
// first product is the sum itself, so that negative zeros survive.
template <typename Type, std::size_t number, bool starts>
FEDLOG_VECTOR_LEVELS void add_products(const MeanAccumulator::Weighted* runs, std::size_t count,
                                       typename Type::Sum* __restrict sums) {
  using Sum = typename Type::Sum;
  const std::byte* elements[number];
  Sum weights[number];
  for (std::size_t k = 0; k < number; ++k) {
    elements[k] = runs[k].elements;
    weights[k] = static_cast<Sum>(runs[k].weight);
  }
#pragma GCC ivdep
  for (std::size_t i = 0; i < count; ++i) {
    Sum sum = load<Type>(elements[0], i) * weights[0];
    if constexpr (!starts) {
      sum = sums[i] + sum;
    }
    for (std::size_t k = 1; k < number; ++k) {
      sum += load<Type>(elements[k], i) * weights[k];
    }
    sums[i] = sum;
  }
}

template <typename Type>
FEDLOG_VECTOR_LEVELS void divide(const typename Type::Sum* __restrict sums, std::size_t count,
                                 std::uint64_t total, std::byte* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    const typename Type::Stored mean = Type::mean(sums[i], total);
    __builtin_memcpy(out + i * sizeof mean, &mean, sizeof mean);
  }
}

template <typename Type>
class TypedAccumulator final : public MeanAccumulator {
 public:
  void add(Part part, std::span<const Weighted> runs, bool starts) override {
    if (sums_.size() < part.begin + part.count) {
      sums_.resize(part.begin + part.count);
    }
    auto* sums = sums_.data() + part.begin;
    for (; !runs.empty(); runs = runs.subspan(std::min(runs_at_once, runs.size()))) {
      std::exchange(starts, false) ? add_some<true>(part.count, runs, sums)
                                   : add_some<false>(part.count, runs, sums);
    }
  }

  std::vector<std::size_t> mean(Part part, std::uint64_t total_weight, std::span<std::byte> out) override {
    divide<Type>(sums_.data() + part.begin, part.count, total_weight, out.data());
    return {};
  }

 private:
  template <bool starts>
  static void add_some(std::size_t count, std::span<const Weighted> runs, typename Type::Sum* sums) {
    switch (std::min(runs_at_once, runs.size())) {
      case 1:
        return add_products<Type, 1, starts>(runs.data(), count, sums);
      case 2:
        return add_products<Type, 2, starts>(runs.data(), count, sums);
      case 3:
        return add_products<Type, 3, starts>(runs.data(), count, sums);
      default:
        return add_products<Type, runs_at_once, starts>(runs.data(), count, sums);
    }
  }

  std::vector<typename Type::Sum> sums_;
};

}  // namespace

std::unique_ptr<MeanAccumulator> MeanAccumulator::make(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return std::make_unique<TypedAccumulator<Float32>>();
    case DType::float64:
      return std::make_unique<Float64Accumulator>();
    case DType::float16:
      return std::make_unique<TypedAccumulator<Float16>>();
    case DType::bfloat16:
      return std::make_unique<TypedAccumulator<BFloat16>>();
    case DType::int64:
      return std::make_unique<TypedAccumulator<Whole<std::int64_t>>>();
    case DType::int32:
      return std::make_unique<TypedAccumulator<Whole<std::int32_t>>>();
    case DType::int16:
      return std::make_unique<TypedAccumulator<Whole<std::int16_t>>>();
    case DType::int8:
      return std::make_unique<TypedAccumulator<Whole<std::int8_t>>>();
    case DType::uint8:
      return std::make_unique<TypedAccumulator<Whole<std::uint8_t>>>();
    case DType::boolean:
      return nullptr;
  }
  std::unreachable();
}

}  // namespace fedlog::ml
