// Counts by value of the objects that a list would show.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// The answer to a list with `group-by`: within the caller's rights, as lists are.
env::Task<Result<net::Response>> list_groups(Call& call);

}  // namespace mullion::api
