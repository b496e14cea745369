#include "api/internal/authentication.h"

#include <algorithm>

#include "auth/login_caller.h"
#include "base/text.h"
#include "env/pools.h"

namespace mullion::api {
namespace {

constexpr std::string_view kPrincipalHeader = "X-Mullion-On-Behalf-Of";
/// A browser cannot set headers of a websocket, but name sub-protocols: this one logs in.
constexpr std::string_view kBearerProtocol = "mullion.bearer.";

std::vector<std::string> offered_protocols(const net::Request& request) {
  std::vector<std::string> out;
  for (const std::string_view list : request.headers.get_all(kProtocolHeader)) {
    for (std::string& item : trimmed_list(list)) out.push_back(std::move(item));
  }
  return out;
}

auth::Credentials credentials_of(const net::Request& request) {
  auth::Credentials credentials;
  credentials.authorization = request.headers.get("Authorization").value_or("");
  credentials.on_behalf_of = request.headers.get(kPrincipalHeader).value_or("");
  credentials.peer_is_loopback = request.peer_is_loopback;
  credentials.peer_address = request.peer_address;
  if (!request.headers.get("Upgrade")) return credentials;
  for (const auto& [name, value] : request.query) {
    if (is_login(name)) credentials.query_token = value;
  }
  for (const std::string& protocol : offered_protocols(request)) {
    if (protocol.starts_with(kBearerProtocol))
      credentials.query_token = protocol.substr(kBearerProtocol.size());
  }
  return credentials;
}

}  // namespace

bool is_login(std::string_view name) { return name == "token" || name == "Token"; }

bool offers_sub_protocol(const net::Request& request) {
  return std::ranges::count(offered_protocols(request), kSubProtocol) > 0;
}

env::Task<Result<auth::Principal>> authenticate(auth::Authenticator& authenticator,
                                                const net::Request& request, const LogOrigin& log) {
  auth::Credentials credentials = credentials_of(request);
  if (credentials.authorization.empty() && credentials.query_token.empty()) {
    co_return Error(ErrorCode::kUnauthorized, "AUTH", "", "", {"No credentials given"});
  }
  const auto check = [&] {
    const LogScope scope(log);
    return authenticator.authenticate(credentials);
  };
  if (!authenticator.needs_hashing(credentials)) co_return check();
  std::optional<Result<auth::Principal>> verdict;
  env::Caller caller = auth::login_caller(credentials);
  Result<void> hashed =
      co_await env::run_blocking(env::Pool::kPassword, std::move(caller), [&] { verdict = check(); });
  if (!hashed) co_return hashed.error();
  co_return std::move(*verdict);
}

}  // namespace mullion::api
