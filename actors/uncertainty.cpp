#include "actors/uncertainty.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "actors/tensor_values.h"

namespace fedlog::actors {
namespace {

// Mean and sum of squared deviations of many places at once, one sample after the other (Welford): equal
// samples have exactly their own value as mean, and no deviation.
class Moments {
 public:
  explicit Moments(std::size_t places) : mean_(places), squares_(places) {}

  void begin_sample() { ++samples_; }
  void add(std::size_t place, double value) {
    const double before = value - mean_[place];
    mean_[place] += before / static_cast<double>(samples_);
    squares_[place] += before * (value - mean_[place]);
  }

  [[nodiscard]] const std::vector<double>& mean() const { return mean_; }
  [[nodiscard]] std::vector<double> variance() const {
    std::vector<double> variance(squares_.size());
    if (samples_ < 2) return variance;
    for (std::size_t place = 0; place < variance.size(); ++place)
      variance[place] = squares_[place] / static_cast<double>(samples_ - 1);
    return variance;
  }

 private:
  std::size_t samples_ = 0;
  std::vector<double> mean_;
  std::vector<double> squares_;
};

// As torch.distributions.Categorical has it: what is certain costs -log(1 - epsilon), not 0. Nothing when the
// row sums to nothing.
std::optional<double> entropy(std::span<const double> row, double epsilon) {
  double sum = 0;
  for (const double value : row) sum += value;
  if (!(sum > 0)) return std::nullopt;
  double result = 0;
  for (const double value : row) {
    const double share = value / sum;
    result -= share * std::log(std::clamp(share, epsilon, 1 - epsilon));
  }
  return result;
}

// Entropies of the rows (the last dimension) of one sample.
bool add_entropies(Moments& entropies, std::span<const double> sample, std::size_t width, double epsilon) {
  for (std::size_t row = 0; row < sample.size() / width; ++row) {
    const auto value = entropy(sample.subspan(row * width, width), epsilon);
    if (!value) return false;
    entropies.add(row, *value);
  }
  return true;
}

struct Samples {
  std::size_t count;
  std::vector<std::int64_t> shape;  // of one
  std::size_t size;                 // elements of one
};

std::expected<Samples, std::string> check(const ml::Tensor& samples) {
  if (samples.shape.empty() || samples.shape.front() == 0) {
    return std::unexpected("The model worker gave no samples.");
  }
  if (!is_floating_point(samples.dtype)) {
    return std::unexpected("The model returns " + ml::name(samples.dtype) +
                           "; uncertainty needs an output of floating-point numbers.");
  }
  std::vector<std::int64_t> shape(samples.shape.begin() + 1, samples.shape.end());
  const auto size = element_count(shape);
  return Samples{
      .count = static_cast<std::size_t>(samples.shape.front()), .shape = std::move(shape), .size = size};
}

// The three entropies, if the samples are probabilities.
void add_entropies(Prediction& prediction, const ml::Tensor& samples, const Samples& facts,
                   const std::vector<double>& mean) {
  if (facts.shape.empty() || facts.size == 0) return;
  const auto width = static_cast<std::size_t>(facts.shape.back());
  const double epsilon = samples.dtype == ml::DType::float64 ? std::numeric_limits<double>::epsilon()
                                                             : std::numeric_limits<float>::epsilon();
  Moments expected(facts.size / width);
  std::vector<double> sample(facts.size);
  for (std::size_t index = 0; index < facts.count; ++index) {
    for (std::size_t place = 0; place < facts.size; ++place) {
      sample[place] = value_at(samples, index * facts.size + place);
      if (!(sample[place] >= 0 && sample[place] <= 1)) return;
    }
    expected.begin_sample();
    if (!add_entropies(expected, sample, width, epsilon)) return;
  }
  Moments predictive(facts.size / width);
  predictive.begin_sample();
  if (!add_entropies(predictive, mean, width, epsilon)) return;

  // Never negative, but for rounding.
  std::vector<double> information = predictive.mean();
  for (std::size_t row = 0; row < information.size(); ++row)
    information[row] = std::max(information[row] - expected.mean()[row], 0.0);

  const std::vector<std::int64_t> rows(facts.shape.begin(), facts.shape.end() - 1);
  const auto type = samples.dtype;
  prediction.uncertainty.emplace_back("predictive_entropy", floating_tensor(type, rows, predictive.mean()));
  prediction.uncertainty.emplace_back("expected_entropy", floating_tensor(type, rows, expected.mean()));
  prediction.uncertainty.emplace_back("mutual_info", floating_tensor(type, rows, information));
}

Moments moments_of(const ml::Tensor& samples, const Samples& facts) {
  Moments moments(facts.size);
  for (std::size_t index = 0; index < facts.count; ++index) {
    moments.begin_sample();
    for (std::size_t place = 0; place < facts.size; ++place)
      moments.add(place, value_at(samples, index * facts.size + place));
  }
  return moments;
}

}  // namespace

std::expected<ml::Tensor, std::string> mean_of(const ml::Tensor& samples) {
  auto facts = check(samples);
  if (!facts) return std::unexpected(std::move(facts.error()));
  const auto moments = moments_of(samples, *facts);
  return floating_tensor(samples.dtype, std::move(facts->shape), moments.mean());
}

std::expected<Prediction, std::string> prediction_of(const ml::Tensor& samples) {
  const auto facts = check(samples);
  if (!facts) return std::unexpected(facts.error());
  const auto moments = moments_of(samples, *facts);
  const auto variance = moments.variance();
  auto deviation = variance;
  for (auto& value : deviation) value = std::sqrt(value);

  Prediction prediction{.inference = floating_tensor(samples.dtype, facts->shape, moments.mean())};
  prediction.uncertainty.emplace_back("variance", floating_tensor(samples.dtype, facts->shape, variance));
  prediction.uncertainty.emplace_back("std", floating_tensor(samples.dtype, facts->shape, deviation));
  add_entropies(prediction, samples, *facts, moments.mean());
  return prediction;
}

}  // namespace fedlog::actors
