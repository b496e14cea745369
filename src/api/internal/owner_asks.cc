#include "api/internal/owner_asks.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/internal/request_rules.h"

namespace mullion::api {
namespace {

/// What stands before the next `separator`; `text` becomes what stands behind it.
std::string_view cut(std::string_view& text, char separator) {
  const size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

Error lacks_right(const Call& call, std::string_view scope, std::string_view action) {
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {fmt::format("Cannot access {}", call.uri),
                fmt::format("Requires: {} {} *, because another endpoint carries this out", scope, action)});
}

/// `asks`: "SCOPE ACTION" or "SCOPE ACTION ?NAME", separated by semicolons.
Result<void> authorise_asks(const Call& call, std::string_view asks) {
  while (!asks.empty()) {
    std::string_view asked = cut(asks, ';');
    const std::string_view scope = cut(asked, ' ');
    const std::string_view action = cut(asked, ' ');
    const bool meant = asked.empty() || call.request.query_value(asked.substr(1));
    if (meant && !may_all(call.principal, scope, action)) return lacks_right(call, scope, action);
  }
  return {};
}

bool only_reads(std::string_view method) { return method == "GET" || method == "HEAD"; }

}  // namespace

bool may_all(const auth::Principal& principal, std::string_view scope, std::string_view action) {
  const bool hides = principal.tenant != nullptr && (scope == "*" || principal.tenant->restricts(scope));
  return !hides && auth::covers(principal.claims,
                                {std::string(scope), std::string(action), auth::Subject::everything()});
}

Result<void> authorise_owner_asks(const Call& call) {
  if (call.route == nullptr) return {};
  Result<void> allowed = authorise_asks(call, call.route->asks);
  if (!allowed || call.type == nullptr || only_reads(call.request.method)) return allowed;
  const RequestRules& rules = request_rules(call.type->prefix);
  allowed = authorise_asks(call, rules.asks_of_writers);
  if (!allowed || call.route->needs != Needs::kParams) return allowed;
  return authorise_asks(call, rules.asks_of_param_writers);
}

}  // namespace mullion::api
