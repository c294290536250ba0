#include "ml/compatibility.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace fedlog::ml {
namespace {

constexpr std::size_t differences_shown = 4;

// How the elements are spread: strides of single elements say nothing.
std::vector<std::int64_t> effective_strides(const TensorRecord& tensor) {
  auto strides = tensor.strides;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    if (tensor.shape[i] <= 1) {
      strides[i] = 0;
    }
  }
  return strides;
}

// Collects differences and words them.
class Differences {
 public:
  void add(std::string_view name, const std::string& what) {
    if (++count_ <= differences_shown) {
      text_ += (text_.empty() ? "layer " : "; layer ") + printable(name) + ": " + what;
    }
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }

  [[nodiscard]] std::unexpected<std::string> error(const std::string& hint = "") const {
    const std::string more =
        count_ > differences_shown ? "; and " + std::to_string(count_ - differences_shown) + " more" : "";
    return std::unexpected("The update does not fit the model: " + text_ + more + "." + hint);
  }

 private:
  std::size_t count_ = 0;
  std::string text_;
};

// Whether the elements fill a run of memory, in whatever order of dimensions.
bool is_dense(const TensorRecord& tensor) {
  std::vector<std::pair<std::int64_t, std::int64_t>> dimensions;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] > 1) {
      dimensions.emplace_back(tensor.strides[i], tensor.shape[i]);
    }
  }
  std::ranges::sort(dimensions);
  std::int64_t expected = 1;
  for (const auto& [stride, size] : dimensions) {
    if (stride != expected) {
      return false;
    }
    expected *= size;
  }
  return true;
}

template <typename Word>
std::optional<std::uint64_t> first_not_finite(const TensorRecord& tensor, Bytes storage, Word exponent) {
  const std::uint64_t count = element_count(tensor.shape).value();
  const auto word_at = [&](std::uint64_t position) {
    return load_little_endian<Word>(storage, position * sizeof(Word));
  };
  if (!is_contiguous(tensor)) {
    ElementWalk walk(tensor);
    for (std::uint64_t i = 0; i < count; ++i, walk.advance()) {
      if ((word_at(static_cast<std::uint64_t>(walk.position())) & exponent) == exponent) {
        return i;
      }
    }
    return std::nullopt;
  }
  // In blocks without an exit, which the compiler turns into vector code.
  constexpr std::uint64_t block = 4096;
  const auto start = static_cast<std::uint64_t>(tensor.offset_elements);
  for (std::uint64_t begin = 0; begin < count; begin += block) {
    const std::uint64_t end = std::min(count, begin + block);
    unsigned found = 0;
    for (std::uint64_t i = begin; i < end; ++i) {
      found |= static_cast<unsigned>((word_at(start + i) & exponent) == exponent);
    }
    for (std::uint64_t i = begin; found != 0 && i < end; ++i) {
      if ((word_at(start + i) & exponent) == exponent) {
        return i;
      }
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> first_not_finite(const TensorRecord& tensor, Bytes storage) {
  switch (tensor.dtype) {
    case DType::float32:
      return first_not_finite<std::uint32_t>(tensor, storage, 0x7F800000U);
    case DType::float64:
      return first_not_finite<std::uint64_t>(tensor, storage, 0x7FF0000000000000U);
    case DType::float16:
      return first_not_finite<std::uint16_t>(tensor, storage, std::uint16_t{0x7C00});
    case DType::bfloat16:
      return first_not_finite<std::uint16_t>(tensor, storage, std::uint16_t{0x7F80});
    default:
      return std::nullopt;
  }
}

bool is_nan(const TensorRecord& tensor, const std::vector<std::byte>& element) {
  std::uint64_t word = 0;
  std::memcpy(&word, element.data(), element.size());
  switch (tensor.dtype) {
    case DType::float32:
      return (word & 0x007FFFFFU) != 0;
    case DType::float64:
      return (word & 0x000FFFFFFFFFFFFFU) != 0;
    case DType::float16:
      return (word & 0x03FFU) != 0;
    default:
      return (word & 0x007FU) != 0;
  }
}

// Names that miss or are too many because the whole model was wrapped.
std::string wrapper_hint(const ModelFile& base, const ModelFile& update) {
  constexpr std::string_view prefix = "module.";
  const bool wrapped = std::ranges::all_of(update.tensors(), [&](const TensorRecord& tensor) {
    return tensor.name.starts_with(prefix) && base.find(tensor.name.substr(prefix.size())) != nullptr;
  });
  return wrapped ? " The update was saved from a DataParallel wrapper: save model.module instead." : "";
}

std::expected<void, std::string> check_ties(const ModelFile& base, const ModelFile& update,
                                            const std::vector<const TensorRecord*>& matched) {
  Differences differences;
  const auto first = first_of_same_view(base);
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == i) {
      continue;
    }
    const TensorRecord& mine = *matched[i];
    const TensorRecord& other = *matched[first[i]];
    const bool same_view = mine.storage == other.storage && mine.offset_elements == other.offset_elements &&
                           effective_strides(mine) == effective_strides(other);
    // Formats without sharing write tied weights twice; equal copies are as good.
    if (!same_view && update.read(mine).bytes != update.read(other).bytes) {
      differences.add(base.tensors()[i].name, "is tied to " + printable(base.tensors()[first[i]].name) +
                                                  " in the model, but has other values in the update");
    }
  }
  if (!differences.empty()) {
    return differences.error();
  }
  return {};
}

}  // namespace

