#include "actors/delivery_turns.h"

#include <algorithm>

namespace fedlog::actors {
namespace {

constexpr auto index_of(DeliveryTurns::Standing standing) {
  return static_cast<std::size_t>(standing);
}

constexpr auto unknown = index_of(DeliveryTurns::Standing::unknown);
constexpr auto silent = index_of(DeliveryTurns::Standing::silent);
constexpr auto answers = index_of(DeliveryTurns::Standing::answers);

}  // namespace

DeliveryTurns::DeliveryTurns(std::size_t concurrency, std::size_t concurrency_per_receiver)
    : concurrency_(concurrency),
      silent_max_(std::max<std::size_t>(1, concurrency / 2)),
      limited_max_(concurrency - concurrency / 4),
      place_max_(std::max(concurrency_per_receiver, concurrency / 4)) {}

void DeliveryTurns::queue(domain::UserId receiver, Instant at, Standing standing, const std::string& place) {
  withdraw(receiver);
  entries_.emplace(receiver, Entry{.at = at, .slot = {.standing = standing, .place = place}});
  if (standing == Standing::answers) {
    answering_.emplace(at, receiver);
    return;
  }
  const auto found = places_.try_emplace(place).first;
  found->second.waiting[index_of(standing)].emplace(at, receiver);
  update(found);
}

void DeliveryTurns::withdraw(domain::UserId receiver) {
  const auto found = entries_.find(receiver);
  if (found == entries_.end()) return;
  const auto& [at, slot] = found->second;
  if (slot.standing == Standing::answers) {
    answering_.erase({at, receiver});
  } else {
    const auto place = places_.find(slot.place);
    place->second.waiting[index_of(slot.standing)].erase({at, receiver});
    update(place);
  }
  entries_.erase(found);
}

std::optional<DeliveryTurns::Turn> DeliveryTurns::next() const {
  const auto under_way_limited = under_way_[unknown] + under_way_[silent];
  if (under_way_limited + under_way_[answers] >= concurrency_) return std::nullopt;
  std::optional<Turn> earliest;
  const auto consider = [&](const std::set<Turn>& turns) {
    if (!turns.empty() && (!earliest || *turns.begin() < *earliest)) earliest = *turns.begin();
  };
  consider(answering_);
  if (under_way_limited < limited_max_) {
    consider(firsts_[unknown]);
    if (under_way_[silent] < silent_max_) consider(firsts_[silent]);
  }
  return earliest;
}

DeliveryTurns::Slot DeliveryTurns::begin(domain::UserId receiver) {
  auto slot = entries_.at(receiver).slot;
  ++under_way_[index_of(slot.standing)];
  if (slot.standing != Standing::answers) ++places_.at(slot.place).under_way;
  withdraw(receiver);
  return slot;
}

void DeliveryTurns::end(const Slot& slot) {
  --under_way_[index_of(slot.standing)];
  if (slot.standing == Standing::answers) return;
  const auto place = places_.find(slot.place);
  --place->second.under_way;
  update(place);
}

// Puts the place where it belongs after anything about it has changed.
void DeliveryTurns::update(Places::iterator place) {
  auto& [waiting, first, under_way] = place->second;
  for (std::size_t index = 0; index < limited; ++index) {
    if (first[index]) firsts_[index].erase(*first[index]);
    first[index].reset();
    if (waiting[index].empty() || under_way >= place_max_) continue;
    first[index] = *waiting[index].begin();
    firsts_[index].insert(*first[index]);
  }
  if (under_way == 0 && std::ranges::all_of(waiting, [](const auto& turns) { return turns.empty(); })) {
    places_.erase(place);
  }
}

}  // namespace fedlog::actors
