// libFuzzer's entry: reads the input as a model file and touches all that the reader promises to be inside
// it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ml/compatibility.h"
#include "ml/model_file.h"
#include "ml/pickle_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedlog::ml;
  const auto bytes = std::as_bytes(std::span(data, size));
  // Most mutations break a checksum of the archive, so the pickle reader gets the input directly too.
  (void)read_pickle({bytes.begin(), bytes.end()});
  if (const auto file = ModelFile::from_bytes(bytes)) {
    for (const TensorRecord& tensor : file->tensors()) {
      (void)file->read(tensor);
    }
    if (!file->tensors().empty() && check_base(*file) && !check_update(*file, *file, false)) {
      std::abort();
    }
  }
  return 0;
}
