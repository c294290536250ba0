#include "actors/inference_input.h"

#include <sodium.h>

#include <cstring>
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

// Collects the numbers of nested lists, checking that all lists of a depth have one length.
class ListReader {
 public:
  [[nodiscard]] bool read(const nlohmann::json& list) { return measure(list) && collect(list, 0); }

  [[nodiscard]] InferenceInput take() {
    InferenceInput input{.tensor = {.dtype = ml::DType::int64, .shape = std::move(shape_), .bytes = {}},
                         .kind = ml::InputKind::tensors,
                         .plain_numbers = true};
    if (all_whole_) {
      store(input.tensor, whole_);
    } else {
      input.tensor.dtype = ml::DType::float32;
      store(input.tensor, std::vector<float>(numbers_.begin(), numbers_.end()));
    }
    return input;
  }

 private:
  template <class T>
  static void store(ml::Tensor& tensor, const std::vector<T>& values) {
    tensor.bytes.resize(values.size() * sizeof(T));
    if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  }

  bool measure(const nlohmann::json& list) {
    const auto* inner = &list;
    while (inner->is_array()) {
      shape_.push_back(static_cast<std::int64_t>(inner->size()));
      if (shape_.size() > rank_max) return false;
      if (inner->empty()) return true;
      inner = &inner->front();
    }
    return true;
  }

  bool collect(const nlohmann::json& value, std::size_t depth) {
    if (depth == shape_.size()) return number(value);
    if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape_[depth]) return false;
    for (const auto& inner : value) {
      if (!collect(inner, depth + 1)) return false;
    }
    return true;
  }

  bool number(const nlohmann::json& value) {
    if (value.is_boolean()) {
      whole_.push_back(value.get<bool>() ? 1 : 0);
    } else if (value.is_number_integer() &&
               !(value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX)) {
      whole_.push_back(value.get<std::int64_t>());
    } else if (value.is_number()) {
      all_whole_ = false;
      whole_.push_back(0);
    } else {
      return false;
    }
    numbers_.push_back(value.is_boolean() ? static_cast<double>(whole_.back()) : value.get<double>());
    return true;
  }

  std::vector<std::int64_t> shape_;
  std::vector<double> numbers_;
  std::vector<std::int64_t> whole_;
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
  ListReader reader;
  if (!reader.read(json)) return unreadable();
  return reader.take();
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

}  // namespace fedlog::actors
