#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "domain/fields.h"

// What the owner of a training chooses when it is created.
namespace fedlog::domain {

enum class AggregationMethod { fed_avg, fed_dc, fed_prox };

template <>
struct Names<AggregationMethod> {  // stored and sent; never rename
  static constexpr std::array all{std::pair{AggregationMethod::fed_avg, std::string_view{"FedAvg"}},
                                  std::pair{AggregationMethod::fed_dc, std::string_view{"FedDC"}},
                                  std::pair{AggregationMethod::fed_prox, std::string_view{"FedProx"}}};
};

enum class UncertaintyMethod { none, ensemble, mc_dropout, swag };

template <>
struct Names<UncertaintyMethod> {  // stored and sent; never rename
  static constexpr std::array all{std::pair{UncertaintyMethod::none, std::string_view{"NONE"}},
                                  std::pair{UncertaintyMethod::ensemble, std::string_view{"ENSEMBLE"}},
                                  std::pair{UncertaintyMethod::mc_dropout, std::string_view{"MC_DROPOUT"}},
                                  std::pair{UncertaintyMethod::swag, std::string_view{"SWAG"}}};
};

// What follows from a deadline that passed while updates or moments are missing.
enum class OnDeadline { go_on, error };

template <>
struct Names<OnDeadline> {  // stored; never rename
  static constexpr std::array all{std::pair{OnDeadline::go_on, std::string_view{"continue"}},
                                  std::pair{OnDeadline::error, std::string_view{"error"}}};
};

// What a participant who cannot be reached with its work means for the training.
enum class OnUnreachable { remove, error };

template <>
struct Names<OnUnreachable> {  // stored; never rename
  static constexpr std::array all{std::pair{OnUnreachable::remove, std::string_view{"remove"}},
                                  std::pair{OnUnreachable::error, std::string_view{"error"}}};
};

// What the owner asked for beyond the required fields. `json` is the whole object as text, for the API; the
// others are what is understood of it, with the server's defaults where it says nothing.
struct TrainingOptions {
  std::string json = "{}";
  std::int64_t daisy_chain_period = 0;  // rounds between aggregations; 0: aggregate after every round
  std::int64_t uncertainty_samples = 10;
  bool uncertainty_softmax = false;
  std::int64_t round_deadline_s = 0;  // for updates, and for moments; 0: none
  std::int64_t test_deadline_s = 0;   // 0: none
  std::int64_t min_updates = 0;  // the quorum at a deadline; 0: `min_updates_fraction` of the participants
  double min_updates_fraction = 1.0;
  OnDeadline on_deadline = OnDeadline::go_on;
  OnUnreachable on_unreachable = OnUnreachable::remove;
  std::int64_t max_rounds_without_quorum = 0;  // deadlines in a row that may pass without a quorum
  std::optional<double> mu;                    // of FedProx, for the participants
  bool open_to_join = false;                   // to everyone with an account

  static constexpr auto fields() {
    return std::tuple{field("json", &TrainingOptions::json),
                      field("daisy_chain_period", &TrainingOptions::daisy_chain_period),
                      field("uncertainty_samples", &TrainingOptions::uncertainty_samples),
                      field("uncertainty_softmax", &TrainingOptions::uncertainty_softmax),
                      field("round_deadline_s", &TrainingOptions::round_deadline_s),
                      field("test_deadline_s", &TrainingOptions::test_deadline_s),
                      field("min_updates", &TrainingOptions::min_updates),
                      field("min_updates_fraction", &TrainingOptions::min_updates_fraction),
                      field("on_deadline", &TrainingOptions::on_deadline),
                      field("on_unreachable", &TrainingOptions::on_unreachable),
                      field("max_rounds_without_quorum", &TrainingOptions::max_rounds_without_quorum),
                      field("mu", &TrainingOptions::mu),
                      field("open_to_join", &TrainingOptions::open_to_join)};
  }
  bool operator==(const TrainingOptions&) const = default;
};

}  // namespace fedlog::domain
