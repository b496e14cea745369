#include "api/internal/view_look.h"

#include <algorithm>

#include "api/internal/request_rules.h"
#include "api/internal/rights.h"
#include "objects/params.h"
#include "store/read_failure.h"

namespace mullion::api {
namespace {

std::map<std::string, uint64_t> stale_ages(const Services& services, const store::QueryResult& found) {
  std::map<std::string, uint64_t> out;
  if (services.manager == nullptr || found.owners.empty()) return out;
  const auto read = manager::ReadFrom::collections(found.collections);
  for (const manager::OwnerFreshness& owner : services.manager->freshness(found.owners, read)) {
    if (!owner.in_touch) out[owner.owner] = static_cast<uint64_t>(owner.age_seconds);
  }
  return out;
}

/// The keys of what is in the view or was in it before the change.
std::vector<std::string> keys_in_view(const store::Snapshot& snapshot, std::string_view type,
                                      const store::Matcher& matcher, const ViewChanges& changes) {
  std::vector<std::string> out;
  for (const auto& [object, before] : changes.objects()) {
    const auto in_view = [&](const std::string& body) {
      return matcher.matches(object.owner, object.key, body);
    };
    if (before == nullptr || !in_view(*before)) {
      const std::optional<std::string> now = snapshot.get({std::string(type), object.owner, object.key});
      if (!now || !in_view(*now)) continue;
    }
    out.push_back(object.key);
  }
  out.erase(std::unique(out.begin(), out.end()), out.end());  // sorted by key, then owner
  return out;
}

Result<ViewLook> look(Services& services, const auth::Principal& principal, const std::string& collection,
                      const std::string& text, const ViewChanges& changes) {
  const model::ObjectType* type = services.find_type(collection);
  if (type == nullptr)
    return Error(ErrorCode::kNotFound, fmt::format("{:.100} is no collection", collection));
  Result<store::Query> query = store::parse_query(type->prefix, net::parse_query_string(text));
  if (!query) return query.error();
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  query->own_id = services.facts.id;
  query->count_only = true;
  query->sort.clear();
  if (request_rules(type->prefix).aggregates_params)
    query->param_resolver = objects::aggregate_resolver(snapshot);
  bound_by_rights(principal, *type, *query);
  const Result<store::QueryResult> found = snapshot->query(*query);
  if (!found) return found.error();
  const Result<store::Matcher> matcher = store::Matcher::make(*type, *query);
  if (!matcher) return matcher.error();
  ViewLook out;
  out.count = found->matching;
  out.total = found->total;
  out.more = changes.more();
  out.keys = keys_in_view(*snapshot, type->prefix, *matcher, changes);
  out.stale = stale_ages(services, *found);
  return out;
}

/// For one coroutine at a time.
class ViewEyes {
 public:
  ViewEyes(Services& services, LiveRights rights, env::Caller caller)
      : services_(services), rights_(std::move(rights)), caller_(std::move(caller)) {}

  env::Task<Result<ViewLook>> look_at(std::string collection, std::string query, ViewChanges changes) {
    if (Result<void> renewed = rights_.renew(); !renewed) co_return renewed.error();
    std::optional<Result<ViewLook>> out;
    env::Caller caller = caller_;
    // Never refused: a reader has one look at a time, and its pace bounds what they cost.
    co_await env::run_admitted(env::Pool::kProcessor, std::move(caller), [&] {
      try {
        out = look(services_, rights_.principal(), collection, query, changes);
      } catch (const store::ReadFailure& failure) {
        out = failure.error();
      }
    });
    co_return std::move(*out);
  }

 private:
  Services& services_;
  LiveRights rights_;
  const env::Caller caller_;
};

}  // namespace

LookAtView make_view_look(Services& services, LiveRights rights, env::Caller caller) {
  auto eyes = std::make_shared<ViewEyes>(services, std::move(rights), std::move(caller));
  return [eyes](const std::string& collection, const std::string& query, ViewChanges changes) {
    return eyes->look_at(collection, query, std::move(changes));
  };
}

}  // namespace mullion::api
