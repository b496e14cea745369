// How many objects of a collection have each value of an index: GET /TYPE?group-by=INDEX.
#include "api/internal/group_by.h"

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/request_rules.h"
#include "objects/params.h"
#include "store/read_failure.h"

namespace mullion::api {
namespace {

json::value shown_value_of(const std::optional<std::string>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::array shown_groups(const store::GroupResult& result, bool pairs) {
  json::array out;
  for (const store::Group& group : result.groups) {
    json::object entry;
    if (pairs) {
      json::array values;
      for (const std::optional<std::string>& value : group.values) values.push_back(shown_value_of(value));
      entry["Values"] = std::move(values);
    } else {
      entry["Value"] = shown_value_of(group.values.front());
    }
    entry["Count"] = group.count;
    out.push_back(std::move(entry));
  }
  if (result.other_groups != 0)
    out.push_back({{"Rest", true}, {"Groups", result.other_groups}, {"Count", result.other_count}});
  return out;
}

/// What this server owns goes by the name that its objects show.
void name_own_as_shown(const Call& call, const store::Grouping& grouping, store::GroupResult& result) {
  for (size_t i = 0; i < grouping.fields.size(); ++i) {
    if (call.type->find_index(grouping.fields[i])->path != "@endpoint") continue;
    for (store::Group& group : result.groups) {
      if (group.values[i] == call.services.facts.id)
        group.values[i] = call.services.endpoint_name(store::kOwn);
    }
  }
}

Result<store::GroupResult> count_groups(const Call& call, const store::Grouping& grouping) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  store::Grouping bounded = grouping;
  if (request_rules(call.type->prefix).aggregates_params)
    bounded.query.param_resolver = objects::aggregate_resolver(snapshot);
  Result<store::GroupResult> result = group_all(call, *snapshot, std::move(bounded));
  if (result) name_own_as_shown(call, grouping, *result);
  return result;
}

}  // namespace

env::Task<Result<net::Response>> list_groups(Call& call) {
  const auto in_words_of_list = [&](Error error) {
    if (error.model.empty()) error.model = call.type->prefix;
    error.type = "GET";
    return error;
  };
  const Result<store::Grouping> grouping = store::parse_grouping(call.type->prefix, call.request.query);
  if (!grouping) co_return in_words_of_list(grouping.error());
  const Result<store::GroupResult> result =
      co_await heavy(call, env::Pool::kProcessor, [&] { return count_groups(call, *grouping); });
  if (!result) co_return in_words_of_list(result.error());
  net::Response response =
      json_response(200, json::value(shown_groups(*result, grouping->fields.size() > 1)));
  add_counts(response, result->groups.size(), result->total, result->matching);
  Result<void> fresh = apply_freshness(call, result->owners, result->collections, response);
  if (!fresh) co_return fresh.error();
  co_return response;
}

}  // namespace mullion::api
