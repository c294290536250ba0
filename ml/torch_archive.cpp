#include "ml/torch_archive.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "ml/memory_budget.h"

namespace fedlog::ml {
namespace {

constexpr int oldest_version = 1;
constexpr int newest_version = 10;
constexpr std::size_t dimension_limit = 64;
// What an element of a hash table costs beside itself.
constexpr std::uint64_t map_node_bytes = 48;
constexpr std::string_view rebuild_tensor = "torch._utils._rebuild_tensor_v2";

struct StorageType {
  std::string_view name;
  DType dtype;
};

constexpr auto storage_types = std::to_array<StorageType>({
    {"FloatStorage", DType::float32},
    {"DoubleStorage", DType::float64},
    {"HalfStorage", DType::float16},
    {"BFloat16Storage", DType::bfloat16},
    {"LongStorage", DType::int64},
    {"IntStorage", DType::int32},
    {"ShortStorage", DType::int16},
    {"CharStorage", DType::int8},
    {"ByteStorage", DType::uint8},
    {"BoolStorage", DType::boolean},
});

std::unexpected<FileError> malformed(std::string message) {
  return file_error(FileErrorCode::malformed, std::move(message));
}

std::expected<std::string, FileError> top_folder(const ZipArchive& zip) {
  std::string root;
  for (const ZipEntry& entry : zip.entries()) {
    const std::size_t slash = entry.name.find('/');
    if (slash == std::string::npos) {
      return malformed("The archive's record \"" + printable(entry.name) +
                       "\" lies outside the top folder that PyTorch writes.");
    }
    const std::string_view folder = std::string_view(entry.name).substr(0, slash + 1);
    if (root.empty()) {
      root = folder;
    } else if (root != folder) {
      return malformed("The archive has more than one top folder: \"" + printable(root) + "\" and \"" +
                       printable(folder) + "\".");
    }
  }
  return root;
}

std::expected<void, FileError> check_version(const ZipArchive& zip, const std::string& root) {
  const ZipEntry* entry = zip.find(root + "version");
  const ZipEntry* newer = zip.find(root + ".data/version");
  if (entry != nullptr && newer != nullptr) {
    return malformed("The archive has two version records.");
  }
  entry = entry != nullptr ? entry : newer;
  if (entry == nullptr) {
    return malformed("The archive has no version record: it was not written by PyTorch.");
  }
  if (entry->size_bytes > 16) {
    return malformed("The archive's version record is no number.");
  }
  const auto bytes = zip.read(*entry);
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  int version = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (status != std::errc{} || end != text.data() + text.size()) {
    return malformed("The archive's version record is no number.");
  }
  if (version < oldest_version || version > newest_version) {
    return file_error(FileErrorCode::unsupported, "The archive has version " + std::to_string(version) +
                                                      "; versions " + std::to_string(oldest_version) +
                                                      " to " + std::to_string(newest_version) + " are read.");
  }
  return {};
}

std::expected<void, FileError> check_byte_order(const ZipArchive& zip, const std::string& root) {
  const ZipEntry* entry = zip.find(root + "byteorder");
  if (entry == nullptr) {
    return {};
  }
  if (entry->size_bytes > 16 || as_text(zip.read(*entry)) != "little") {
    return file_error(FileErrorCode::unsupported,
                      "The archive is not little-endian. Save it on a little-endian machine.");
  }
  return {};
}

}  // namespace

// Fills an archive's storages and tensors from its pickle.
class TorchArchiveReader {
 public:
  explicit TorchArchiveReader(TorchArchive& archive, const FileLimits& limits)
      : archive_(archive), tree_(archive.pickle_), budget_(limits, tree_.source_bytes()) {}

  std::expected<void, FileError> read() {
    for (PickleRef ref = 0; ref < tree_.size(); ++ref) {
      const PickleKind kind = tree_[ref].kind;
      if (kind == PickleKind::persistent) {
        if (auto storage = storage_of(ref); !storage) {
          return std::unexpected(storage.error());
        }
      } else if (kind == PickleKind::call) {
        if (auto read = read_call(ref); !read) {
          return read;
        }
      }
    }
    return check_unused();
  }

