#include "storage/idempotency.h"

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "storage/numbers.h"

namespace fedlog::storage {
namespace {

constexpr std::int64_t kept_microseconds = 24LL * 60 * 60 * 1'000'000;
constexpr std::size_t forgotten_at_once_max = 16;

// Stored; never change. "k/<key>": the time of its use and the sealed reply. "t/<time><key>": empty.
std::string key_of(std::string_view key) {
  return "k/" + std::string(key);
}
const std::string by_time = "t/";
std::string key_by_time(std::int64_t time, std::string_view key) {
  return by_time + big_endian(static_cast<std::uint64_t>(time)) + std::string(key);
}

}  // namespace

std::optional<std::string> Idempotency::reply_to(std::string_view key, domain::Timestamp now) const {
  const auto name = key_of(key);
  const auto stored = overlay_->get(Table::commands, name);
  if (!stored || stored->size() < 8) return std::nullopt;
  const auto used = static_cast<std::int64_t>(number_at_end(std::string_view(*stored).substr(0, 8)));
  if (now.microseconds - used >= kept_microseconds) return std::nullopt;
  auto reply = vault_->unseal(name, std::string_view(*stored).substr(8));
  if (!reply) throw std::runtime_error("the reply kept for an idempotency key is damaged");
  return reply;
}

void Idempotency::remember(std::string_view key, std::string_view reply, domain::Timestamp now) {
  forget_expired(now);
  const auto name = key_of(key);
  overlay_->put(Table::commands, name,
                big_endian(static_cast<std::uint64_t>(now.microseconds)) + vault_->seal(name, reply));
  overlay_->put(Table::commands, key_by_time(now.microseconds, key), "");
}

void Idempotency::forget_expired(domain::Timestamp now) {
  std::vector<std::string> expired;
  overlay_->scan(Table::commands, by_time, {}, [&](std::string_view key, std::string_view) {
    const auto time = number_at_end(key.substr(0, by_time.size() + 8));
    if (now.microseconds - static_cast<std::int64_t>(time) < kept_microseconds) return false;
    expired.emplace_back(key);
    return expired.size() < forgotten_at_once_max;
  });
  for (const auto& key : expired) {
    overlay_->erase(Table::commands, key);
    const auto used = std::string_view(key).substr(by_time.size(), 8);
    const auto name = key_of(std::string_view(key).substr(by_time.size() + 8));
    const auto stored = overlay_->get(Table::commands, name);
    if (stored && stored->starts_with(used)) overlay_->erase(Table::commands, name);  // not used again since
  }
}

void forget_used_after(Overlay& overlay, domain::Timestamp time) {
  std::vector<std::string> later;
  overlay.scan(Table::commands, by_time, key_by_time(time.microseconds + 1, ""),
               [&](std::string_view key, std::string_view) {
                 later.emplace_back(key);
                 return true;
               });
  for (const auto& key : later) {
    overlay.erase(Table::commands, key);
    overlay.erase(Table::commands, key_of(std::string_view(key).substr(by_time.size() + 8)));
  }
}

}  // namespace fedlog::storage
