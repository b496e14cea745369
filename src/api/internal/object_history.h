// What happened to one object, as far back as the log of commits reaches.
#pragma once

#include <boost/json/object.hpp>
#include <set>
#include <string>

#include "model/secure_params.h"
#include "store/types.h"

namespace mullion::api {

/// How much of a history is shown.
struct HistoryLimits {
  size_t entries = 50;
  size_t members = 100;       // changed members of one entry
  size_t value_bytes = 4096;  // of one value; what is longer is left out
};

/// Parameters whose values are not shown, whatever they were when they were written.
struct HiddenParams {
  model::ParamPlaces places;
  std::set<std::string> names;
};

/// The answer to GET /TYPE/ID/history: newest entry first, each with the members that changed. Sealed values
/// and those of `hidden` are not shown. An object that was removed and made anew is another one: nothing is
/// told of the time before. Pure.
boost::json::object shown_history(const store::ObjectHistory& history, const HistoryLimits& limits,
                                  const HiddenParams& hidden = {});

}  // namespace mullion::api
