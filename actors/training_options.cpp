#include "actors/training_options.h"

namespace fedlog::actors {
namespace {

constexpr std::int64_t daisy_chain_period_max = 1'000'000;
constexpr std::int64_t uncertainty_samples_max = 10'000;

std::unexpected<domain::Rejection> invalid(std::string message) {
  return std::unexpected(domain::Rejection{domain::Reason::invalid_field, std::move(message), "options"});
}

// Leaves `value` alone where the key is absent.
Result<void> read_number(const nlohmann::json& object, const char* key, const char* name, std::int64_t least,
                         std::int64_t most, std::int64_t& value) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (found->is_number_integer()) {
    const auto number = found->get<std::int64_t>();
    if (number >= least && number <= most) {
      value = number;
      return {};
    }
  }
  return invalid(std::string(name) + ": Must be a whole number from " + std::to_string(least) + " to " +
                 std::to_string(most) + ".");
}

}  // namespace

Result<domain::TrainingOptions> read_training_options(const nlohmann::json& options) {
  domain::TrainingOptions read;
  read.json = options.dump();
  auto period = read_number(options, "daisy_chain_period", "daisy_chain_period", 0, daisy_chain_period_max,
                            read.daisy_chain_period);
  if (!period) return std::unexpected(std::move(period.error()));
  const auto uncertainty = options.find("uncertainty");
  if (uncertainty == options.end()) return read;
  if (!uncertainty->is_object()) return invalid("uncertainty: Not a valid mapping type.");
  auto samples =
      read_number(*uncertainty, "N", "uncertainty.N", 1, uncertainty_samples_max, read.uncertainty_samples);
  if (!samples) return std::unexpected(std::move(samples.error()));
  if (const auto softmax = uncertainty->find("softmax"); softmax != uncertainty->end()) {
    if (!softmax->is_boolean()) return invalid("uncertainty.softmax: Not a valid boolean.");
    read.uncertainty_softmax = softmax->get<bool>();
  }
  return read;
}

}  // namespace fedlog::actors
