#pragma once

#include <expected>
#include <string>

#include "ml/model_file.h"

namespace fedlog::ml {

// Whether `moment` can be a moment of a model's weights (SWAG): a vector of floating-point numbers, as many
// as the model has parameters, each counted once, as PyTorch's parameters_to_vector makes it. A model file
// that does not tell parameters from buffers (a state_dict, safetensors) takes any length up to all of its
// floating-point values. With `require_finite`, no NaN or infinity. Returns the vector's form: those of the
// same form can be averaged. The error is a sentence for the one who sent the file.
[[nodiscard]] std::expected<std::string, std::string> check_moment(const ModelFile& model,
                                                                   const ModelFile& moment,
                                                                   bool require_finite);

}  // namespace fedlog::ml
