#include "ml/mean_accumulator.h"

#include <cstring>
#include <utility>
#include <vector>

#include "ml/small_floats.h"

// One loop for each level of the processor. Without fused operations (-ffp-contract=off) all give the same
// bits. The sanitizers cannot start programs that choose functions at load time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define FEDLOG_VECTOR_LEVELS __attribute__((target_clones("default", "arch=x86-64-v3")))
#else
#define FEDLOG_VECTOR_LEVELS
#endif

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

template <typename Float, typename SumType>
struct Floating {
  using Stored = Float;
  using Sum = SumType;
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

// The first product is the sum itself, so that negative zeros survive.
template <typename Type>
FEDLOG_VECTOR_LEVELS void put_products(const std::byte* __restrict elements, std::size_t count,
                                       typename Type::Sum weight, typename Type::Sum* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] = load<Type>(elements, i) * weight;
  }
}

template <typename Type>
FEDLOG_VECTOR_LEVELS void add_products(const std::byte* __restrict elements, std::size_t count,
                                       typename Type::Sum weight, typename Type::Sum* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += load<Type>(elements, i) * weight;
  }
}

// Four at once touch the sums once. In the same order as one after the other, so with the same bits.
template <typename Type>
FEDLOG_VECTOR_LEVELS void add_four_products(const std::byte* __restrict first,
                                            const std::byte* __restrict second,
                                            const std::byte* __restrict third,
                                            const std::byte* __restrict fourth, std::size_t count,
                                            const typename Type::Sum* __restrict weights,
                                            typename Type::Sum* __restrict sums) {
  const auto first_weight = weights[0];
  const auto second_weight = weights[1];
  const auto third_weight = weights[2];
  const auto fourth_weight = weights[3];
  for (std::size_t i = 0; i < count; ++i) {
    typename Type::Sum sum = sums[i];
    sum += load<Type>(first, i) * first_weight;
    sum += load<Type>(second, i) * second_weight;
    sum += load<Type>(third, i) * third_weight;
    sum += load<Type>(fourth, i) * fourth_weight;
    sums[i] = sum;
  }
}

template <typename Type>
FEDLOG_VECTOR_LEVELS void divide(const typename Type::Sum* __restrict sums, std::size_t count,
                                 std::uint64_t total, typename Type::Stored* __restrict out) {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = Type::mean(sums[i], total);
  }
}

template <typename Type>
class TypedAccumulator final : public MeanAccumulator {
 public:
  explicit TypedAccumulator(std::size_t capacity) : sums_(capacity), means_(capacity) {}

  void start(std::size_t count) override {
    count_ = count;
    empty_ = true;
  }

  void add(std::span<const Weighted> runs) override {
    using Sum = typename Type::Sum;
    if (!runs.empty() && std::exchange(empty_, false)) {
      put_products<Type>(runs.front().elements, count_, static_cast<Sum>(runs.front().weight), sums_.data());
      runs = runs.subspan(1);
    }
    for (; runs.size() >= 4; runs = runs.subspan(4)) {
      const Sum weights[] = {static_cast<Sum>(runs[0].weight), static_cast<Sum>(runs[1].weight),
                             static_cast<Sum>(runs[2].weight), static_cast<Sum>(runs[3].weight)};
      add_four_products<Type>(runs[0].elements, runs[1].elements, runs[2].elements, runs[3].elements, count_,
                              weights, sums_.data());
    }
    for (const Weighted& run : runs) {
      add_products<Type>(run.elements, count_, static_cast<Sum>(run.weight), sums_.data());
    }
  }

  void mean(std::uint64_t total_weight, std::span<std::byte> out) override {
    divide<Type>(sums_.data(), count_, total_weight, means_.data());
    std::memcpy(out.data(), means_.data(), count_ * sizeof(typename Type::Stored));
  }

 private:
  std::vector<typename Type::Sum> sums_;
  std::vector<typename Type::Stored> means_;
  std::size_t count_ = 0;
  bool empty_ = true;
};

}  // namespace

std::unique_ptr<MeanAccumulator> MeanAccumulator::make(DType dtype, std::size_t capacity) {
  switch (dtype) {
    case DType::float32:
      return std::make_unique<TypedAccumulator<Floating<float, double>>>(capacity);
    case DType::float64:
      return std::make_unique<TypedAccumulator<Floating<double, long double>>>(capacity);
    case DType::float16:
      return std::make_unique<TypedAccumulator<Float16>>(capacity);
    case DType::bfloat16:
      return std::make_unique<TypedAccumulator<BFloat16>>(capacity);
    case DType::int64:
      return std::make_unique<TypedAccumulator<Whole<std::int64_t>>>(capacity);
    case DType::int32:
      return std::make_unique<TypedAccumulator<Whole<std::int32_t>>>(capacity);
    case DType::int16:
      return std::make_unique<TypedAccumulator<Whole<std::int16_t>>>(capacity);
    case DType::int8:
      return std::make_unique<TypedAccumulator<Whole<std::int8_t>>>(capacity);
    case DType::uint8:
      return std::make_unique<TypedAccumulator<Whole<std::uint8_t>>>(capacity);
    case DType::boolean:
      return nullptr;
  }
  std::unreachable();
}

}  // namespace fedlog::ml
