#include "ml/pickle_reader.h"

#include <utility>

#include "ml/pickle_machine.h"

namespace fedlog::ml {

std::string_view PickleTree::callee(PickleRef ref) const {
  const PickleValue& value = values_[ref];
  if (value.kind != PickleKind::call && value.kind != PickleKind::object) {
    return {};
  }
  return values_[children(ref)[0]].text;
}

PickleRef PickleTree::find(PickleRef dict, std::string_view key) const {
  if (dict == no_value || values_[dict].kind != PickleKind::dict) {
    return no_value;
  }
  const auto items = children(dict);
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const PickleValue& candidate = values_[items[i]];
    if (candidate.kind == PickleKind::string && candidate.text == key) {
      return items[i + 1];
    }
  }
  return no_value;
}

PickleRef PickleTree::attribute(PickleRef object, std::string_view name) const {
  if (object == no_value) {
    return no_value;
  }
  const PickleKind kind = values_[object].kind;
  return kind == PickleKind::object || kind == PickleKind::call ? find(values_[object].state, name)
                                                                : no_value;
}

std::optional<std::int64_t> PickleTree::integer(PickleRef ref) const {
  return values_[ref].kind == PickleKind::integer ? std::optional(values_[ref].integer) : std::nullopt;
}

std::expected<PickleTree, FileError> read_pickle(std::vector<std::byte> bytes, const FileLimits& limits) {
  if (bytes.size() > limits.pickle_size_bytes) {
    return file_error(FileErrorCode::over_limit,
                      "The pickle has " + std::to_string(bytes.size()) + " bytes; at most " +
                          std::to_string(limits.pickle_size_bytes) + " are allowed.");
  }
  PickleMachine machine(std::move(bytes), limits);
  return machine.run();
}

}  // namespace fedlog::ml