 private:
  std::expected<void, FileError> read_call(PickleRef ref) {
    const std::string_view callee = tree_.callee(ref);
    const auto arguments = tree_.children(tree_.children(ref)[1]);
    if (callee == rebuild_tensor) {
      return read_tensor(ref, arguments);
    }
    // A tensor with attributes of Python's, as torch.nn.Buffer makes them: function, class, arguments,
    // attributes.
    if (callee == "torch._tensor._rebuild_from_type_v2" && tree_[arguments[0]].text == rebuild_tensor) {
      return read_tensor(ref, tree_.children(arguments[2]));
    }
    if (callee == "torch._utils._rebuild_parameter" ||
        callee == "torch._utils._rebuild_parameter_with_state") {
      // Arguments come before their call in the pickle, so the tensor has been read.
      const TensorRecord* inner = arguments.empty() ? nullptr : archive_.tensor(arguments[0]);
      if (arguments.size() < 3 || inner == nullptr || tree_[arguments[1]].kind != PickleKind::boolean ||
          !is_empty(arguments[2])) {
        return unsupported_call(callee, arguments);
      }
      TensorRecord parameter = *inner;
      parameter.is_parameter = true;
      parameter.requires_grad = tree_[arguments[1]].integer != 0;
      return keep(ref, std::move(parameter));
    }
    return {};
  }

  std::expected<void, FileError> unsupported_call(std::string_view callee,
                                                  std::span<const PickleRef> arguments) {
    const bool around_other = !arguments.empty() && tree_[arguments[0]].kind == PickleKind::call &&
                              archive_.tensor(arguments[0]) == nullptr;
    if (around_other) {
      return file_error(FileErrorCode::unsupported, "A parameter is made by " +
                                                        printable(tree_.callee(arguments[0])) +
                                                        "; only dense tensors are read.");
    }
    return malformed("The pickle gives wrong arguments to " + printable(callee) + ".");
  }

  std::expected<void, FileError> read_tensor(PickleRef ref, std::span<const PickleRef> arguments) {
    if (arguments.size() < 6 || arguments.size() > 7 || tree_[arguments[0]].kind != PickleKind::persistent ||
        tree_[arguments[1]].kind != PickleKind::integer || tree_[arguments[2]].kind != PickleKind::tuple ||
        tree_[arguments[3]].kind != PickleKind::tuple || tree_[arguments[4]].kind != PickleKind::boolean ||
        !is_empty(arguments[5])) {
      return malformed("The pickle gives wrong arguments to " + std::string(rebuild_tensor) + ".");
    }
    // Of a conjugated or negated view the storage has other numbers than the tensor.
    if (arguments.size() == 7 && !is_empty(arguments[6])) {
      return file_error(FileErrorCode::unsupported,
                        "A tensor is a lazy view (of its negative, for instance). Save it with "
                        "tensor.resolve_conj().resolve_neg().");
    }
    const auto storage = storage_of(arguments[0]);
    if (!storage) {
      return std::unexpected(storage.error());
    }
    TensorRecord tensor{.name = {},
                        .dtype = archive_.storages_[*storage].dtype,
                        .shape = {},
                        .strides = {},
                        .storage = *storage,
                        .offset_elements = tree_[arguments[1]].integer,
                        .is_parameter = false,
                        .requires_grad = tree_[arguments[4]].integer != 0};
    if (!integers(arguments[2], tensor.shape) || !integers(arguments[3], tensor.strides)) {
      return malformed("A tensor's sizes or strides are no integers of 64 bits.");
    }
    if (tensor.shape.size() > dimension_limit) {
      return file_error(FileErrorCode::over_limit, "A tensor has " + std::to_string(tensor.shape.size()) +
                                                       " dimensions; at most " +
                                                       std::to_string(dimension_limit) + " are allowed.");
    }
    if (tensor.shape.size() != tensor.strides.size()) {
      return malformed("A tensor has " + std::to_string(tensor.shape.size()) + " sizes but " +
                       std::to_string(tensor.strides.size()) + " strides.");
    }
    const StorageRecord& record = archive_.storages_[*storage];
    const auto end = end_element(tensor);
    if (!end || *end > record.element_count) {
      return malformed("A tensor " + describe(tensor.dtype, tensor.shape) +
                       " reaches outside its storage \"" + printable(record.key) + "\" of " +
                       std::to_string(record.element_count) + " elements.");
    }
    return keep(ref, std::move(tensor));
  }

