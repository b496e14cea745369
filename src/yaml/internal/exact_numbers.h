// Fractions of JSON texts, exact to the last place.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace mullion::yaml {

/// Reads the fractions of `text` again into `value`, which Boost.JSON read from it: that reader is a few
/// units off in the last place of long ones, so that what is written would not be what was read.
void read_fractions_exactly(std::string_view text, boost::json::value& value);

}  // namespace mullion::yaml
