#pragma once

namespace fedlog::domain {

// A visitor of several lambdas, for std::visit.
template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace fedlog::domain
