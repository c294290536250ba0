#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <expected>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"
#include "storage/cbor.h"

// Described structs to deterministic CBOR and back: events, rows of views, snapshots. A struct is a map of
// its fields' names. Decoding wants exactly these fields; an older form is another struct and an upcast.
namespace fedlog::storage {

// A field whose std::string holds bytes, not text.
template <class Owner>
struct BytesField {
  std::string_view name;
  std::string Owner::* member;
};

// How Personal fields are kept. Without it a struct that has any can be neither encoded nor decoded.
using SealPersonal = std::function<std::string(std::string_view field, std::string_view text)>;
using OpenPersonal =
    std::function<std::expected<std::string, std::string>(std::string_view field, std::string_view sealed)>;

namespace described {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_id = false;
template <class Tag>
inline constexpr bool is_id<domain::Id<Tag>> = true;
template <class T>
inline constexpr bool is_byte_array = false;
template <std::size_t size>
inline constexpr bool is_byte_array<std::array<std::uint8_t, size>> = true;
template <class T>
inline constexpr bool is_bytes_field = false;
template <class Owner>
inline constexpr bool is_bytes_field<BytesField<Owner>> = true;
template <class>
inline constexpr bool unsupported = false;

template <class T>
struct FieldsOf {
  static constexpr auto fields = T::fields();
};

// The order of a layout's fields on the wire: by length of the name, then by its bytes.
template <class Layout>
constexpr auto wire_order() {
  constexpr std::size_t count = std::tuple_size_v<std::remove_cvref_t<decltype(Layout::fields)>>;
  std::array<std::string_view, count> names{};
  std::array<std::size_t, count> order{};
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    ((names[index] = std::get<index>(Layout::fields).name, order[index] = index), ...);
  }(std::make_index_sequence<count>{});
  std::ranges::sort(order, [&](std::size_t left, std::size_t right) {
    if (names[left].size() != names[right].size()) return names[left].size() < names[right].size();
    return names[left] < names[right];
  });
  return order;
}

template <class Layout, class Visit>
void for_each_in_wire_order(Visit&& visit) {
  constexpr auto order = wire_order<Layout>();
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (visit(std::get<order[index]>(Layout::fields)), ...);
  }(std::make_index_sequence<order.size()>{});
}

template <std::size_t size>
std::string_view view_of(const std::array<std::uint8_t, size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class Encoder {
 public:
  explicit Encoder(const SealPersonal& seal) : seal_(seal) {}

  template <class Layout, class T>
  void map(const T& value) {
    writer_.map(std::tuple_size_v<std::remove_cvref_t<decltype(Layout::fields)>>);
    for_each_in_wire_order<Layout>([&](const auto& field) {
      writer_.text(field.name);
      field_ = field.name;
      if constexpr (is_bytes_field<std::remove_cvref_t<decltype(field)>>) {
        writer_.bytes(value.*(field.member));
      } else {
        this->value(value.*(field.member));
      }
    });
  }

  template <class T>
  void value(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      writer_.boolean(value);
    } else if constexpr (std::unsigned_integral<T>) {
      writer_.unsigned_integer(value);
    } else if constexpr (std::signed_integral<T>) {
      writer_.integer(value);
    } else if constexpr (std::same_as<T, double>) {
      writer_.number(value);
    } else if constexpr (std::same_as<T, std::string>) {
      writer_.text(value);
    } else if constexpr (is_byte_array<T>) {
      writer_.bytes(view_of(value));
    } else if constexpr (std::same_as<T, domain::Uuid>) {
      writer_.bytes(view_of(value.bytes));
    } else if constexpr (is_id<T>) {
      writer_.bytes(view_of(value.uuid.bytes));
    } else if constexpr (std::same_as<T, domain::BlobId>) {
      writer_.bytes(view_of(value.digest));
    } else if constexpr (std::same_as<T, domain::GroupId>) {
      writer_.integer(value.number);
    } else if constexpr (std::same_as<T, domain::Timestamp>) {
      writer_.integer(value.microseconds);
    } else if constexpr (std::same_as<T, domain::Personal>) {
      if (!seal_) throw std::logic_error("a personal field cannot be stored without its owner's key");
      writer_.bytes(seal_(field_, value.text));
    } else if constexpr (domain::Named<T>) {
      writer_.text(domain::name_of(value));
    } else if constexpr (is_optional<T>) {
      value ? this->value(*value) : writer_.null();
    } else if constexpr (is_vector<T>) {
      writer_.array(value.size());
      for (const auto& element : value) this->value(element);
    } else if constexpr (domain::Described<T>) {
      map<FieldsOf<T>>(value);
    } else {
      static_assert(unsupported<T>, "this type has no stored form");
    }
  }

  [[nodiscard]] std::string take() { return writer_.take(); }

 private:
  cbor::Writer writer_;
  const SealPersonal& seal_;
  std::string_view field_;
};

