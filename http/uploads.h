#pragma once

#include <expected>
#include <memory>
#include <string_view>
#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// Reads a body whose files (those that the rules declare) stream into uploads of the gateway while they
// arrive, in constant memory, whether fields come before or after them. Of two files of one name the first
// counts; files of other names, and those without a file name, are read and dropped.
[[nodiscard]] std::expected<FormData, Response> read_form_with_uploads(Call& call, const Services& services,
                                                                       const std::vector<FieldRule>& rules);

// The upload of that name, once; null if none came.
[[nodiscard]] std::unique_ptr<actors::Upload> take_upload(FormData& form, std::string_view name);

// {"detail": "No uploaded file 'model_file' found."}
[[nodiscard]] Response no_uploaded_file_response(std::string_view name);

}  // namespace fedlog::http
