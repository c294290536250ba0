#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "actors/system.h"
#include "config/settings.h"
#include "http/server.h"
#include "storage/data_folder.h"
#include "storage/storage.h"

namespace fedlog::tools {

// Settings, told to each part in its own terms. `program` is the server's own file: the worker is looked for
// beside it.
[[nodiscard]] storage::StorageOptions storage_options(const config::Settings& settings);
[[nodiscard]] actors::SystemOptions system_options(const config::Settings& settings,
                                                   const std::filesystem::path& data_folder,
                                                   const std::filesystem::path& program);
[[nodiscard]] http::ServerOptions server_options(const config::Settings& settings,
                                                 std::uint64_t body_bytes_max);

// Creates the superuser that FEDLOG_SUPERUSER ("name:password") asks for, unless there is one of that name:
// then it warns where that one is deactivated or has another password. The error says what is wrong with the
// text.
[[nodiscard]] std::expected<void, std::string> ensure_superuser(actors::Gateway& gateway,
                                                                const std::string& text);

}  // namespace fedlog::tools
