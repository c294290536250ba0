#pragma once

#include <utility>
#include <vector>

#include "storage/list.h"

namespace fedlog::storage::testing {

// All of a list at once.
template <class T>
std::vector<T> rows_of(const List<T>& list) {
  std::vector<T> rows;
  list.visit([&](T row) {
    rows.push_back(std::move(row));
    return true;
  });
  return rows;
}

}  // namespace fedlog::storage::testing
