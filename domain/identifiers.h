#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fedlog::domain {

// 128 bits in the textual form of RFC 9562. Nil by default. Values, ordered by bytes.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // Only the canonical form of 36 characters is read; upper case is accepted, braces and URNs are not.
  [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Uuid&) const = default;
};

// A UUID that says what it names, so that a user's cannot be taken for a model's.
template <class Tag>
struct Id {
  Uuid uuid;

  [[nodiscard]] static std::optional<Id> parse(std::string_view text) {
    const auto parsed = Uuid::parse(text);
    return parsed ? std::optional<Id>{Id{*parsed}} : std::nullopt;
  }
  [[nodiscard]] std::string text() const { return uuid.text(); }
  auto operator<=>(const Id&) const = default;
};

using UserId = Id<struct UserTag>;
using ModelId = Id<struct ModelTag>;
using TrainingId = Id<struct TrainingTag>;
using EventId = Id<struct EventTag>;

// Groups are numbered from 1 in order of creation, as the API shows them; a number is never given twice.
struct GroupId {
  std::int64_t number = 0;
  auto operator<=>(const GroupId&) const = default;
};

// The SHA-256 of a blob's content, which is also its name in the blob store.
struct BlobId {
  std::array<std::uint8_t, 32> digest{};

  [[nodiscard]] static std::optional<BlobId> parse(std::string_view hex);
  [[nodiscard]] std::string text() const;
  auto operator<=>(const BlobId&) const = default;
};

// Microseconds since 1970-01-01 UTC.
struct Timestamp {
  std::int64_t microseconds = 0;

  // RFC 3339 in UTC with six decimals: "2026-01-31T08:15:00.000123Z".
  [[nodiscard]] std::string text() const;
  auto operator<=>(const Timestamp&) const = default;
};

}  // namespace fedlog::domain

template <>
struct std::hash<fedlog::domain::Uuid> {
  std::size_t operator()(const fedlog::domain::Uuid& uuid) const noexcept {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(uuid.bytes.data()), uuid.bytes.size()});
  }
};

template <class Tag>
struct std::hash<fedlog::domain::Id<Tag>> {
  std::size_t operator()(const fedlog::domain::Id<Tag>& id) const noexcept {
    return std::hash<fedlog::domain::Uuid>{}(id.uuid);
  }
};
