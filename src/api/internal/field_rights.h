// Rights to single fields: `update:/Field/Sub` for each field a write changes.
#pragma once

#include <boost/json/object.hpp>

#include "api/internal/call.h"

namespace mullion::api {

/// kForbidden for the first changed field the caller may not change. `secrets`: private fields that are set.
Result<void> authorise_fields(const Call& call, const boost::json::object& before,
                              const boost::json::object& after, const boost::json::object& secrets);

}  // namespace mullion::api
