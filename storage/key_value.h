#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fedlog::storage {

// Ordered keys and values, as views are kept in. A scan visits keys that start with `prefix`, from `from` on
// where it is not empty, in order of bytes, until `visit` returns false.
class KeyValueReader {
 public:
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;

  virtual ~KeyValueReader() = default;
  [[nodiscard]] virtual std::optional<std::string> get(std::string_view key) const = 0;
  virtual void scan(std::string_view prefix, std::string_view from, const Visit& visit) const = 0;
};

// Reads see what was written before in the same batch.
class KeyValueWriter : public KeyValueReader {
 public:
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
};

}  // namespace fedlog::storage
