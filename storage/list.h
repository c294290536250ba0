#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace fedlog::storage {

// A list of the views in order of creation, read row by row while it is visited; none of it is kept. Valid as
// long as the views are. A row that comes or goes meanwhile may be seen or not. Reading throws
// std::runtime_error where a stored row is damaged.
template <class T>
class List {
 public:
  using Visit = std::function<bool(T row)>;  // false: that was enough
  using Count = std::function<std::uint64_t()>;
  using VisitFrom = std::function<void(std::uint64_t skip, const Visit& visit)>;

  List() = default;  // an empty one
  List(Count count, VisitFrom visit_from) : count_(std::move(count)), visit_from_(std::move(visit_from)) {}

  // How many rows there are; reads none of them.
  [[nodiscard]] std::uint64_t count() const { return count_ ? count_() : 0; }

  // The rows that are skipped are not read either.
  void visit(const Visit& visit, std::uint64_t skip = 0) const {
    if (visit_from_) visit_from_(skip, visit);
  }

 private:
  Count count_;
  VisitFrom visit_from_;
};

}  // namespace fedlog::storage
