// What the API knows of version sets beyond the rules of their schema.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "api/internal/call.h"
#include "store/store.h"

namespace mullion::api {

/// TypeHooks::conflicts of version sets: everything that would make it unusable, each naming its member.
std::vector<std::string> version_set_faults(const Call&, const store::Snapshot& snapshot,
                                            const std::string& key, const boost::json::object& object);

}  // namespace mullion::api
