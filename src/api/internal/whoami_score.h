// How well a machine fits a fingerprint (contract: runner.md section 6).
#pragma once

#include <boost/json/object.hpp>

namespace mullion::api {

/// A score below this counts as no match.
inline constexpr int kLowestMatch = 100;
/// What a machine earns whose UUID the asker has on its disk: more than everything else together.
inline constexpr int kOnDiskMatch = 1000;

/// `machine` is a Machine, `asked` a Whoami. Only what is not empty on the machine counts; 0 below
/// kLowestMatch.
int whoami_score(const boost::json::object& machine, const boost::json::object& asked);

}  // namespace mullion::api
