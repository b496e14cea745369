// What the API knows of version sets beyond the rules of their schema.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "api/internal/call.h"
#include "objects/type_hooks.h"
#include "store/store.h"

namespace mullion::api {

/// Version sets that one request may name.
inline constexpr size_t kMostSets = 100;

/// A plan as GET endpoints/ID/plan shows it (EndpointPlan).
boost::json::object plan_json(const std::string& endpoint, const apply::Explained& explained);
Error no_configurator();
/// kNotFound for the first set that does not exist for the caller, or may not be read.
Result<void> sets_exist(const Call& call, const std::vector<std::string>& sets);

/// TypeHooks::conflicts of version sets: everything that would make it unusable, each naming its member.
std::vector<std::string> version_set_faults(const objects::Draft& draft, const store::Snapshot&);

}  // namespace mullion::api
