// Queries over the indexes of a collection (contract: filters.md).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::store {

class Snapshot;

enum class Operator { kEq, kNe, kLt, kLte, kGt, kGte, kRe, kBetween, kExcept, kIn, kNin };

struct Filter {
  std::string name;  // an index of the type, else a parameter name where the type carries Params
  Operator op = Operator::kEq;
  std::vector<std::string> arguments;  // as the client wrote them
};

/// Value of a parameter of one object of `owner` as JSON text, or absent. Lets the API supply aggregation
/// (profiles, defaults).
using ParamResolver = std::function<std::optional<std::string>(std::string_view owner, std::string_view body,
                                                               std::string_view parameter)>;
/// Decides which objects the caller may see: rights and tenants. Absent = all.
using VisibilityFilter = std::function<bool(std::string_view key, std::string_view owner)>;

struct Query {
  std::string type;
  std::vector<Filter> filters;  // all must hold
  std::string sort;             // index name; empty = by key
  bool reverse = false;
  uint64_t offset = 0;
  std::optional<uint64_t> limit;
  bool count_only = false;
  ParamResolver param_resolver;  // absent: own Params only
  VisibilityFilter visible;
  std::string
      own_id;  // shown as Endpoint of own objects: `Endpoint=<own_id>` and `Endpoint=` both select them
};

/// References into a snapshot; bodies are read later, one by one, so that a list streams in constant memory.
struct ObjectRef {
  std::string key;
  std::string owner;
};

struct QueryResult {
  uint64_t total = 0;               // visible objects of the type before filters
  uint64_t matching = 0;            // after filters, before offset and limit
  std::vector<ObjectRef> refs;      // the page, in order; empty when count_only
  std::vector<std::string> owners;  // remote owners whose objects could have matched (freshness), sorted
};

/// Parses "NAME=OP(args)" pairs (already percent-decoded) into a Query of `type`. Handles limit, offset,
/// sort, reverse; ignores slim, params, decode, aggregate, token. Errors: kNotAcceptable with the texts of
/// filters.md.
Result<Query> parse_query(std::string_view type,
                          const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace mullion::store
