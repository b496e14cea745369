// Values that only one object of this server may have.
#pragma once

#include <boost/json/object.hpp>

#include "objects/caller.h"
#include "objects/context.h"

namespace mullion::objects {

/// Sees to it that the values of unique indexes besides the key stay unique: refuses what another object of
/// this server has, named when it exists for whoever writes (kConflict), and guards the batch against those
/// that are written meanwhile.
Result<void> keep_unique(const Context& context, const model::ObjectType& type, const Rights& rights,
                         const std::string& key, const boost::json::object* before,
                         const boost::json::object& object, store::Batch& batch);

/// Whether this server has an object under the key, whoever may see it.
bool is_taken(const store::Snapshot& snapshot, const model::ObjectType& type, std::string_view key);

}  // namespace mullion::objects
