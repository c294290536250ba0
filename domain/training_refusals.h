#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "domain/rejection.h"
#include "domain/training.h"

// What a training's commands are refused with. The reference's words come first, where it has any; a hint
// says what is open instead.
namespace fedlog::domain {

// RoundClosed, ModelsPassedOn and SwagRoundClosed name something of every participant in one event, which
// holds 64 KiB.
inline constexpr std::size_t participants_max = 2000;

// The weights of a mean are exact as long as they add up to 2^53 at most, whoever sends what.
inline constexpr std::int64_t sample_size_max = (std::int64_t{1} << 53) / std::int64_t{participants_max};

[[nodiscard]] Rejection rejected(Reason reason, std::string message, std::string field = {});
[[nodiscard]] Rejection no_permission();
[[nodiscard]] Rejection too_many_participants();
[[nodiscard]] Rejection wrong_state(const Training& training);
[[nodiscard]] Rejection wrong_round(const Training& training, std::int64_t round);
[[nodiscard]] Rejection not_a_participant(const Training& training);
[[nodiscard]] std::expected<void, Rejection> check_sample_size(std::int64_t size);
[[nodiscard]] Rejection nobody_to_resume_with();

}  // namespace fedlog::domain
