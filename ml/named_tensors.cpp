#include "ml/named_tensors.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "ml/memory_budget.h"
#include "ml/script_code.h"

namespace fedlog::ml {
namespace {

using Done = std::expected<void, FileError>;

// Modules may be shared, so a small file can describe a tree of any size. This is how many attributes are
// looked at.
constexpr std::size_t work_limit = 50'000'000;

std::string joined(const std::string& prefix, std::string_view name) {
  return prefix.empty() ? std::string(name) : prefix + "." + std::string(name);
}

// "__torch__.torch.nn.modules.linear.___torch_mangle_0.Linear" -> "torch.nn.modules.linear.Linear".
std::string plain_class_name(std::string_view full) {
  constexpr std::string_view script_prefix = "__torch__.";
  if (full.starts_with(script_prefix)) {
    full.remove_prefix(script_prefix.size());
  }
  std::string out;
  while (!full.empty()) {
    const std::size_t end = std::min(full.find('.'), full.size());
    const std::string_view part = full.substr(0, end);
    if (!part.starts_with("___torch_mangle_")) {
      out += (out.empty() ? "" : ".") + std::string(part);
    }
    full.remove_prefix(std::min(end + 1, full.size()));
  }
  return out;
}

class Walker {
 public:
  Walker(const TorchArchive& archive, const FileLimits& limits)
      : archive_(archive), tree_(archive.pickle()), limits_(limits), budget_(limits, tree_.source_bytes()) {}

  std::vector<TensorRecord> take() { return std::move(tensors_); }

  Done state_dict(PickleRef dict) {
    const auto items = tree_.children(dict);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (tree_[items[i]].kind != PickleKind::string) {
        return refuse("A state_dict's keys must be strings; one is not.");
      }
      const std::string_view name = tree_[items[i]].text;
      if (archive_.tensor(items[i + 1]) == nullptr) {
        return not_a_tensor(name, items[i + 1]);
      }
      if (auto added = add(std::string(name), items[i + 1], false); !added) {
        return added;
      }
    }
    return {};
  }

  Done tensor(PickleRef value) { return add("", value, archive_.tensor(value)->is_parameter); }

  // The module's state is a dict with _parameters, _buffers and _modules (torch/nn/modules/module.py).
  Done eager(PickleRef module, const std::string& prefix) {
    const PickleRef state = tree_[module].state;
    const PickleRef not_persistent = find(state, "_non_persistent_buffers_set");
    const PickleRef parameters = find(state, "_parameters");
    const PickleRef buffers = find(state, "_buffers");
    const PickleRef modules = find(state, "_modules");
    if (auto within = charge(1); !within) {
      return within;
    }
    if (parameters == no_value || buffers == no_value || modules == no_value) {
      return refuse("\"" + printable(prefix) + "\" is " + printable(tree_.callee(module)) +
                    ", which is not a saved torch.nn.Module.");
    }
    for (const PickleRef part : {parameters, buffers}) {
      const auto items = tree_.children(part);
      for (std::size_t i = 0; i < items.size(); i += 2) {
        const PickleRef value = items[i + 1];
        if (auto within = charge(1); !within) {
          return within;
        }
        if (tree_[value].kind == PickleKind::none) {
          continue;
        }
        auto name = name_below(prefix, items[i]);
        if (!name) {
          return std::unexpected(std::move(name.error()));
        }
        if (part == buffers && contains(not_persistent, tree_[items[i]].text)) {
          continue;
        }
        if (archive_.tensor(value) == nullptr) {
          return not_a_tensor(*name, value);
        }
        if (auto added = add(std::move(*name), value, part == parameters); !added) {
          return added;
        }
      }
    }
    const auto items = tree_.children(modules);
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (auto within = charge(1); !within) {
        return within;
      }
      if (tree_[items[i + 1]].kind == PickleKind::none) {
        continue;
      }
      const auto name = name_below(prefix, items[i]);
      if (!name) {
        return std::unexpected(name.error());
      }
      if (tree_[items[i + 1]].kind != PickleKind::object) {
        return refuse("\"" + printable(*name) + "\" is no module.");
      }
      if (auto walked = eager(items[i + 1], *name); !walked) {
        return walked;
      }
    }
    return {};
  }

