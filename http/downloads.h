#pragma once

#include <string_view>

#include "http/handling.h"

namespace fedlog::http {

// A blob as a file: streamed from the disk, with an ETag, 304 where the client has it already (If-None-Match)
// and one range of bytes where it asks for one (Range, If-Range). Its Content-Disposition names it
// `filename`.
[[nodiscard]] Response download_response(const Services& services, const Request& request, domain::BlobId id,
                                         std::string_view filename);

// Whether the client has what carries this ETag already (If-None-Match): then 304 says enough.
[[nodiscard]] bool client_has(const Request& request, std::string_view etag);

}  // namespace fedlog::http
