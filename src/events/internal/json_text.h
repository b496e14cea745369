// Texts as JSON.
#pragma once

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <string>
#include <string_view>

namespace mullion::events {

inline std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text));
}

}  // namespace mullion::events
