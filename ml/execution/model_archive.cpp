#include "ml/execution/model_archive.h"

#include <caffe2/serialize/inline_container.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "ml/execution/described_model.h"
#include "ml/execution/failure_message.h"
#include "ml/mapped_file.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

std::expected<torch::jit::Module, ExecutionError> load_described(const ModelFileReader& reader) {
  const auto file = MappedFile::of_descriptor(reader.descriptor());
  if (!file) return refuse(ExecutionErrorCode::model_unreadable, file.error().message);
  return build_described_model(file->bytes());
}

bool is_torchscript(const std::shared_ptr<ModelFileReader>& reader) {
  caffe2::serialize::PyTorchStreamReader archive(reader);
  return archive.hasRecord("constants.pkl");
}

}  // namespace

ModelFileReader::ModelFileReader(int descriptor) : descriptor_(descriptor) {
  const auto end = ::lseek(descriptor_, 0, SEEK_END);
  if (end < 0) throw std::runtime_error("the model file cannot be read");
  size_bytes_ = static_cast<size_t>(end);
}

size_t ModelFileReader::read(uint64_t position, void* buffer, size_t count, const char* /*what*/) const {
  size_t done = 0;
  while (done < count) {
    const auto got = ::pread(descriptor_, static_cast<char*>(buffer) + done, count - done,
                             static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

std::expected<torch::jit::Module, ExecutionError> load_model(const OwnedDescriptor& file) {
  try {
    auto reader = std::make_shared<ModelFileReader>(file.get());
    auto loaded =
        is_torchscript(reader)
            ? std::expected<torch::jit::Module, ExecutionError>(torch::jit::load(reader, torch::kCPU))
            : load_described(*reader);
    if (!loaded) return loaded;
    auto& model = *loaded;
    model.eval();
    // 1.13 has few half-precision operators for the CPU: such a model runs in single precision.
    bool half = false;
    for (const at::Tensor& parameter : model.parameters())
      half = half || parameter.scalar_type() == at::kHalf;
    if (half) model.to(at::kFloat);
    return loaded;
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) {
      return refuse(ExecutionErrorCode::out_of_memory,
                    "loading the model takes more memory than a worker has");
    }
    return refuse(ExecutionErrorCode::model_unreadable, failure_message(failure));
  }
}

}  // namespace fedlog::ml