std::vector<std::size_t> first_of_same_view(const ModelFile& file) {
  using View = std::tuple<std::size_t, std::int64_t, std::vector<std::int64_t>, std::vector<std::int64_t>>;
  std::map<View, std::size_t> views;
  std::vector<std::size_t> first;
  first.reserve(file.tensors().size());
  for (const TensorRecord& tensor : file.tensors()) {
    const View view(tensor.storage, tensor.offset_elements, tensor.shape, effective_strides(tensor));
    first.push_back(views.emplace(view, first.size()).first->second);
  }
  return first;
}

std::expected<void, std::string> check_base(const ModelFile& base) {
  if (base.tensors().empty()) {
    return std::unexpected("The model has no parameters, so there is nothing to train.");
  }
  struct Range {
    std::size_t storage;
    std::uint64_t begin;
    std::uint64_t end;
    std::size_t tensor;
  };
  std::vector<Range> ranges;
  const auto first = first_of_same_view(base);
  for (std::size_t i = 0; i < first.size(); ++i) {
    const TensorRecord& tensor = base.tensors()[i];
    if (first[i] != i || element_count(tensor.shape) == 0) {
      continue;
    }
    if (!is_dense(tensor)) {
      return std::unexpected("The tensor " + printable(tensor.name) +
                             " is an expanded or strided view of its memory. Save a contiguous copy of it.");
    }
    ranges.push_back(
        {tensor.storage, static_cast<std::uint64_t>(tensor.offset_elements), end_element(tensor).value(), i});
  }
  std::ranges::sort(ranges, {}, [](const Range& range) { return std::pair(range.storage, range.begin); });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].storage == ranges[i - 1].storage && ranges[i].begin < ranges[i - 1].end) {
      return std::unexpected("The tensors " + printable(base.tensors()[ranges[i - 1].tensor].name) + " and " +
                             printable(base.tensors()[ranges[i].tensor].name) +
                             " are different views of the same memory. Save contiguous copies of them.");
    }
  }
  return {};
}

std::optional<std::string> not_finite(const ModelFile& file, const TensorRecord& tensor) {
  const Bytes storage = file.storage_bytes(tensor.storage);
  const auto found = first_not_finite(tensor, storage);
  if (!found) {
    return std::nullopt;
  }
  TensorRecord element = tensor;
  ElementWalk walk(tensor);
  walk.seek(*found);
  element.offset_elements = walk.position();
  element.shape.clear();
  element.strides.clear();
  std::string index;
  std::uint64_t rest = *found;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    const auto size = static_cast<std::uint64_t>(tensor.shape[i]);
    index = std::to_string(rest % size) + (index.empty() ? "" : ", ") + index;
    rest /= size;
  }
  return "the element at [" + index + "] is " +
         (is_nan(element, contiguous_bytes(element, storage)) ? "NaN" : "infinite");
}

std::expected<void, std::string> check_update(const ModelFile& base, const ModelFile& update,
                                              bool require_finite) {
  if (auto checked = check_base(base); !checked) {
    return checked;
  }
  if (update.tensors().empty()) {
    return std::unexpected("The update has no parameters.");
  }
  std::unordered_map<std::string_view, const TensorRecord*> by_name;
  for (const TensorRecord& tensor : update.tensors()) {
    by_name.emplace(tensor.name, &tensor);
  }
  Differences differences;
  std::vector<const TensorRecord*> matched;
  for (const TensorRecord& expected : base.tensors()) {
    const auto found = by_name.find(expected.name);
    if (found == by_name.end()) {
      differences.add(expected.name, "is missing");
      continue;
    }
    const TensorRecord& got = *found->second;
    if (got.dtype != expected.dtype || got.shape != expected.shape) {
      differences.add(expected.name, "expected " + describe(expected.dtype, expected.shape) + ", got " +
                                         describe(got.dtype, got.shape));
    }
    matched.push_back(&got);
    by_name.erase(found);
  }
  for (const TensorRecord& tensor : update.tensors()) {
    if (by_name.contains(tensor.name)) {
      differences.add(tensor.name, "is not in the model");
    }
  }
  if (!differences.empty()) {
    return differences.error(wrapper_hint(base, update));
  }
  if (auto tied = check_ties(base, update, matched); !tied) {
    return tied;
  }
  if (require_finite) {
    for (const TensorRecord* tensor : matched) {
      if (const auto found = not_finite(update, *tensor)) {
        differences.add(tensor->name, *found);
      }
    }
    if (!differences.empty()) {
      return differences.error(" Training may have diverged; send finite weights.");
    }
  }
  return {};
}

}  // namespace fedlog::ml
