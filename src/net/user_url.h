// URLs that come from people, objects and documents: read in one place.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::net {

/// An http(s) URL without a login in it.
struct UserUrl {
  bool tls = false;
  std::string origin;  // "https://host:port", as written
  std::string host;    // encoded
  std::string port;    // "" when none is given
  std::string target;  // path and query; at least "/"
  bool bare = false;   // neither path nor query nor fragment
};
/// kBadRequest when it is no http(s) URL with a host, or holds a user or password. The reason repeats nothing
/// of the URL: what is refused may be a credential, and reasons are logged and shown. Pure.
Result<UserUrl> parse_user_url(std::string_view url);

/// Whether a user or password stands before the host, also in what is no proper URL. Pure.
bool holds_login(std::string_view url);
/// "https://user:password@host/x" -> "https://host/x"; what holds no login stays. Pure.
std::string without_login(std::string_view url);

}  // namespace mullion::net
