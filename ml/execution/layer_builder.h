#pragma once

#include <torch/script.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ml/described_object.h"

// How one layer of an eager module becomes a TorchScript module. Includes torch: for this folder's sources
// only.
namespace fedlog::ml {

// Thrown while a model is built from its description, and turned into an error where that began: why this
// description cannot be executed.
struct NotDescribed {
  std::string reason;
};

// Turns the tensors and modules of a description into torch's; the same one for those that modules share.
class DescribedParts {
 public:
  virtual at::Tensor load(const DescribedObject::Tensor& tensor) = 0;
  // A submodule of something that stands `depth` levels below the root.
  virtual torch::jit::Module build(const DescribedObject& module, int depth) = 0;

 protected:
  ~DescribedParts() = default;
};

// Fills one TorchScript module from the layer that a file describes. A rule (see layer_rules.h) names, with
// literals of its own, which attributes the layer has and of which type, and the code that computes it. What
// the file holds becomes the values of those attributes, and never a part of the code or of a name.
//
// All readers throw NotDescribed when an attribute is missing (and has no fallback) or not what it must be.
class LayerBuilder {
 public:
  // `class_name` is a literal of the rule. `on_picture`: a later step of the pipeline turns a picture into a
  // tensor, so this one works as Pillow would. `depth`: levels below the root.
  LayerBuilder(const DescribedObject& source, std::string_view class_name, DescribedParts& parts,
               bool on_picture, int depth);
  // For a part of this layer that a rule builds itself.
  [[nodiscard]] LayerBuilder part(const DescribedObject& source, std::string_view class_name) const {
    return {source, class_name, parts_, on_picture_, depth_ + 1};
  }

  [[nodiscard]] const DescribedObject& source() const { return source_; }
  [[nodiscard]] bool on_picture() const { return on_picture_; }
  [[nodiscard]] const torch::jit::Module& module() const { return module_; }

  [[nodiscard]] bool read_flag(const char* name, std::optional<bool> fallback = {}) const;
  [[nodiscard]] std::int64_t read_integer(const char* name, std::int64_t least) const;
  [[nodiscard]] double read_number(const char* name) const;
  // `count` values, each at least `least`; a single one stands for all.
  [[nodiscard]] std::vector<std::int64_t> read_integers(const char* name, std::size_t count,
                                                        std::int64_t least) const;
  // The one of `known` that the attribute is.
  [[nodiscard]] const char* read_choice(const char* name, std::initializer_list<const char*> known,
                                        const char* fallback = nullptr) const;

  // Attributes of the TorchScript module under the name of the layer's own.
  void flag(const char* name, std::optional<bool> fallback = {});
  void integer(const char* name, std::int64_t least);
  void number(const char* name);
  void integers(const char* name, std::size_t count, std::int64_t least);
  // One where the layer has one, else `count`.
  void sizes(const char* name, std::size_t count, std::int64_t least);
  void optional_integer(const char* name, std::int64_t least);
  // A parameter, or None where the layer has none (`optional`).
  void parameter(const char* name, bool optional = false);
  // A buffer, or None where the layer has none. Says whether it has one.
  bool buffer(const char* name);
  // Attributes that the rule computes.
  void constant(const char* name, bool value);
  void constant(const char* name, std::int64_t value);
  void constant(const char* name, double value);
  void constant(const char* name, const char* value);
  void constant(const char* name, const std::vector<std::int64_t>& value);
  void constant(const char* name, const std::vector<double>& value);

  // For statistics, which tell of it as the file has it.
  void note_kernel_size();

  void child(const char* name, const torch::jit::Module& module) { module_.register_module(name, module); }
  // A part of one of these classes, built by its class's rule.
  void described_child(const char* name, std::initializer_list<const char*> class_names);
  void described_child(const char* name, const DescribedObject& source,
                       std::initializer_list<const char*> class_names);
  // The layer's methods.
  void define(const std::string& methods) { module_.define(methods); }
  // forward(x) as one expression.
  void forward(const std::string& expression);

  // Unless the attribute is absent, None or empty.
  void refuse_if_set(const char* name) const;
  // Where Python would run something besides the class's own forward.
  void refuse_changed_behaviour() const;
  [[noreturn]] void refuse(const std::string& reason) const;

 private:
  [[noreturn]] void refuse_attribute(const char* name, const std::string& wanted) const;
  void none(const char* name);

  DescribedObject source_;
  DescribedParts& parts_;
  bool on_picture_;
  int depth_;
  torch::jit::Module module_;
};

}  // namespace fedlog::ml
