#pragma once

#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/script.h>

#include <expected>

#include "ml/owned_descriptor.h"
#include "ml/worker_protocol.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// A model file behind a descriptor, which is all that the sandbox leaves to read it by. Whoever gave the
// descriptor keeps it open.
class ModelFileReader final : public caffe2::serialize::ReadAdapterInterface {
 public:
  explicit ModelFileReader(int descriptor);
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] size_t size() const override { return size_bytes_; }
  size_t read(uint64_t position, void* buffer, size_t count, const char* what) const override;

 private:
  int descriptor_;
  size_t size_bytes_ = 0;
};

// Loads a model, switched to evaluation: a TorchScript archive, which may run code of the archive, or an
// eager module from its description (described_model.h).
[[nodiscard]] std::expected<torch::jit::Module, ExecutionError> load_model(const OwnedDescriptor& file);

}  // namespace fedlog::ml
