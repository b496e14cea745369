// Rights to single fields: `update:/Field/Sub` for each field a write changes.
#pragma once

#include <boost/json/object.hpp>

#include "objects/caller.h"

namespace mullion::objects {

/// kForbidden for the first changed field of an own object that the caller may not change. `secrets`: private
/// fields that are set.
Result<void> authorise_fields(const Rights& rights, const model::ObjectType& type, std::string_view key,
                              const boost::json::object& before, const boost::json::object& after,
                              const boost::json::object& secrets);

}  // namespace mullion::objects
