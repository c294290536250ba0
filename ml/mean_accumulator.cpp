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

template <typename Type>
FEDLOG_VECTOR_LEVELS void put_products(const typename Type::Stored* __restrict elements, std::size_t count,
                                       typename Type::Sum weight, typename Type::Sum* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] = Type::widen(elements[i]) * weight;
  }
}

template <typename Type>
FEDLOG_VECTOR_LEVELS void add_products(const typename Type::Stored* __restrict elements, std::size_t count,
                                       typename Type::Sum weight, typename Type::Sum* __restrict sums) {
  for (std::size_t i = 0; i < count; ++i) {
    sums[i] += Type::widen(elements[i]) * weight;
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
  explicit TypedAccumulator(std::size_t capacity) : sums_(capacity), aligned_(capacity) {}

  void start(std::size_t count) override {
    count_ = count;
    empty_ = true;
  }

  void add(Bytes elements, std::uint64_t weight) override {
    // Bytes in a file have no alignment to rely on.
    std::memcpy(aligned_.data(), elements.data(), count_ * sizeof(typename Type::Stored));
    const auto factor = static_cast<typename Type::Sum>(weight);
    // The first product is the sum itself, so that negative zeros survive.
    if (std::exchange(empty_, false)) {
      put_products<Type>(aligned_.data(), count_, factor, sums_.data());
    } else {
      add_products<Type>(aligned_.data(), count_, factor, sums_.data());
    }
  }

  void mean(std::uint64_t total_weight, std::span<std::byte> out) const override {
    std::vector<typename Type::Stored> means(count_);
    divide<Type>(sums_.data(), count_, total_weight, means.data());
    std::memcpy(out.data(), means.data(), count_ * sizeof(typename Type::Stored));
  }

 private:
  std::vector<typename Type::Sum> sums_;
  std::vector<typename Type::Stored> aligned_;
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
