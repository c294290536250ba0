#pragma once

#include <vector>

#include "ml/module_source.h"
#include "ml/tensor.h"

// The modules of the dummy data, as text and weights: a model worker compiles them.
namespace fedlog::actors {

struct UncompiledModule {
  ml::ModuleSource source;
  std::vector<ml::Tensor> weights;  // one for each parameter of the source
};

// A convolutional network for pictures of handwritten digits, untrained: a batch of 28 x 28 grey values in,
// the logarithms of ten probabilities for each out. Its weights are the same at every call.
[[nodiscard]] UncompiledModule digits_network();

// Makes such a batch of one picture or several, grey or coloured, of any size, in whole numbers up to 255 or
// in [0, 1].
[[nodiscard]] UncompiledModule digits_preprocessing();

}  // namespace fedlog::actors
