#pragma once

#include "config/settings.h"
#include "http/server.h"

namespace fedlog::tools {

// Lines on standard error: time, level, message with fields as name=value, or the same as JSON objects.
void start_logging(const config::Log& settings);

void log_access(const http::AccessRecord& record);

}  // namespace fedlog::tools
