#include "api/internal/tenant_writes.h"

#include "api/internal/log.h"
#include "api/internal/objects.h"
#include "objects/tenants.h"

namespace mullion::api {
namespace {

/// The key of the object that an owner says it created.
std::string created_key(const model::ObjectType& type, std::string_view body) {
  const Result<json::object> object = parse_stored(body);
  return object ? model::object_key(type, *object) : std::string();
}

}  // namespace

env::Task<Result<net::Response>> join_forwarded(Call& call, net::Response answer) {
  if (auto* source = std::get_if<net::BodySourcePtr>(&answer.body)) {
    Result<std::string> text = co_await net::read_all(**source, call.services.limits.body_bytes);
    if (!text) co_return text.error();
    answer.body = std::move(*text);
  }
  const std::string key = created_key(*call.type, std::get<std::string>(answer.body));
  Result<void> joined = Error(ErrorCode::kInternal, "The answer names no key");
  if (!key.empty())
    joined =
        co_await objects::join_own_tenant_now(call.services, call.principal, *call.type, call.owner, key);
  if (joined) co_return answer;
  kLog.warn("object made elsewhere did not join its tenant tenant={} type={} key={} reason={}",
            call.principal.tenant->name(), call.type->prefix, key, joined.error().text());
  Error error = joined.error();
  error.messages.insert(error.messages.begin(), fmt::format("{} was created, but could not join tenant {}",
                                                            key, call.principal.tenant->name()));
  co_return error;
}

}  // namespace mullion::api
