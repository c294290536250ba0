#include "actors/training_options.h"

#include <optional>
#include <string>
#include <string_view>

namespace fedlog::actors {
namespace {

constexpr std::int64_t daisy_chain_period_max = 1'000'000;
constexpr std::int64_t uncertainty_samples_max = 10'000;
constexpr std::int64_t deadline_max_s = 365 * 24 * 3600;
constexpr std::int64_t min_updates_max = 2'000;
constexpr std::int64_t rounds_without_quorum_max = 1'000'000;
constexpr double mu_max = 1e6;

// Reads options one after the other; after the first that is wrong, only the error is of interest.
class OptionsReader {
 public:
  explicit OptionsReader(const nlohmann::json& options) : options_(options) {}

  // Each leaves `value` alone where the key is absent.
  void number(const char* key, std::int64_t least, std::int64_t most, std::int64_t& value) {
    number_in(options_, key, key, least, most, value);
  }

  void boolean(const char* key, bool& value) { boolean_in(options_, key, key, value); }

  template <class Enum>
  void choice(const char* key, Enum& value) {
    const auto* found = find(options_, key);
    if (found == nullptr) return;
    std::string choices;
    for (const auto& [candidate, name] : domain::Names<Enum>::all) {
      if (found->is_string() && found->template get_ref<const std::string&>() == name) {
        value = candidate;
        return;
      }
      choices += (choices.empty() ? "\"" : " or \"") + std::string(name) + "\"";
    }
    refuse(key, "Must be " + choices + ".");
  }

  // A count, or a fraction of the participants: 1 is one update, 1.0 is all of them.
  void min_updates(std::int64_t& count, double& fraction) {
    const auto* found = find(options_, "min_updates");
    if (found == nullptr) return;
    if (found->is_number_float()) {
      const auto share = found->get<double>();
      if (share > 0 && share <= 1) {
        count = 0;
        fraction = share;
        return;
      }
    } else if (const auto number = whole_number(*found, 1, min_updates_max)) {
      count = *number;
      fraction = 1.0;
      return;
    }
    refuse("min_updates", "Must be a whole number from 1 to " + std::to_string(min_updates_max) +
                              ", or a fraction of the participants above 0.0 and up to 1.0.");
  }

  void mu(std::optional<double>& value) {
    const auto* found = find(options_, "mu");
    if (found == nullptr) return;
    if (found->is_number()) {
      const auto number = found->get<double>();
      if (number >= 0 && number <= mu_max) {
        value = number;
        return;
      }
    }
    refuse("mu", "Must be a number from 0 to 1000000.");
  }

  void uncertainty(std::int64_t& samples, bool& softmax) {
    const auto* found = find(options_, "uncertainty");
    if (found == nullptr) return;
    if (!found->is_object()) return refuse("uncertainty", "Not a valid mapping type.");
    number_in(*found, "N", "uncertainty.N", 1, uncertainty_samples_max, samples);
    boolean_in(*found, "softmax", "uncertainty.softmax", softmax);
  }

  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  static const nlohmann::json* find(const nlohmann::json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }

  static std::optional<std::int64_t> whole_number(const nlohmann::json& value, std::int64_t least,
                                                  std::int64_t most) {
    if (!value.is_number_integer()) return std::nullopt;
    const auto number = value.get<std::int64_t>();
    return number >= least && number <= most ? std::optional{number} : std::nullopt;
  }

  void number_in(const nlohmann::json& object, const char* key, const char* name, std::int64_t least,
                 std::int64_t most, std::int64_t& value) {
    const auto* found = find(object, key);
    if (found == nullptr) return;
    if (const auto number = whole_number(*found, least, most)) {
      value = *number;
    } else {
      refuse(name,
             "Must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ".");
    }
  }

  void boolean_in(const nlohmann::json& object, const char* key, const char* name, bool& value) {
    const auto* found = find(object, key);
    if (found == nullptr) return;
    if (!found->is_boolean()) return refuse(name, "Not a valid boolean.");
    value = found->get<bool>();
  }

  void refuse(std::string_view name, const std::string& why) {
    if (error_.empty()) error_ = std::string(name) + ": " + why;
  }

  const nlohmann::json& options_;
  std::string error_;
};

}  // namespace

Result<domain::TrainingOptions> read_training_options(const nlohmann::json& options,
                                                      const domain::TrainingOptions& defaults) {
  auto read = defaults;
  read.json = options.dump();
  OptionsReader reader(options);
  reader.number("daisy_chain_period", 0, daisy_chain_period_max, read.daisy_chain_period);
  reader.uncertainty(read.uncertainty_samples, read.uncertainty_softmax);
  reader.number("round_deadline_s", 0, deadline_max_s, read.round_deadline_s);
  reader.number("test_deadline_s", 0, deadline_max_s, read.test_deadline_s);
  reader.min_updates(read.min_updates, read.min_updates_fraction);
  reader.choice("on_deadline", read.on_deadline);
  reader.choice("on_unreachable", read.on_unreachable);
  reader.number("max_rounds_without_quorum", 0, rounds_without_quorum_max, read.max_rounds_without_quorum);
  reader.mu(read.mu);
  reader.boolean("open_to_join", read.open_to_join);
  if (!reader.error().empty()) {
    return std::unexpected(domain::Rejection{
        .reason = domain::Reason::invalid_field, .message = reader.error(), .field = "options"});
  }
  return read;
}

}  // namespace fedlog::actors
