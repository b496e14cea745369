#include "api/internal/authentication.h"

#include "auth/login_caller.h"
#include "env/pools.h"

namespace mullion::api {
namespace {

constexpr std::string_view kPrincipalHeader = "X-Mullion-On-Behalf-Of";

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
  return credentials;
}

}  // namespace

bool is_login(std::string_view name) { return name == "token" || name == "Token"; }

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
