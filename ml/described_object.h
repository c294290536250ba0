#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "ml/torch_archive.h"

namespace fedlog::ml {

// A Python object of an archive as its pickle describes it: its class by name and its attributes by value.
// Nothing of it is ever run. A view: the archive must outlive it. Every getter gives nothing when the
// attribute is absent or of another type; texts are the sender's and may hold anything.
class DescribedObject {
 public:
  DescribedObject(const TorchArchive& archive, PickleRef value) : archive_(&archive), value_(value) {}

  // Where it stands in the pickle: an object that is used twice has the same place.
  [[nodiscard]] PickleRef value() const { return value_; }
  // "torch.nn.modules.linear.Linear"; empty for what is no object.
  [[nodiscard]] std::string_view class_name() const;
  [[nodiscard]] bool has(std::string_view name) const;
  // Whether the attribute is absent, None, or a container without elements.
  [[nodiscard]] bool is_empty(std::string_view name) const;

  [[nodiscard]] std::optional<bool> flag(std::string_view name) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  [[nodiscard]] std::optional<double> number(std::string_view name) const;
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  // Of a tuple, list or torch.Size; a single value counts as one. None as an element becomes -1.
  [[nodiscard]] std::optional<std::vector<std::int64_t>> integers(std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<double>> numbers(std::string_view name) const;
  // The name of a global, such as a data type: "torch.float32".
  [[nodiscard]] std::optional<std::string_view> global(std::string_view name) const;
  // The text that makes a member of an enum: InterpolationMode("bilinear").
  [[nodiscard]] std::optional<std::string_view> enum_text(std::string_view name) const;

  // A module's own tensor, from its parameters or buffers; null if there is none of that name, or it is None.
  struct Tensor {
    const TensorRecord* record = nullptr;
    PickleRef value = no_value;  // the same for a tensor that several modules share
  };
  [[nodiscard]] std::optional<Tensor> parameter(std::string_view name) const;
  [[nodiscard]] std::optional<Tensor> buffer(std::string_view name) const;

  // A module's submodules in their order; their names are not told.
  [[nodiscard]] std::vector<DescribedObject> children() const;
  // The submodule of that name; nothing when there is none, or it is None.
  [[nodiscard]] std::optional<DescribedObject> child(std::string_view name) const;
  // The elements of an attribute that is a list of objects.
  [[nodiscard]] std::vector<DescribedObject> objects(std::string_view name) const;

 private:
  [[nodiscard]] PickleRef find(std::string_view name) const;
  [[nodiscard]] std::optional<Tensor> tensor_of(std::string_view dict, std::string_view name) const;
  [[nodiscard]] std::optional<std::vector<PickleRef>> elements(std::string_view name) const;

  const TorchArchive* archive_;
  PickleRef value_;
};

}  // namespace fedlog::ml
