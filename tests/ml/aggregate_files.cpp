// aggregate_files BASE OUTPUT FILE=SAMPLE_SIZE...: weighted_mean for the test that reads results with
// PyTorch.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "ml/aggregation.h"

int main(int count, char** arguments) {
  if (count < 4) {
    std::cerr << "usage: aggregate_files BASE OUTPUT FILE=SAMPLE_SIZE...\n";
    return 2;
  }
  std::vector<fedlog::ml::WeightedUpdate> updates;
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    const std::size_t equals = argument.rfind('=');
    updates.push_back(
        {argument.substr(0, equals), std::strtoull(argument.c_str() + equals + 1, nullptr, 10)});
  }
  const auto written = fedlog::ml::weighted_mean(arguments[1], updates, arguments[2]);
  if (!written) {
    std::cerr << written.error().message << "\n";
    return 1;
  }
  return 0;
}
