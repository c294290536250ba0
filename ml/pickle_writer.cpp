#include "ml/pickle_writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "ml/pickle_opcodes.h"

namespace fedlog::ml {
namespace {

static_assert(std::endian::native == std::endian::little, "pickles and tensors are little-endian");

void append(std::string& pickle, Opcode opcode) {
  pickle += static_cast<char>(opcode);
}

template <class Number>
void append_raw(std::string& pickle, Number value) {
  std::array<char, sizeof(Number)> bytes{};
  std::memcpy(bytes.data(), &value, sizeof value);
  pickle.append(bytes.data(), bytes.size());
}

void append_protocol(std::string& pickle, unsigned char version) {
  append(pickle, op_proto);
  append_raw(pickle, version);
}

void append_text(std::string& pickle, std::string_view text) {
  append(pickle, op_binunicode);
  append_raw(pickle, static_cast<std::uint32_t>(text.size()));
  pickle += text;
}

void append_global(std::string& pickle, std::string_view module, std::string_view name) {
  append(pickle, op_global);
  pickle.append(module).append("\n").append(name).append("\n");
}

void append_number(std::string& pickle, std::int64_t value) {
  if (value >= 0 && value <= std::numeric_limits<std::uint8_t>::max()) {
    append(pickle, op_binint1);
    append_raw(pickle, static_cast<std::uint8_t>(value));
  } else if (value >= std::numeric_limits<std::int32_t>::min() &&
             value <= std::numeric_limits<std::int32_t>::max()) {
    append(pickle, op_binint);
    append_raw(pickle, static_cast<std::int32_t>(value));
  } else {
    append(pickle, op_long1);
    append_raw(pickle, static_cast<std::uint8_t>(sizeof value));
    append_raw(pickle, value);
  }
}

void append_tuple(std::string& pickle, const std::vector<std::int64_t>& values) {
  append(pickle, op_mark);
  for (const auto value : values) append_number(pickle, value);
  append(pickle, op_tuple);
}

std::string_view storage_class(DType type) {
  switch (type) {
    case DType::float32:
      return "FloatStorage";
    case DType::float64:
      return "DoubleStorage";
    case DType::float16:
      return "HalfStorage";
    case DType::bfloat16:
      return "BFloat16Storage";
    case DType::int64:
      return "LongStorage";
    case DType::int32:
      return "IntStorage";
    case DType::int16:
      return "ShortStorage";
    case DType::int8:
      return "CharStorage";
    case DType::uint8:
      return "ByteStorage";
    case DType::boolean:
      return "BoolStorage";
  }
  return "ByteStorage";
}

// What torch.save wrote before it wrote archives, which is still how a storage is pickled: a magic number, a
// version, facts about the machine, the object, the keys of its storages, and then the elements.
std::string saved_storage(const Tensor& tensor) {
  constexpr unsigned char protocol = 2;
  constexpr std::array<unsigned char, 10> magic{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  constexpr std::int64_t format_version = 1001;
  constexpr std::string_view key = "0";
  const auto elements = static_cast<std::int64_t>(tensor.bytes.size() / size_bytes(tensor.dtype));

  std::string file;
  append_protocol(file, protocol);
  append(file, op_long1);
  append_raw(file, static_cast<std::uint8_t>(magic.size()));
  for (const auto byte : magic) append_raw(file, byte);
  append(file, op_stop);

  append_protocol(file, protocol);
  append_number(file, format_version);
  append(file, op_stop);

  append_protocol(file, protocol);
  append(file, op_empty_dict);
  append_text(file, "little_endian");
  append(file, op_newtrue);
  append(file, op_setitem);
  append(file, op_stop);

  append_protocol(file, protocol);
  append(file, op_mark);
  append_text(file, "storage");
  append_global(file, "torch", storage_class(tensor.dtype));
  append_text(file, key);
  append_text(file, "cpu");
  append_number(file, elements);
  append(file, op_none);  // it is no view of another storage
  append(file, op_tuple);
  append(file, op_binpersid);
  append(file, op_stop);

  append_protocol(file, protocol);
  append(file, op_empty_list);
  append_text(file, key);
  append(file, op_append);
  append(file, op_stop);

  append_raw(file, elements);
  if (!tensor.bytes.empty())
    file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  return file;
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t dimension = shape.size(); dimension > 1; --dimension) {
    strides[dimension - 2] = strides[dimension - 1] * std::max<std::int64_t>(shape[dimension - 1], 1);
  }
  return strides;
}

}  // namespace

PickleWriter::PickleWriter() {
  constexpr unsigned char protocol = 4;  // the first one with lengths of 64 bits
  append_protocol(pickle_, protocol);
}

void PickleWriter::begin_dictionary() {
  append(pickle_, op_empty_dict);
  append(pickle_, op_mark);
}

void PickleWriter::end_dictionary() {
  append(pickle_, op_setitems);
}

void PickleWriter::key(std::string_view name) {
  append_text(pickle_, name);
}

void PickleWriter::tensor(const Tensor& tensor) {
  append_global(pickle_, "torch._utils", "_rebuild_tensor_v2");
  append(pickle_, op_mark);

  append_global(pickle_, "torch.storage", "_load_from_bytes");
  const auto storage = saved_storage(tensor);
  append(pickle_, op_binbytes8);
  append_raw(pickle_, static_cast<std::uint64_t>(storage.size()));
  pickle_ += storage;
  append(pickle_, op_tuple1);
  append(pickle_, op_reduce);

  append_number(pickle_, 0);  // offset
  append_tuple(pickle_, tensor.shape);
  append_tuple(pickle_, row_major_strides(tensor.shape));
  append(pickle_, op_newfalse);  // requires_grad
  append_global(pickle_, "collections", "OrderedDict");
  append(pickle_, op_empty_tuple);
  append(pickle_, op_reduce);  // no hooks
  append(pickle_, op_tuple);
  append(pickle_, op_reduce);
}

std::string PickleWriter::finish() {
  append(pickle_, op_stop);
  return std::move(pickle_);
}

}  // namespace fedlog::ml
