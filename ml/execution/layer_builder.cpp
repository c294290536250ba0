#include "ml/execution/layer_builder.h"

#include <algorithm>

#include "ml/execution/layer_watch.h"
#include "ml/file_error.h"

namespace fedlog::ml {
namespace {

// Sizes, strides and the like: whatever is larger is no layer that a worker could run.
constexpr std::int64_t integer_most = std::int64_t{1} << 31;

std::string whole_numbers(std::size_t count, std::int64_t least) {
  return (count == 1 ? "a whole number" : std::to_string(count) + " whole numbers") + std::string(" of ") +
         std::to_string(least) + " to " + std::to_string(integer_most);
}

bool within(std::int64_t value, std::int64_t least) {
  return value >= least && value <= integer_most;
}

}  // namespace

LayerBuilder::LayerBuilder(const DescribedObject& source, std::string_view class_name, DescribedParts& parts,
                           bool on_picture, int depth)
    : source_(source),
      parts_(parts),
      on_picture_(on_picture),
      depth_(depth),
      module_(c10::QualifiedName("__torch__." + std::string(class_name))) {
  module_.register_attribute("training", c10::BoolType::get(), false);
}

bool LayerBuilder::read_flag(const char* name, std::optional<bool> fallback) const {
  if (fallback && !source_.has(name)) return *fallback;
  const auto value = source_.flag(name);
  if (!value) refuse_attribute(name, "True or False");
  return *value;
}

std::int64_t LayerBuilder::read_integer(const char* name, std::int64_t least) const {
  const auto value = source_.integer(name);
  if (!value || !within(*value, least)) refuse_attribute(name, whole_numbers(1, least));
  return *value;
}

double LayerBuilder::read_number(const char* name) const {
  const auto value = source_.number(name);
  if (!value) refuse_attribute(name, "a number");
  return *value;
}

std::vector<std::int64_t> LayerBuilder::read_integers(const char* name, std::size_t count,
                                                      std::int64_t least) const {
  auto values = source_.integers(name);
  if (values && values->size() == 1) values->resize(count, values->front());
  const bool good = values && values->size() == count &&
                    std::ranges::all_of(*values, [&](std::int64_t value) { return within(value, least); });
  if (!good) refuse_attribute(name, whole_numbers(count, least));
  return *values;
}

const char* LayerBuilder::read_choice(const char* name, std::initializer_list<const char*> known,
                                      const char* fallback) const {
  if (fallback != nullptr && !source_.has(name)) return fallback;
  auto text = source_.text(name);
  if (!text) text = source_.enum_text(name);
  std::string wanted;
  for (const char* candidate : known) {
    if (text == candidate) return candidate;
    wanted += (wanted.empty() ? "\"" : " or \"") + std::string(candidate) + "\"";
  }
  refuse_attribute(name, wanted);
}

void LayerBuilder::flag(const char* name, std::optional<bool> fallback) {
  constant(name, read_flag(name, fallback));
}
void LayerBuilder::integer(const char* name, std::int64_t least) {
  constant(name, read_integer(name, least));
}
void LayerBuilder::number(const char* name) {
  constant(name, read_number(name));
}
void LayerBuilder::integers(const char* name, std::size_t count, std::int64_t least) {
  constant(name, read_integers(name, count, least));
}

void LayerBuilder::sizes(const char* name, std::size_t count, std::int64_t least) {
  if (source_.integer(name)) return integer(name, least);
  integers(name, count, least);
}

void LayerBuilder::optional_integer(const char* name, std::int64_t least) {
  const auto type = c10::OptionalType::create(c10::IntType::get());
  const bool none = source_.is_empty(name);
  module_.register_attribute(name, type, none ? torch::IValue() : torch::IValue(read_integer(name, least)));
}

void LayerBuilder::parameter(const char* name, bool optional) {
  const auto tensor = source_.parameter(name);
  if (!tensor && !optional) refuse_attribute(name, "a tensor");
  if (!tensor) return none(name);
  auto value = parts_.load(*tensor);
  if (tensor->record->requires_grad && value.is_floating_point()) value.requires_grad_(true);
  module_.register_parameter(name, value, false);
}

bool LayerBuilder::buffer(const char* name) {
  const auto tensor = source_.buffer(name);
  if (!tensor) {
    none(name);
    return false;
  }
  module_.register_buffer(name, parts_.load(*tensor));
  return true;
}

void LayerBuilder::note_kernel_size() {
  if (const auto size = source_.integer("kernel_size")) {
    constant(described_kernel_size, *size);
  } else if (const auto sizes = source_.integers("kernel_size")) {
    constant(described_kernel_size, *sizes);
  }
}

void LayerBuilder::none(const char* name) {
  module_.register_attribute(name, c10::OptionalType::create(c10::TensorType::get()), torch::IValue());
}

void LayerBuilder::constant(const char* name, bool value) {
  module_.register_attribute(name, c10::BoolType::get(), value);
}
void LayerBuilder::constant(const char* name, std::int64_t value) {
  module_.register_attribute(name, c10::IntType::get(), value);
}
void LayerBuilder::constant(const char* name, double value) {
  module_.register_attribute(name, c10::FloatType::get(), value);
}
void LayerBuilder::constant(const char* name, const char* value) {
  module_.register_attribute(name, c10::StringType::get(), std::string(value));
}
void LayerBuilder::constant(const char* name, const std::vector<std::int64_t>& value) {
  module_.register_attribute(name, c10::ListType::ofInts(), value);
}
void LayerBuilder::constant(const char* name, const std::vector<double>& value) {
  module_.register_attribute(name, c10::ListType::ofFloats(), value);
}

void LayerBuilder::forward(const std::string& expression) {
  define("def forward(self, x):\n    return " + expression + "\n");
}

void LayerBuilder::described_child(const char* name, std::initializer_list<const char*> class_names) {
  const auto source = source_.child(name);
  if (!source) refuse("without its \"" + std::string(name) + "\"");
  described_child(name, *source, class_names);
}

void LayerBuilder::described_child(const char* name, const DescribedObject& source,
                                   std::initializer_list<const char*> class_names) {
  if (std::ranges::find(class_names, source.class_name(),
                        [](const char* known) { return std::string_view(known); }) == class_names.end()) {
    refuse("whose \"" + std::string(name) + "\" is of class " + printable(source.class_name()));
  }
  child(name, parts_.build(source, depth_ + 1));
}

void LayerBuilder::refuse_changed_behaviour() const {
  for (const char* name : {"_forward_hooks", "_forward_pre_hooks", "forward", "__call__"})
    refuse_if_set(name);
}

void LayerBuilder::refuse_if_set(const char* name) const {
  if (!source_.is_empty(name)) refuse("with \"" + std::string(name) + "\", which is not executed here");
}

void LayerBuilder::refuse(const std::string& reason) const {
  throw NotDescribed{"a " + printable(source_.class_name()) + " " + reason};
}

void LayerBuilder::refuse_attribute(const char* name, const std::string& wanted) const {
  refuse("whose \"" + std::string(name) + "\" is not " + wanted);
}

}  // namespace fedlog::ml
