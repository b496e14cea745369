// Collections as plugins ask for them.
#include "api/internal/objects.h"
#include "api/internal/plugin_providers.h"

namespace mullion::api {

Result<std::string> local_objects(Services& services, const std::string& prefix) {
  const model::ObjectType* type = services.find_type(prefix);
  if (type == nullptr) return Error(ErrorCode::kNotFound, fmt::format("No such collection {}", prefix));
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  std::string out = "[";
  std::string last;
  snapshot->scan(prefix, "", [&](std::string_view key, std::string_view owner, std::string_view body) {
    // Own objects come before layered ones of the same key, which they hide.
    if (store::is_remote(owner) || (!last.empty() && last == key)) return true;
    if (out.size() > 1) out += ',';
    const Target target{std::string(key), std::string(owner), std::string(body)};
    (void)append_shown(out, services, *type, target, View{});
    last = key;
    return true;
  });
  return out + "]";
}

}  // namespace mullion::api
