#pragma once

#include <functional>
#include <string>

#include "tests/simulation/agenda.h"
#include "tests/simulation/disk.h"
#include "tests/simulation/faults.h"
#include "tests/simulation/happenings.h"
#include "tests/simulation/random.h"

namespace fedlog::simulation {

// Who may control every training, and takes part in none.
inline const domain::UserId superuser{domain::Uuid{.bytes = {0xff}}};

// What a server and the people around it live in.
struct Surroundings {
  Surroundings(std::uint64_t seed, Fault planted) : random(seed), fault(planted) {}

  Random random;
  Agenda agenda;
  Disk disk;
  Happenings happenings;
  Fault fault;
  int haste = 1;  // so many times as fast do people act, and so many times as long does the server take
  std::chrono::microseconds clock_offset{0};           // of the clock on the wall, after its jumps
  std::function<void(const std::string&)> trace = {};  // empty: nobody wants to know

  // What the clock on the wall says.
  [[nodiscard]] domain::Timestamp wall() const {
    using std::chrono::microseconds;
    constexpr microseconds epoch{1'800'000'000'000'000};
    const auto passed = std::chrono::duration_cast<microseconds>(agenda.now().time_since_epoch());
    return {(epoch + passed + clock_offset).count()};
  }

  // For what people do, and what happens to them: least .. most, where nobody is in haste.
  [[nodiscard]] std::chrono::milliseconds some_time(std::chrono::milliseconds least,
                                                    std::chrono::milliseconds most) {
    return std::chrono::milliseconds{random.between(least.count(), most.count()) / haste};
  }

  // For the server's own work and the way to it: the same, and longer where everybody is in haste.
  [[nodiscard]] std::chrono::milliseconds latency(std::chrono::milliseconds least,
                                                  std::chrono::milliseconds most) {
    return std::chrono::milliseconds{random.between(least.count(), most.count() * haste)};
  }

  // `line()` is only made when somebody listens.
  template <class Line>
  void tell(const Line& line) const {
    if (!trace) return;
    const auto seconds = std::chrono::duration<double>(agenda.now().time_since_epoch()).count();
    trace(std::to_string(seconds) + " s: " + line());
  }
};

}  // namespace fedlog::simulation
