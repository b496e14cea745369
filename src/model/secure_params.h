// Where values of parameters stand in objects, which of them are never stored in clear, and what a sealed one
// is.
#pragma once

#include <boost/json/fwd.hpp>
#include <string_view>

namespace mullion::model {

/// What logs in at an attached endpoint.
inline constexpr std::string_view kEndpointPassword = "manager/password";

/// Whether values of this parameter are sealed wherever they are written, whatever a declaration of it says:
/// for parameters that this program itself gives a meaning. Pure.
constexpr bool is_always_secure(std::string_view parameter) { return parameter == kEndpointPassword; }

/// Whether `value` is SecureData (contract: auth.md, section 5): an object of exactly Key, Nonce and Payload,
/// each a string. What they hold is not looked at. Pure.
bool is_sealed(const boost::json::value& value);
/// Whether there is SecureData in `value`, at any depth. Pure.
bool holds_sealed(const boost::json::value& value);

/// Members of an object that hold values of parameters.
struct ParamPlaces {
  std::string_view map;   // an object: name of the parameter -> value; "" when there is none
  std::string_view list;  // a list of objects with a map `Params` each; "" when there is none
};
/// Of objects of the collection `prefix`. Pure.
constexpr ParamPlaces param_places(std::string_view prefix) {
  if (prefix == "version_sets") return {"Global", "Plugins"};
  return {"Params", ""};
}

}  // namespace mullion::model
