#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/ml/archive_writer.h"

namespace fedlog::actors::testing {

// What torch.save makes of a vector of float32 or float64.
template <class Element>
std::string vector_file(const std::vector<Element>& values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return ml::torch_file(ml::complete_pickle(ml::pickled_tensor(
                            {.shape = {size},
                             .strides = {1},
                             .storage_type = sizeof(Element) == 8 ? "DoubleStorage" : "FloatStorage",
                             .storage_elements = size})),
                        {{.key = "0", .content = ml::raw<Element>(values)}});
}

}  // namespace fedlog::actors::testing
