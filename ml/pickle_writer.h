#pragma once

#include <string>
#include <string_view>

#include "ml/tensor.h"

namespace fedlog::ml {

// Writes a dictionary of tensors, and of such dictionaries, as the pickle of the same in Python: plain
// pickle.loads reads it where PyTorch (1.13 or newer) is installed. The same values give the same bytes. For
// one use, by one thread.
class PickleWriter {
 public:
  PickleWriter();

  // Every begin has its end. Between them, a key comes before each value.
  void begin_dictionary();
  void end_dictionary();
  void key(std::string_view name);
  void tensor(const Tensor& tensor);

  // Once, after the outermost dictionary has ended.
  [[nodiscard]] std::string finish();

 private:
  std::string pickle_;
};

}  // namespace fedlog::ml
