#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "domain/training.h"

// What a training waits for, and why: for people who ask why nothing happens.
namespace fedlog::domain {

// What has to come before a training goes on.
enum class Wait { start, updates, aggregation, moments, average, tests, resume, nothing };

template <>
struct Names<Wait> {  // sent; never rename
  static constexpr std::array all{std::pair{Wait::start, std::string_view{"start"}},
                                  std::pair{Wait::updates, std::string_view{"updates"}},
                                  std::pair{Wait::aggregation, std::string_view{"aggregation"}},
                                  std::pair{Wait::moments, std::string_view{"moments"}},
                                  std::pair{Wait::average, std::string_view{"average"}},
                                  std::pair{Wait::tests, std::string_view{"tests"}},
                                  std::pair{Wait::resume, std::string_view{"resume"}},
                                  std::pair{Wait::nothing, std::string_view{"nothing"}}};
};

// What the deadline does if nothing more comes until then.
enum class AtDeadline { goes_on, waits_again, fails };

template <>
struct Names<AtDeadline> {  // sent; never rename
  static constexpr std::array all{std::pair{AtDeadline::goes_on, std::string_view{"goes_on"}},
                                  std::pair{AtDeadline::waits_again, std::string_view{"waits_again"}},
                                  std::pair{AtDeadline::fails, std::string_view{"fails"}}};
};

// A notification that was requested and not settled.
struct PendingNotification {
  Notification notification;
  Timestamp requested;
  std::string progress = {};  // what its delivery has come to, in words; empty: not known

  bool operator==(const PendingNotification&) const = default;
};

// A participant whose part is missing.
struct Awaited {
  UserId participant;
  std::optional<Delivery> last_delivery;         // how the newest notification that was settled ended
  std::optional<PendingNotification> requested;  // the newest one that is on its way
  bool active = true;                            // whether its account is; else it can send nothing

  bool operator==(const Awaited&) const = default;
};

struct TrainingStatus {
  TrainingId training;
  UserId actor;
  TrainingState state = TrainingState::initial;
  Phase phase = Phase::idle;  // in state ERROR the one in which it failed
  std::int64_t round = 0;
  std::int64_t target_num_updates = 1;
  bool paused = false;
  bool cancelled = false;
  Wait waits_for = Wait::nothing;
  std::vector<Awaited> awaited;   // who has not done its part in the phase, in order of joining
  std::int64_t participants = 0;  // how many take part
  std::int64_t arrived = 0;       // how many of the phase's parts are there
  std::int64_t needed = 0;        // how many the deadline asks for
  Timestamp since;                // when this began: the phase, the end, or before the start its creation
  std::optional<Timestamp> deadline;
  std::optional<AtDeadline> at_deadline;
  std::int64_t deadlines_missed = 0;  // in a row, each without enough parts
  std::string reason;                 // why it is in state ERROR
  Timestamp now;

  bool operator==(const TrainingStatus&) const = default;
};

using IsActive = std::function<bool(UserId)>;

// `pending` are the training's notifications that are on their way, in the order of their requests.
// `is_active` says whose accounts are.
[[nodiscard]] TrainingStatus status_of(
    const Training& training, Timestamp now, const std::vector<PendingNotification>& pending = {},
    const IsActive& is_active = [](UserId) { return true; });

// What a user is called in sentences.
using NameOf = std::function<std::string(UserId)>;

// The status in a few sentences: what is waited for, from whom, since when, until when, and what happens
// then.
[[nodiscard]] std::string summary_of(const TrainingStatus& status, const NameOf& name_of_user);

// What happened to the notifications of someone who is awaited, in a sentence.
[[nodiscard]] std::string sentence_about(const Awaited& awaited, const TrainingStatus& status,
                                         const NameOf& name_of_user);

// What its owner can do about a training that does not go on by itself; empty where there is nothing to do.
[[nodiscard]] std::string advice_for(const TrainingStatus& status);

}  // namespace fedlog::domain
