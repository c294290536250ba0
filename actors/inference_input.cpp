#include "actors/inference_input.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "ml/model_file.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t rank_max = 32;

// The first sentence is the contract's, with its spelling.
std::unexpected<domain::Rejection> unreadable(const std::string& reason = {}) {
  return std::unexpected(
      domain::Rejection{domain::Reason::invalid_input,
                        "Model input could not be casted or interpreted as a PyTorch tensor object "
                        "and no preprecessing is defined." +
                            reason});
}

bool is_image(std::string_view bytes) {
  return bytes.starts_with("\x89PNG\r\n\x1a\n") || bytes.starts_with("\xff\xd8\xff");
}

// Makes a tensor of nested lists, after it has looked at all of them: all lists of a depth must have one
// length. It takes no memory but the tensor's.
class ListReader {
 public:
  explicit ListReader(const nlohmann::json& list) : list_(list) {}

  [[nodiscard]] bool is_tensor() { return measure() && fits(list_, 0); }

  // Of what is one.
  [[nodiscard]] InferenceInput read() {
    InferenceInput input{.tensor = {.dtype = all_whole_ ? ml::DType::int64 : ml::DType::float32,
                                    .shape = std::move(shape_),
                                    .bytes = {}},
                         .kind = ml::InputKind::tensors,
                         .plain_numbers = true};
    input.tensor.bytes.resize(count_ * ml::size_bytes(input.tensor.dtype));
    auto* place = input.tensor.bytes.data();
    all_whole_ ? store<std::int64_t>(list_, place) : store<float>(list_, place);
    return input;
  }

 private:
  bool measure() {
    const auto* inner = &list_;
    while (inner->is_array()) {
      shape_.push_back(static_cast<std::int64_t>(inner->size()));
      if (shape_.size() > rank_max) return false;
      if (inner->empty()) return true;
      inner = &inner->front();
    }
    return true;
  }

  bool fits(const nlohmann::json& value, std::size_t depth) {
    if (depth == shape_.size()) {
      ++count_;
      all_whole_ = all_whole_ && is_whole(value);
      return value.is_boolean() || value.is_number();
    }
    if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape_[depth]) return false;
    return std::ranges::all_of(value, [&](const auto& inner) { return fits(inner, depth + 1); });
  }

  static bool is_whole(const nlohmann::json& value) {
    return value.is_boolean() || (value.is_number_integer() &&
                                  !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX));
  }

  template <class T>
  static void store(const nlohmann::json& value, std::byte*& place) {
    if (value.is_array()) {
      for (const auto& inner : value) store<T>(inner, place);
      return;
    }
    using Source = std::conditional_t<std::is_same_v<T, float>, double, T>;
    const auto number =
        static_cast<T>(value.is_boolean() ? static_cast<Source>(value.get<bool>()) : value.get<Source>());
    std::memcpy(place, &number, sizeof number);
    place += sizeof number;
  }

  const nlohmann::json& list_;
  std::vector<std::int64_t> shape_;
  std::size_t count_ = 0;
  bool all_whole_ = true;
};

}  // namespace

Result<InferenceInput> input_from_json(const nlohmann::json& json) {
  if (json.is_string()) {
    const auto& text = json.get_ref<const std::string&>();
    std::string bytes(text.size() / 4 * 3 + 3, '\0');
    std::size_t size = 0;
    const int decoded =
        sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                          text.size(), "\r\n", &size, nullptr, sodium_base64_VARIANT_ORIGINAL);
    if (decoded != 0 || size == 0) return unreadable();
    bytes.resize(size);
    return input_from_file(bytes);
  }
  ListReader reader{json};
  if (!reader.is_tensor()) return unreadable();
  return reader.read();
}

Result<InferenceInput> input_from_file(const std::string& bytes) {
  const auto content = std::as_bytes(std::span{bytes});
  if (is_image(bytes)) {
    return InferenceInput{.tensor = {.dtype = ml::DType::uint8,
                                     .shape = {static_cast<std::int64_t>(bytes.size())},
                                     .bytes = {content.begin(), content.end()}},
                          .kind = ml::InputKind::image};
  }
  auto tensor = ml::read_tensor(content);
  if (tensor) return InferenceInput{.tensor = std::move(*tensor)};
  // Of what is at least an archive the reader's reason helps; of anything else it only confuses.
  const bool archive = bytes.starts_with("PK\x03\x04");
  return unreadable(archive ? " " + tensor.error().message : "");
}

Result<InferenceInput> take_input(std::variant<nlohmann::json, std::string>& input) {
  const auto taken = std::exchange(input, nlohmann::json());
  if (const auto* file = std::get_if<std::string>(&taken)) return input_from_file(*file);
  return input_from_json(std::get<nlohmann::json>(taken));
}

}  // namespace fedlog::actors