  std::expected<void, FileError> keep(PickleRef ref, TensorRecord tensor) {
    if (auto taken = budget_.take(map_node_bytes + memory_bytes(tensor)); !taken) {
      return taken;
    }
    archive_.tensors_.emplace(ref, std::move(tensor));
    return {};
  }

  // No hooks, no metadata.
  bool is_empty(PickleRef ref) const {
    return tree_[ref].kind == PickleKind::none ||
           (tree_[ref].kind == PickleKind::dict && tree_.children(ref).empty());
  }

  bool integers(PickleRef tuple, std::vector<std::int64_t>& out) const {
    for (const PickleRef element : tree_.children(tuple)) {
      const auto value = tree_.integer(element);
      if (!value) {
        return false;
      }
      out.push_back(*value);
    }
    return true;
  }

  // The storage that a persistent id names, checked against its record: ("storage", type, key, location,
  // numel).
  std::expected<std::size_t, FileError> storage_of(PickleRef persistent) {
    if (const auto known = storage_by_value_.find(persistent); known != storage_by_value_.end()) {
      return known->second;
    }
    const PickleRef id = tree_.children(persistent)[0];
    const auto parts =
        tree_[id].kind == PickleKind::tuple ? tree_.children(id) : std::span<const PickleRef>{};
    if (parts.size() != 5 || tree_[parts[0]].kind != PickleKind::string ||
        tree_[parts[0]].text != "storage" || tree_[parts[1]].kind != PickleKind::global ||
        tree_[parts[2]].kind != PickleKind::string || tree_[parts[3]].kind != PickleKind::string) {
      return malformed("The pickle has a persistent id that is not one of a storage.");
    }
    const auto count = tree_.integer(parts[4]);
    if (!count || *count < 0) {
      return malformed("A storage's number of elements is negative or no integer of 64 bits.");
    }
    if (auto taken = budget_.take(map_node_bytes); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
    auto record =
        make_storage(tree_[parts[1]].text, tree_[parts[2]].text, static_cast<std::uint64_t>(*count));
    if (!record) {
      return std::unexpected(record.error());
    }
    const auto [known, added] = storage_by_key_.emplace(record->key, archive_.storages_.size());
    if (added) {
      archive_.storages_.push_back(std::move(*record));
    } else {
      const StorageRecord& earlier = archive_.storages_[known->second];
      if (earlier.dtype != record->dtype || earlier.element_count != record->element_count) {
        return malformed("The storage \"" + printable(record->key) + "\" is used with two types or sizes.");
      }
    }
    storage_by_value_.emplace(persistent, known->second);
    return known->second;
  }

  std::expected<StorageRecord, FileError> make_storage(std::string_view type, std::string_view key,
                                                       std::uint64_t count) const {
    const bool plain_key = !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    });
    if (!plain_key) {
      return malformed("The storage key \"" + printable(key) + "\" is not a plain name.");
    }
    const std::size_t dot = type.rfind('.');
    const std::string_view module = type.substr(0, dot);
    const auto* found = std::ranges::find(storage_types, type.substr(dot + 1), &StorageType::name);
    if ((module != "torch" && module != "torch.cuda") || found == storage_types.end()) {
      return file_error(
          FileErrorCode::unsupported,
          "The file has a storage of type " + printable(type) +
              ". Weights may be float16, bfloat16, float32, float64, int8 to int64, uint8 or bool.");
    }
    const ZipEntry* entry = archive_.record("data/" + std::string(key));
    if (entry == nullptr) {
      return malformed("The archive has no record for the storage \"" + printable(key) + "\".");
    }
    if (entry->deflated) {
      return file_error(
          FileErrorCode::unsupported,
          "The storage \"" + printable(key) + "\" is compressed. Send the file as torch.save wrote it.");
    }
    const std::size_t width = size_bytes(found->dtype);
    if (entry->size_bytes % width != 0 || entry->size_bytes / width != count) {
      return malformed("The storage \"" + printable(key) + "\" has " + std::to_string(entry->size_bytes) +
                       " bytes where " + std::to_string(count) + " elements of " + std::to_string(width) +
                       " bytes are declared.");
    }
    StorageRecord record{.key = std::string(key),
                         .dtype = found->dtype,
                         .element_count = count,
                         .size_bytes = entry->size_bytes,
                         .file_offset = entry->data_offset,
                         .crc_offsets = {entry->central_crc_offset}};
    for (const auto& offset : {entry->local_crc_offset, entry->descriptor_crc_offset}) {
      if (offset) {
        record.crc_offsets.push_back(*offset);
      }
    }
    return record;
  }

