// What happened to one object, as far back as the log of commits reaches.
#pragma once

#include <boost/json/object.hpp>

#include "store/types.h"

namespace mullion::api {

/// How much of a history is shown.
struct HistoryLimits {
  size_t entries = 50;
  size_t members = 100;       // changed members of one entry
  size_t value_bytes = 4096;  // of one value; what is longer is left out
};

/// The answer to GET /TYPE/ID/history: newest entry first, each with the members that changed. Sealed values
/// are not shown. Pure.
boost::json::object shown_history(const store::ObjectHistory& history, const HistoryLimits& limits);

}  // namespace mullion::api
