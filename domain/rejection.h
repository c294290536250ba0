#pragma once

#include <cstdint>
#include <string>

namespace fedlog::domain {

// Why a command was not carried out. The HTTP layer maps each to a status and a shape of body.
enum class Reason {
  user_not_found,
  group_not_found,
  model_not_found,
  training_not_found,
  participants_not_found,  // a listed user does not exist, or is listed twice
  no_training_for_model,
  name_taken,
  wrong_credentials,
  throttled,  // too often; `retry_after_s` says when to come again
  permission_denied,
  invalid_field,  // `field` names it
  invalid_request,
  already_started,
  wrong_state,
  wrong_round,
  invalid_file,
  no_file,          // a mean model has no file of its own
  invalid_members,  // of a mean model
  no_participants,
  invalid_input,  // of an inference
  busy,           // try again later
  storage_full,   // nothing can be written
  unsupported,
  internal,
};

// `message` is a full sentence for the caller; `field` is the request's field it is about, or empty;
// `retry_after_s` is when to come again, if that is known; `hint` says in a sentence what would be right, or
// is empty.
struct Rejection {
  Reason reason = Reason::internal;
  std::string message;
  std::string field = {};
  std::int64_t retry_after_s = 0;
  std::string hint = {};
};

}  // namespace fedlog::domain
