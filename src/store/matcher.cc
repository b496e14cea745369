#include <algorithm>

#include "model/index_value.h"
#include "store/internal/index.h"
#include "store/internal/match.h"
#include "store/query.h"

namespace mullion::store {

using internal::CompiledFilter;

struct Matcher::Compiled {
  const model::ObjectType* type;
  model::IndexReader reader;
  Query query;
  internal::CompiledQuery filters;

  bool passes(const CompiledFilter& filter, std::string_view owner, std::string_view body,
              const std::vector<std::vector<std::string>>& values) const {
    if (filter.is_endpoint()) return internal::owner_matches(filter, owner, query.own_id);
    if (const std::optional<size_t> position = filter.index_position())
      return filter.matches(values[*position]);
    if (!filter.is_parameter()) return filter.matches_body(body);
    if (query.param_resolver)
      return filter.matches_parameter(query.param_resolver.value_of(owner, body, filter.name()));
    const std::string_view raw = model::raw_param(body, filter.name());
    return filter.matches_parameter(raw.empty() ? std::nullopt : std::optional<std::string>(raw));
  }

  bool within_bounds(std::string_view owner, std::string_view key) const {
    const auto holds = [&](const ObjectSetPtr& set) { return set->contains(owner, key); };
    return std::ranges::all_of(query.among, holds) && (!query.visible || query.visible(key, owner));
  }
};

Result<Matcher> Matcher::make(const model::ObjectType& type, Query query) {
  Result<internal::CompiledQuery> filters = internal::compile_query(type, query);
  if (!filters) return filters.error();
  return Matcher(std::make_shared<const Compiled>(
      Compiled{&type, model::IndexReader(type), std::move(query), std::move(*filters)}));
}

bool Matcher::matches(std::string_view owner, std::string_view key, std::string_view body) const {
  if (!compiled_->within_bounds(owner, key)) return false;
  const model::IndexReader::Values values = compiled_->reader.values(key, body);
  const auto passes = [&](const CompiledFilter& filter) {
    return compiled_->passes(filter, owner, body, values);
  };
  if (!std::ranges::all_of(compiled_->filters.bounds, passes)) return false;
  if (!std::ranges::all_of(compiled_->filters.filters, passes)) return false;
  if (compiled_->query.search.empty()) return true;
  const std::string text = internal::search_text(*compiled_->type, key, values);
  return std::ranges::all_of(compiled_->query.search,
                             [&](const std::string& word) { return text.find(word) != std::string::npos; });
}

}  // namespace mullion::store
