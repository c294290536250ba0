// run_cases FOLDER: runs each NAME.model.pt of the folder on its NAME.input.pt, and prints one line a case:
// "NAME difference D" against NAME.expected.pt, or "NAME refused: " and why.

#include <fcntl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <limits>
#include <string>

#include "ml/execution/executor.h"
#include "ml/model_file.h"

namespace {

using namespace fedlog::ml;

double difference(const Tensor& got, const Tensor& wanted) {
  if (got.dtype != wanted.dtype || got.shape != wanted.shape || got.dtype != DType::float32) {
    return std::numeric_limits<double>::infinity();
  }
  double most = 0;
  for (std::size_t offset = 0; offset < got.bytes.size(); offset += sizeof(float)) {
    float a = 0;
    float b = 0;
    std::memcpy(&a, got.bytes.data() + offset, sizeof a);
    std::memcpy(&b, wanted.bytes.data() + offset, sizeof b);
    const double apart = a == b ? 0 : std::abs(static_cast<double>(a) - static_cast<double>(b));
    most = std::isnan(apart) ? std::numeric_limits<double>::infinity() : std::max(most, apart);
  }
  return most;
}

std::string outcome(Executor& executor, const std::string& path) {
  const auto input = read_tensor(std::filesystem::path(path + ".input.pt"));
  if (!input) return "has no input: " + input.error().message;
  const auto model = path + ".model.pt";
  std::vector<OwnedDescriptor> files;
  files.emplace_back(::open(model.c_str(), O_RDONLY | O_CLOEXEC));
  const auto reply = executor.execute({.task = {.model_ids = {model}}, .inputs = {*input}}, std::move(files));
  if (reply.error) return "refused: " + reply.error->message;
  const auto expected = read_tensor(std::filesystem::path(path + ".expected.pt"));
  if (!expected) return "has no expected output: " + expected.error().message;
  return "difference " + std::to_string(difference(reply.outputs.front(), *expected));
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return EXIT_FAILURE;
  Executor::warm_up();
  Executor executor(0);
  constexpr std::string_view ending = ".model.pt";
  for (const auto& entry : std::filesystem::directory_iterator(arguments[1])) {
    auto path = entry.path().string();
    if (!path.ends_with(ending)) continue;
    path.resize(path.size() - ending.size());
    std::cout << std::filesystem::path(path).filename().string() << ' ' << outcome(executor, path)
              << std::endl;
  }
  return EXIT_SUCCESS;
}
