#include "ml/described_object.h"

namespace fedlog::ml {
namespace {

std::optional<double> number_of(const PickleValue& value) {
  if (value.kind == PickleKind::real) return value.real;
  if (value.kind == PickleKind::integer) return static_cast<double>(value.integer);
  return std::nullopt;
}

}  // namespace

PickleRef DescribedObject::find(std::string_view name) const {
  return archive_->pickle().attribute(value_, name);
}

std::string_view DescribedObject::class_name() const {
  const auto& tree = archive_->pickle();
  return tree[value_].kind == PickleKind::object ? tree.callee(value_) : std::string_view{};
}

bool DescribedObject::has(std::string_view name) const {
  return find(name) != no_value;
}

bool DescribedObject::is_empty(std::string_view name) const {
  const auto& tree = archive_->pickle();
  const auto value = find(name);
  if (value == no_value) return true;
  switch (tree[value].kind) {
    case PickleKind::none:
      return true;
    case PickleKind::dict:
    case PickleKind::list:
    case PickleKind::tuple:
    case PickleKind::set:
      return tree.children(value).empty();
    default:
      return false;
  }
}

std::optional<bool> DescribedObject::flag(std::string_view name) const {
  const auto value = find(name);
  if (value == no_value || archive_->pickle()[value].kind != PickleKind::boolean) return std::nullopt;
  return archive_->pickle()[value].integer != 0;
}

std::optional<std::int64_t> DescribedObject::integer(std::string_view name) const {
  const auto value = find(name);
  return value == no_value ? std::nullopt : archive_->pickle().integer(value);
}

std::optional<double> DescribedObject::number(std::string_view name) const {
  const auto value = find(name);
  return value == no_value ? std::nullopt : number_of(archive_->pickle()[value]);
}

std::optional<std::string_view> DescribedObject::text(std::string_view name) const {
  const auto value = find(name);
  if (value == no_value || archive_->pickle()[value].kind != PickleKind::string) return std::nullopt;
  return archive_->pickle()[value].text;
}

std::optional<std::vector<PickleRef>> DescribedObject::elements(std::string_view name) const {
  const auto& tree = archive_->pickle();
  auto value = find(name);
  if (value == no_value) return std::nullopt;
  if (tree[value].kind == PickleKind::call && tree.callee(value) == "torch.Size") {
    const auto arguments = tree.children(tree.children(value)[1]);
    if (arguments.size() != 1) return std::nullopt;
    value = arguments[0];
  }
  if (tree[value].kind != PickleKind::tuple && tree[value].kind != PickleKind::list) {
    return std::vector<PickleRef>{value};
  }
  const auto children = tree.children(value);
  return std::vector<PickleRef>(children.begin(), children.end());
}

std::optional<std::vector<std::int64_t>> DescribedObject::integers(std::string_view name) const {
  const auto parts = elements(name);
  if (!parts) return std::nullopt;
  std::vector<std::int64_t> result;
  for (const auto part : *parts) {
    const auto integer = archive_->pickle().integer(part);
    if (!integer && archive_->pickle()[part].kind != PickleKind::none) return std::nullopt;
    result.push_back(integer.value_or(-1));
  }
  return result;
}

std::optional<std::vector<double>> DescribedObject::numbers(std::string_view name) const {
  const auto parts = elements(name);
  if (!parts) return std::nullopt;
  std::vector<double> result;
  for (const auto part : *parts) {
    const auto number = number_of(archive_->pickle()[part]);
    if (!number) return std::nullopt;
    result.push_back(*number);
  }
  return result;
}

std::optional<std::string_view> DescribedObject::global(std::string_view name) const {
  const auto value = find(name);
  if (value == no_value || archive_->pickle()[value].kind != PickleKind::global) return std::nullopt;
  return archive_->pickle()[value].text;
}

std::optional<std::string_view> DescribedObject::enum_text(std::string_view name) const {
  const auto& tree = archive_->pickle();
  const auto value = find(name);
  if (value == no_value || tree[value].kind != PickleKind::call) return std::nullopt;
  const auto arguments = tree.children(tree.children(value)[1]);
  if (arguments.size() != 1 || tree[arguments[0]].kind != PickleKind::string) return std::nullopt;
  return tree[arguments[0]].text;
}

std::optional<DescribedObject::Tensor> DescribedObject::tensor_of(std::string_view dict,
                                                                  std::string_view name) const {
  const auto& tree = archive_->pickle();
  const auto tensors = find(dict);
  if (tensors == no_value || tree[tensors].kind != PickleKind::dict) return std::nullopt;
  const auto value = tree.find(tensors, name);
  if (value == no_value) return std::nullopt;
  const auto* record = archive_->tensor(value);
  if (record == nullptr) return std::nullopt;
  return Tensor{.record = record, .value = value};
}

std::optional<DescribedObject::Tensor> DescribedObject::parameter(std::string_view name) const {
  return tensor_of("_parameters", name);
}

std::optional<DescribedObject::Tensor> DescribedObject::buffer(std::string_view name) const {
  return tensor_of("_buffers", name);
}

std::vector<DescribedObject> DescribedObject::children() const {
  const auto& tree = archive_->pickle();
  const auto modules = find("_modules");
  std::vector<DescribedObject> result;
  if (modules == no_value || tree[modules].kind != PickleKind::dict) return result;
  const auto items = tree.children(modules);
  for (std::size_t index = 1; index < items.size(); index += 2) result.emplace_back(*archive_, items[index]);
  return result;
}

std::optional<DescribedObject> DescribedObject::child(std::string_view name) const {
  const auto& tree = archive_->pickle();
  const auto modules = find("_modules");
  if (modules == no_value || tree[modules].kind != PickleKind::dict) return std::nullopt;
  const auto value = tree.find(modules, name);
  if (value == no_value || tree[value].kind == PickleKind::none) return std::nullopt;
  return DescribedObject(*archive_, value);
}

std::vector<DescribedObject> DescribedObject::objects(std::string_view name) const {
  const auto& tree = archive_->pickle();
  const auto list = find(name);
  std::vector<DescribedObject> result;
  if (list == no_value || tree[list].kind != PickleKind::list) return result;
  for (const auto element : tree.children(list)) result.emplace_back(*archive_, element);
  return result;
}

}  // namespace fedlog::ml
