#include "content/query_check.h"

#include <fmt/format.h>

#include "net/http.h"

namespace mullion::content {
namespace {

/// A name that is misspelled is told from a parameter by the Param.
std::string unknown_name(const store::Snapshot& snapshot, const model::ObjectType& type,
                         const std::vector<store::Filter>& filters) {
  if (!type.traits.has_params) return "";  // the query knows every name
  for (const store::Filter& filter : filters) {
    if (type.find_index(filter.name) != nullptr) continue;
    if (snapshot.get_all_owners("params", filter.name).empty())
      return fmt::format("{:.200} is neither an index of {} nor a parameter", filter.name, type.prefix);
  }
  return "";
}

}  // namespace

std::string query_fault(const store::Snapshot& snapshot, std::string_view collection,
                        std::string_view query_text) {
  const model::ObjectType* type = model::find_object_type(collection);
  if (type == nullptr) return "";
  Result<store::Query> query = store::parse_query(collection, net::parse_query_string(query_text));
  if (!query) return query.error().messages.front();
  if (std::string name = unknown_name(snapshot, *type, query->filters); !name.empty()) return name;
  query->count_only = true;
  query->among.push_back(std::make_shared<const store::ObjectSet>(std::vector<store::ObjectRef>()));
  const Result<store::QueryResult> answer = snapshot.query(*query);
  return answer ? "" : answer.error().messages.front();
}

}  // namespace mullion::content