  Done script(PickleRef module, const std::string& prefix, const ScriptClasses& classes) {
    const std::string class_name(tree_.callee(module));
    const auto found = classes.find(class_name);
    const PickleRef state = tree_[module].state;
    if (found == classes.end() || !found->second.is_module) {
      return refuse("The TorchScript archive has no code for the module class " +
                    printable(plain_class_name(class_name)) + ".");
    }
    if (state == no_value || tree_[state].kind != PickleKind::dict) {
      return refuse("The TorchScript module \"" + printable(prefix) + "\" has no attributes.");
    }
    const ScriptClass& declared = found->second;
    const auto items = tree_.children(state);
    if (auto within = charge(items.size() * (1 + declared.parameters.size() + declared.buffers.size()));
        !within) {
      return within;
    }
    for (const bool parameters : {true, false}) {
      const auto& names = parameters ? declared.parameters : declared.buffers;
      for (std::size_t i = 0; i < items.size(); i += 2) {
        if (archive_.tensor(items[i + 1]) == nullptr) {
          continue;
        }
        auto name = name_below(prefix, items[i]);
        if (!name) {
          return std::unexpected(std::move(name.error()));
        }
        if (std::ranges::find(names, tree_[items[i]].text) == names.end()) {
          continue;
        }
        if (auto added = add(std::move(*name), items[i + 1], parameters); !added) {
          return added;
        }
      }
    }
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (tree_[items[i + 1]].kind != PickleKind::object || tree_[items[i + 1]].state == no_value) {
        continue;
      }
      // Objects of other script classes are attributes, not modules.
      const std::string child_class(tree_.callee(items[i + 1]));
      if (auto within = charge(child_class.size()); !within) {
        return within;
      }
      const auto child = classes.find(child_class);
      if (child != classes.end() && !child->second.is_module) {
        continue;
      }
      const auto name = name_below(prefix, items[i]);
      if (!name) {
        return std::unexpected(name.error());
      }
      if (auto walked = script(items[i + 1], *name, classes); !walked) {
        return walked;
      }
    }
    return {};
  }

 private:
  static std::unexpected<FileError> refuse(std::string message) {
    return file_error(FileErrorCode::malformed, std::move(message));
  }

  // The full name of what a module knows by `key`.
  std::expected<std::string, FileError> name_below(const std::string& prefix, PickleRef key) const {
    if (tree_[key].kind != PickleKind::string) {
      return refuse("The names of a module's parameters, buffers and modules must be strings; one in \"" +
                    printable(prefix) + "\" is not.");
    }
    // Before they are joined: both may be as long as the pickle.
    const std::string_view name = tree_[key].text;
    const std::size_t above = prefix.empty() ? 0 : prefix.size() + 1;
    if (above + name.size() > limits_.tensor_name_bytes) {
      return overlong(name);
    }
    return joined(prefix, name);
  }

  std::unexpected<FileError> overlong(std::string_view name) const {
    return file_error(FileErrorCode::over_limit, "The tensor name \"" + printable(name) +
                                                     "\" is longer than " +
                                                     std::to_string(limits_.tensor_name_bytes) + " bytes.");
  }

  Done charge(std::size_t work) {
    work_ += work;
    if (work_ >= work_limit) {
      return file_error(FileErrorCode::over_limit, "The file describes too many modules.");
    }
    return {};
  }

  PickleRef find(PickleRef dict, std::string_view key) {
    if (dict == no_value || tree_[dict].kind != PickleKind::dict) {
      return no_value;
    }
    work_ += tree_.children(dict).size() + 1;
    const PickleRef value = work_ < work_limit ? tree_.find(dict, key) : no_value;
    const bool usable =
        value != no_value && (key.starts_with("_non") || tree_[value].kind == PickleKind::dict);
    return usable ? value : no_value;
  }

  bool contains(PickleRef set, std::string_view name) {
    if (set == no_value || tree_[set].kind != PickleKind::set) {
      return false;
    }
    const auto elements = tree_.children(set);
    work_ += elements.size();
    return work_ < work_limit && std::ranges::any_of(
                                     elements,
                                     [&](PickleRef element) {
                                       return tree_[element].kind == PickleKind::string &&
                                              tree_[element].text == name;
                                     });
  }

  Done not_a_tensor(std::string_view name, PickleRef value) {
    const std::string_view callee = tree_.callee(value);
    if (tree_[value].kind == PickleKind::call && callee.starts_with("torch.")) {
      return file_error(FileErrorCode::unsupported, "\"" + printable(name) + "\" is made by " +
                                                        printable(callee) + "; only dense tensors are read.");
    }
    return refuse("\"" + printable(name) +
                  "\" is not a tensor: the file is neither a module, a state_dict nor a tensor. If it is a "
                  "checkpoint, save the model's state_dict alone.");
  }

  Done add(std::string name, PickleRef value, bool is_parameter) {
    if (name.size() > limits_.tensor_name_bytes) {
      return overlong(name);
    }
    if (tensors_.size() >= limits_.tensors) {
      return file_error(FileErrorCode::over_limit,
                        "The file has more than " + std::to_string(limits_.tensors) + " tensors.");
    }
    // Vectors double.
    if (auto taken =
            budget_.take(2 * sizeof(TensorRecord) + memory_bytes(*archive_.tensor(value)) + name.size());
        !taken) {
      return taken;
    }
    TensorRecord tensor = *archive_.tensor(value);
    tensor.name = std::move(name);
    tensor.is_parameter = is_parameter;
    tensors_.push_back(std::move(tensor));
    return charge(1);
  }

  const TorchArchive& archive_;
  const PickleTree& tree_;
  const FileLimits& limits_;
  MemoryBudget budget_;
  std::vector<TensorRecord> tensors_;
  std::size_t work_ = 0;
};

}  // namespace