  std::expected<void, FileError> check_unused() const {
    for (const ZipEntry& entry : archive_.zip_.entries()) {
      const std::string_view path = archive_.path_of(entry);
      if (path.starts_with("data/") && !storage_by_key_.contains(std::string(path.substr(5)))) {
        return malformed("The archive's record \"" + printable(entry.name) + "\" is used by no tensor.");
      }
    }
    return {};
  }

  TorchArchive& archive_;
  const PickleTree& tree_;
  MemoryBudget budget_;
  std::unordered_map<PickleRef, std::size_t> storage_by_value_;
  std::unordered_map<std::string, std::size_t> storage_by_key_;
};

std::expected<TorchArchive, FileError> TorchArchive::open(Bytes file, const FileLimits& limits) {
  auto zip = ZipArchive::open(file, limits);
  if (!zip) {
    return std::unexpected(std::move(zip.error()));
  }
  auto root = top_folder(*zip);
  if (!root) {
    return std::unexpected(std::move(root.error()));
  }
  const ZipEntry* data = zip->find(*root + "data.pkl");
  if (data == nullptr) {
    return malformed("The archive has no data.pkl: it was not written by torch.save or torch.jit.save.");
  }
  if (auto checked = check_version(*zip, *root); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  if (auto checked = check_byte_order(*zip, *root); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  if (data->size_bytes > limits.pickle_size_bytes) {
    return file_error(FileErrorCode::over_limit,
                      "The archive's data.pkl has " + std::to_string(data->size_bytes) + " bytes; at most " +
                          std::to_string(limits.pickle_size_bytes) + " are allowed.");
  }
  auto pickle = read_pickle(zip->read(*data), limits);
  if (!pickle) {
    return std::unexpected(std::move(pickle.error()));
  }
  TorchArchive archive(std::move(*zip), std::move(*pickle), std::move(*root));
  if (auto read = TorchArchiveReader(archive, limits).read(); !read) {
    return std::unexpected(std::move(read.error()));
  }
  return archive;
}

const TensorRecord* TorchArchive::tensor(PickleRef value) const {
  const auto found = tensors_.find(value);
  return found == tensors_.end() ? nullptr : &found->second;
}

const ZipEntry* TorchArchive::record(std::string_view path) const {
  return zip_.find(root_ + std::string(path));
}

std::string_view TorchArchive::path_of(const ZipEntry& entry) const {
  return std::string_view(entry.name).substr(root_.size());
}

}  // namespace fedlog::ml
