#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "ml/model_file.h"

namespace fedlog::ml {

// For each tensor the index of the first one that is the very same view of the same storage (dimensions of
// size 1 may have any stride); its own if there is none. Tied weights have one.
[[nodiscard]] std::vector<std::size_t> first_of_same_view(const ModelFile& file);

// Whether a file can be the base of a round: it has tensors, and no two of them (tied ones aside) share
// elements, so that writing the mean of one changes no other. The error is a sentence that names the tensors.
[[nodiscard]] std::expected<void, std::string> check_base(const ModelFile& base);

// Whether an update can be aggregated with others into `base`: the same names (in any order) with the same
// dtypes and shapes, tied where the base ties, and with `require_finite` no NaN or infinity. Strides,
// storages and file formats may differ. The error is a sentence a participant can act on; it names the first
// differences: "layer 4.weight: expected float32 [32, 16, 3, 3], got float32 [16, 16, 3, 3]".
[[nodiscard]] std::expected<void, std::string> check_update(const ModelFile& base, const ModelFile& update,
                                                            bool require_finite);

// The first element of a floating-point tensor that is NaN or infinite, as "the element at [0, 3] is NaN".
[[nodiscard]] std::optional<std::string> not_finite(const ModelFile& file, const TensorRecord& tensor);

}  // namespace fedlog::ml
