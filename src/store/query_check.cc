#include "store/query_check.h"

#include <fmt/format.h>

namespace mullion::store {
namespace {

/// A name that is misspelled is told from a parameter by the Param.
std::string unknown_name(const Snapshot& snapshot, const model::ObjectType& type,
                         const std::vector<Filter>& filters) {
  if (!type.traits.has_params) return "";  // the query knows every name
  for (const Filter& filter : filters) {
    if (type.find_index(filter.name) != nullptr) continue;
    if (snapshot.get_all_owners("params", filter.name).empty())
      return fmt::format("{:.200} is neither an index of {} nor a parameter", filter.name, type.prefix);
  }
  return "";
}

}  // namespace

std::string query_fault(const Snapshot& snapshot, std::string_view collection,
                        const std::vector<std::pair<std::string, std::string>>& parameters) {
  const model::ObjectType* type = model::find_object_type(collection);
  if (type == nullptr) return "";
  Result<Query> query = parse_query(collection, parameters);
  if (!query) return query.error().messages.front();
  if (std::string name = unknown_name(snapshot, *type, query->filters); !name.empty()) return name;
  query->count_only = true;
  query->among.push_back(std::make_shared<const ObjectSet>(std::vector<ObjectRef>()));
  const Result<QueryResult> answer = snapshot.query(*query);
  return answer ? "" : answer.error().messages.front();
}

}  // namespace mullion::store
