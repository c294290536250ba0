#pragma once

#include "http/handling.h"

namespace fedlog::http {

// POST /api/models/: a global or SWAG model with its file, or a mean model of others.
[[nodiscard]] Response create_model(const Services& services, Call& call);

// POST /api/models/<id>/: a participant's update of the open round.
[[nodiscard]] Response submit_update(const Services& services, Call& call);

// POST /api/models/<id>/preprocessing/
[[nodiscard]] Response replace_preprocessing(const Services& services, Call& call);

// POST /api/models/<id>/swag/: moments of a participant's weights, in a SWAG round.
[[nodiscard]] Response submit_swag(const Services& services, Call& call);

}  // namespace fedlog::http
