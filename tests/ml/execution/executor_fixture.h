#pragma once

#include <fcntl.h>

#include "tests/ml/execution/execution_fixtures.h"
#include "tests/ml/execution/script_models.h"

namespace fedlog::ml::testing {

// An executor, and models made on the spot for it.
class ExecutorTest : public WithWarmTorch {
 protected:
  // Runs the models at `paths`, their paths being their ids.
  WorkerReply execute(const std::vector<std::filesystem::path>& paths, std::vector<Tensor> inputs,
                      WorkerTask task = {}) {
    std::vector<OwnedDescriptor> files;
    for (const auto& path : paths) {
      task.model_ids.push_back(path.string());
      files.emplace_back(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    return executor_.execute({.task = std::move(task), .inputs = std::move(inputs)}, std::move(files));
  }
  WorkerReply execute(const std::filesystem::path& path, std::vector<Tensor> inputs, WorkerTask task = {}) {
    return execute(std::vector{path}, std::move(inputs), std::move(task));
  }
  std::filesystem::path script(const std::string& code, const std::vector<ScriptLayer>& layers = {},
                               const std::string& class_name = "Model") {
    const auto path = folder_.path() / ("model" + std::to_string(models_++) + ".pt");
    save_script_model(path, code, layers, class_name);
    return path;
  }
  // Whether a model is kept shows when its file no longer is one.
  bool is_kept(const std::filesystem::path& path, const std::vector<Tensor>& inputs) {
    WorkerTask task;
    task.model_ids = {path.string()};
    std::vector<OwnedDescriptor> files;
    files.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return !executor_.execute({.task = std::move(task), .inputs = inputs}, std::move(files)).error;
  }

  Executor executor_{64 * 1024 * 1024};
  TemporaryFolder folder_;
  int models_ = 0;
};

}  // namespace fedlog::ml::testing