class Decoder {
 public:
  Decoder(std::string_view bytes, const OpenPersonal& open) : reader_(bytes), open_(open) {}

  template <class Layout, class T>
  void map(T& value) {
    constexpr auto count = std::tuple_size_v<std::remove_cvref_t<decltype(Layout::fields)>>;
    const auto found = reader_.map();
    if (reader_.ok() && found != count) {
      reader_.fail("expected " + std::to_string(count) + " fields, found " + std::to_string(found));
    }
    for_each_in_wire_order<Layout>([&](const auto& field) {
      if (!reader_.ok()) return;
      reader_.expect_key(field.name);
      field_ = field.name;
      reader_.enter(field.name);
      if constexpr (is_bytes_field<std::remove_cvref_t<decltype(field)>>) {
        value.*(field.member) = reader_.bytes();
      } else {
        this->value(value.*(field.member));
      }
      reader_.leave();
    });
  }

  template <class T>
  void value(T& value) {
    if constexpr (std::same_as<T, bool>) {
      value = reader_.boolean();
    } else if constexpr (std::unsigned_integral<T>) {
      value = in_range<T>(reader_.unsigned_integer());
    } else if constexpr (std::signed_integral<T>) {
      value = in_range<T>(reader_.integer());
    } else if constexpr (std::same_as<T, double>) {
      value = reader_.number();
    } else if constexpr (std::same_as<T, std::string>) {
      value = reader_.text();
    } else if constexpr (is_byte_array<T>) {
      array(value);
    } else if constexpr (std::same_as<T, domain::Uuid>) {
      array(value.bytes);
    } else if constexpr (is_id<T>) {
      array(value.uuid.bytes);
    } else if constexpr (std::same_as<T, domain::BlobId>) {
      array(value.digest);
    } else if constexpr (std::same_as<T, domain::GroupId>) {
      value.number = reader_.integer();
    } else if constexpr (std::same_as<T, domain::Timestamp>) {
      value.microseconds = reader_.integer();
    } else if constexpr (std::same_as<T, domain::Personal>) {
      personal(value);
    } else if constexpr (domain::Named<T>) {
      named(value);
    } else if constexpr (is_optional<T>) {
      if (reader_.take_null()) {
        value.reset();
      } else {
        this->value(value.emplace());
      }
    } else if constexpr (is_vector<T>) {
      value.clear();
      const auto size = reader_.array();
      for (std::size_t index = 0; index < size && reader_.ok(); ++index) this->value(value.emplace_back());
    } else if constexpr (domain::Described<T>) {
      map<FieldsOf<T>>(value);
    } else {
      static_assert(unsupported<T>, "this type has no stored form");
    }
  }

  // The error, after all was read.
  [[nodiscard]] std::optional<std::string> finish() {
    reader_.expect_end();
    return reader_.error();
  }

 private:
  template <class T, class Wide>
  T in_range(Wide wide) {
    if (std::in_range<T>(wide)) return static_cast<T>(wide);
    reader_.fail("the integer is out of range");
    return 0;
  }

  template <std::size_t size>
  void array(std::array<std::uint8_t, size>& value) {
    const auto bytes = reader_.bytes();
    if (!reader_.ok()) return;
    if (bytes.size() != size) return reader_.fail("expected " + std::to_string(size) + " bytes");
    std::copy(bytes.begin(), bytes.end(), value.begin());
  }

  void personal(domain::Personal& value) {
    const auto sealed = reader_.bytes();
    if (!reader_.ok()) return;
    if (!open_) throw std::logic_error("a personal field cannot be read without its owner's key");
    auto text = open_(field_, sealed);
    if (!text) return reader_.fail(text.error());
    value.text = std::move(*text);
  }

  template <domain::Named Enum>
  void named(Enum& value) {
    const auto name = reader_.text();
    if (!reader_.ok()) return;
    for (const auto& [candidate, candidate_name] : domain::Names<Enum>::all) {
      if (candidate_name == name) {
        value = candidate;
        return;
      }
    }
    reader_.fail("unknown value '" + std::string(name.substr(0, 64)) + "'");
  }

  cbor::Reader reader_;
  const OpenPersonal& open_;
  std::string_view field_;
};

}  // namespace described

template <class T, class Layout = described::FieldsOf<T>>
[[nodiscard]] std::string encode(const T& value, const SealPersonal& seal = {}) {
  described::Encoder encoder(seal);
  encoder.template map<Layout>(value);
  return encoder.take();
}

// The error says which field does not fit.
template <class T, class Layout = described::FieldsOf<T>>
[[nodiscard]] std::expected<T, std::string> decode(std::string_view bytes, const OpenPersonal& open = {}) {
  T value{};
  described::Decoder decoder(bytes, open);
  decoder.template map<Layout>(value);
  if (auto error = decoder.finish()) return std::unexpected(std::move(*error));
  return value;
}

}  // namespace fedlog::storage