std::expected<NamedTensors, FileError> read_named_tensors(const TorchArchive& archive,
                                                          const FileLimits& limits) {
  const PickleTree& tree = archive.pickle();
  const PickleRef root = tree.root();
  Walker walker(archive, limits);
  NamedTensors out{.kind = FileKind::state_dict, .root_class = {}, .tensors = {}};
  Done done;
  if (tree[root].kind != PickleKind::object) {
    // Loading weights makes no objects, not even of those that the pickle drops.
    for (PickleRef ref = 0; ref < tree.size(); ++ref) {
      if (tree[ref].kind == PickleKind::object) {
        return file_error(FileErrorCode::forbidden, "The file is no module but has an object of class " +
                                                        printable(tree.callee(ref)) +
                                                        ". Save the model's state_dict alone.");
      }
    }
  }
  if (archive.tensor(root) != nullptr) {
    out.kind = FileKind::tensor;
    done = walker.tensor(root);
  } else if (tree[root].kind == PickleKind::object && tree.callee(root).starts_with("__torch__.")) {
    auto classes = read_script_classes(archive, limits);
    if (!classes) {
      return std::unexpected(std::move(classes.error()));
    }
    out.kind = FileKind::torchscript;
    out.root_class = plain_class_name(tree.callee(root));
    done = walker.script(root, "", *classes);
  } else if (tree[root].kind == PickleKind::object && tree.attribute(root, "_modules") != no_value) {
    out.kind = FileKind::eager_module;
    out.root_class = tree.callee(root);
    done = walker.eager(root, "");
  } else if (tree[root].kind == PickleKind::object &&
             tree.callee(root).starts_with("torchvision.transforms.")) {
    // A preprocessing of torchvision's first version is no module: it has steps, and no weights.
    out.kind = FileKind::eager_module;
    out.root_class = tree.callee(root);
  } else if (tree[root].kind == PickleKind::dict && !tree.children(root).empty()) {
    done = walker.state_dict(root);
  } else if (tree[root].kind == PickleKind::dict) {
    done = file_error(FileErrorCode::malformed, "The file holds an empty dict: there are no parameters.");
  } else {
    done =
        file_error(FileErrorCode::malformed, "The file holds neither a module, a state_dict nor a tensor.");
  }
  if (!done) {
    return std::unexpected(std::move(done.error()));
  }
  out.tensors = walker.take();
  return out;
}

}  // namespace fedlog::ml
