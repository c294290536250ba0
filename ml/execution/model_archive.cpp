#include "ml/execution/model_archive.h"

#include <caffe2/serialize/inline_container.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>

#include "ml/execution/failure_message.h"

namespace fedlog::ml {
namespace {

std::unexpected<ExecutionError> refuse(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

// The first class that a pickle names ("torch.nn.modules.container.Sequential"), which for torch.save's files
// is that of the saved object. Empty when there is none near the start.
std::string first_class(std::string_view pickle) {
  constexpr std::string_view start = "\x80\x02";
  constexpr char global = 'c';
  constexpr std::size_t name_limit_bytes = 256;
  if (!pickle.starts_with(start)) return {};
  pickle.remove_prefix(start.size());
  if (!pickle.starts_with(global)) return {};
  pickle = pickle.substr(1, 2 * name_limit_bytes);
  const auto module_end = pickle.find('\n');
  if (module_end == std::string_view::npos) return {};
  const auto name_end = pickle.find('\n', module_end + 1);
  if (name_end == std::string_view::npos) return {};
  return printable_line(std::string(pickle.substr(0, module_end)) + "." +
                        std::string(pickle.substr(module_end + 1, name_end - module_end - 1)));
}

ExecutionError not_executable(caffe2::serialize::PyTorchStreamReader& archive) {
  constexpr std::string_view way_out =
      "save torch.jit.script(model) or torch.jit.trace(model, example) to have it executed here";
  std::string saved;
  if (archive.hasRecord("data.pkl")) {
    const auto [data, size] = archive.getRecord("data.pkl");
    saved = first_class({static_cast<const char*>(data.get()), size});
  }
  std::string message;
  if (saved.empty()) {
    message = "the file holds no TorchScript model: ";
  } else if (saved == "collections.OrderedDict") {
    message = "the file holds a state_dict (collections.OrderedDict), which has weights but no code: ";
  } else {
    message = "the file holds a Python object of class " + saved + ", whose code is not in the file: ";
  }
  return {ExecutionErrorCode::model_unsupported, message + std::string(way_out)};
}

}  // namespace

ModelFileReader::ModelFileReader(OwnedDescriptor file) : file_(std::move(file)) {
  const auto end = ::lseek(file_.get(), 0, SEEK_END);
  if (end < 0) throw std::runtime_error("the model file cannot be read");
  size_bytes_ = static_cast<size_t>(end);
}

size_t ModelFileReader::read(uint64_t position, void* buffer, size_t count, const char* /*what*/) const {
  size_t done = 0;
  while (done < count) {
    const auto got = ::pread(file_.get(), static_cast<char*>(buffer) + done, count - done,
                             static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

std::expected<torch::jit::Module, ExecutionError> load_model(OwnedDescriptor file) {
  try {
    auto reader = std::make_shared<ModelFileReader>(std::move(file));
    {
      caffe2::serialize::PyTorchStreamReader archive(reader);
      if (!archive.hasRecord("constants.pkl")) return std::unexpected(not_executable(archive));
    }
    auto model = torch::jit::load(reader, torch::kCPU);
    model.eval();
    // 1.13 has few half-precision operators for the CPU: such a model runs in single precision.
    bool half = false;
    for (const at::Tensor& parameter : model.parameters())
      half = half || parameter.scalar_type() == at::kHalf;
    if (half) model.to(at::kFloat);
    return model;
  } catch (const std::exception& failure) {
    if (is_out_of_memory(failure)) {
      return refuse(ExecutionErrorCode::out_of_memory,
                    "loading the model takes more memory than a worker has");
    }
    return refuse(ExecutionErrorCode::model_unreadable,
                  "the model cannot be loaded: " + failure_message(failure));
  }
}

}  // namespace fedlog::ml
