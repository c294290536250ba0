#pragma once

#include <cstring>
#include <utility>
#include <vector>

#include "ml/tensor.h"

namespace fedlog::actors::testing {

template <class Element>
ml::Tensor tensor_of(ml::DType dtype, std::vector<std::int64_t> shape, const std::vector<Element>& values) {
  ml::Tensor tensor{.dtype = dtype, .shape = std::move(shape), .bytes = {}};
  tensor.bytes.resize(values.size() * sizeof(Element));
  if (!values.empty()) std::memcpy(tensor.bytes.data(), values.data(), tensor.bytes.size());
  return tensor;
}

template <class Element>
std::vector<Element> values_of(const ml::Tensor& tensor) {
  std::vector<Element> values(tensor.bytes.size() / sizeof(Element));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

}  // namespace fedlog::actors::testing
