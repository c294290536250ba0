#include "tests/ml/archive_writer.h"

#include <zlib.h>

#include <stdexcept>

namespace fedlog::ml {
namespace {

template <typename Integer>
std::string number(Integer value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::uint32_t crc_of(const std::string& content) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
}

std::string deflate_raw(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    throw std::runtime_error("zlib cannot deflate");
  }
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

std::string zip_of(const std::vector<HandMadeRecord>& records, const HandMadeEnd& end) {
  std::string out;
  std::string directory;
  for (const HandMadeRecord& record : records) {
    const std::string stored = record.deflated ? deflate_raw(record.content) : record.content;
    const auto method = record.method.value_or(record.deflated ? 8 : 0);
    const auto crc = record.crc.value_or(crc_of(record.content));
    const auto size = record.size.value_or(static_cast<std::uint32_t>(record.content.size()));
    const std::string local_name = record.local_name.value_or(record.name);
    const auto offset = record.offset.value_or(static_cast<std::uint32_t>(out.size()));
    const auto stored_size = static_cast<std::uint32_t>(stored.size());
    out += "PK\3\4" + number<std::uint16_t>(20) + number(record.flags) + number<std::uint16_t>(method) +
           number<std::uint32_t>(0) + number(crc) + number(stored_size) +
           number(record.local_size.value_or(size)) + number(static_cast<std::uint16_t>(local_name.size())) +
           number<std::uint16_t>(0) + local_name + stored;
    directory += "PK\1\2" + number<std::uint32_t>(0x00140014) + number(record.flags) +
                 number<std::uint16_t>(method) + number<std::uint32_t>(0) +
                 number(record.central_crc.value_or(crc)) + number(stored_size) + number(size) +
                 number(static_cast<std::uint16_t>(record.name.size())) + std::string(12, '\0') +
                 number(offset) + record.name;
  }
  const auto count = end.entries.value_or(static_cast<std::uint16_t>(records.size()));
  const auto start = static_cast<std::uint32_t>(out.size());
  return out + directory + "PK\5\6" + number<std::uint32_t>(0) + number(count) + number(count) +
         number(static_cast<std::uint32_t>(directory.size())) + number(start) +
         number(static_cast<std::uint16_t>(end.comment.size())) + end.comment;
}

std::string pickled(std::string_view text) {
  return "X" + number(static_cast<std::uint32_t>(text.size())) + std::string(text);
}

std::string pickled(std::int64_t value) {
  return std::string("\x8a\x08") + number(value);
}

std::string pickled_tuple(const std::vector<std::int64_t>& numbers) {
  std::string out = "(";
  for (const std::int64_t value : numbers) {
    out += pickled(value);
  }
  return out + "t";
}

std::string pickled_global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}

std::string pickled_items(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "(";
  for (const auto& [key, value] : items) {
    out += pickled(key) + value;
  }
  return out + "u";
}

std::string complete_pickle(const std::string& operations) {
  return "\x80\x02" + operations + ".";
}

std::string pickled_tensor_arguments(const HandMadeTensor& tensor) {
  const std::string id = "(" + pickled("storage") + pickled_global("torch", tensor.storage_type) +
                         pickled(tensor.key) + pickled("cpu") + pickled(tensor.storage_elements) + "tQ";
  return "(" + id + pickled(tensor.offset) + pickled_tuple(tensor.shape) + pickled_tuple(tensor.strides) +
         "\x89" + pickled_global("collections", "OrderedDict") + ")Rt";
}

std::string pickled_tensor(const HandMadeTensor& tensor) {
  return pickled_global("torch._utils", "_rebuild_tensor_v2") + pickled_tensor_arguments(tensor) + "R";
}

std::string pickled_typed_tensor(const HandMadeTensor& tensor, const std::string& function,
                                 const std::string& type, const std::string& attributes) {
  return pickled_global("torch._tensor", "_rebuild_from_type_v2") + "(" + function + type +
         pickled_tensor_arguments(tensor) + attributes + "tR";
}

std::string torch_file(const std::string& pickle, const std::vector<HandMadeStorage>& storages,
                       const std::vector<HandMadeRecord>& more) {
  std::vector<HandMadeRecord> records{{.name = "archive/data.pkl", .content = pickle}};
  for (const HandMadeStorage& storage : storages) {
    records.push_back({.name = "archive/data/" + storage.key, .content = storage.content});
  }
  records.push_back({.name = "archive/version", .content = "3\n"});
  records.insert(records.end(), more.begin(), more.end());
  return zip_of(records);
}

std::string state_dict_file(const std::vector<NamedFloats>& tensors) {
  std::vector<std::pair<std::string, std::string>> items;
  std::vector<HandMadeStorage> storages;
  for (const NamedFloats& tensor : tensors) {
    const auto count = static_cast<std::int64_t>(tensor.values.size());
    const std::string key = std::to_string(storages.size());
    items.emplace_back(
        tensor.name,
        pickled_tensor(
            {.name = tensor.name, .shape = {count}, .strides = {1}, .key = key, .storage_elements = count}));
    storages.push_back({.key = key, .content = raw(tensor.values)});
  }
  return torch_file(complete_pickle("}" + pickled_items(items)), storages);
}

}  // namespace fedlog::ml
