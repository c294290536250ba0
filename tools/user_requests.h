#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string>

#include "actors/gateway.h"
#include "tools/control.h"

namespace fedlog::tools {

// What the command-line tool asks about accounts: objects with `command`
//   user-list: a line a user;
//   user-add: `user` (the API's fields; message_endpoint may be missing), `superuser`; one line with the new
//     user's id, username and token;
//   user-passwd: `username`, `password`; no line;
//   user-token: `username`; one line with the new `token`;
//   user-deactivate: `username`, `even_if_running`; no line;
//   user-activate: `username`; no line.
[[nodiscard]] bool is_user_request(const nlohmann::json& request);

// Answers one in the process that has the data open, with an operator's rights. The error is a sentence.
[[nodiscard]] std::expected<void, std::string> answer_user_request(const nlohmann::json& request,
                                                                   actors::UserAdministration& users,
                                                                   const Emit& emit);

// What the API's body of a refusal says, in one line: {"email": ["Too long."]} is "email: Too long."
[[nodiscard]] std::string words_of_refusal(const std::string& body);

}  // namespace fedlog::tools
