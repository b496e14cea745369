// Queries over the indexes of a collection (contract: filters.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/object_type.h"
#include "store/page_position.h"
#include "store/types.h"

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
struct ParamResolver {
  std::function<std::optional<std::string>(std::string_view owner, std::string_view body,
                                           std::string_view parameter)>
      value_of;
  /// Where values come from beside the object: what is found by them is as old as these.
  std::vector<std::string> collections;

  explicit operator bool() const { return value_of != nullptr; }
};
/// Decides object by object, so a query with one costs a look at every object. Absent = all.
using RowPredicate = std::function<bool(std::string_view key, std::string_view owner)>;

/// References into a snapshot; bodies are read later, one by one, so that a list streams in constant memory.
struct ObjectRef {
  std::string key;
  std::string owner;
  auto operator<=>(const ObjectRef&) const = default;
};

/// A fixed set of objects of one collection. kOwn as owner stands for the object of this server, own or
/// layered. The engine keeps the rows of a large one at hand while somebody holds the set: give the same set
/// again rather than an equal one. Immutable, shareable.
class ObjectSet {
 public:
  explicit ObjectSet(std::vector<ObjectRef> objects);
  /// `owner`: kOwn, kLayered or an endpoint id.
  bool contains(std::string_view owner, std::string_view key) const;
  /// Sorted by key, then owner; each once.
  const std::vector<ObjectRef>& objects() const { return objects_; }

 private:
  std::vector<ObjectRef> objects_;
};
using ObjectSetPtr = std::shared_ptr<const ObjectSet>;

struct Query {
  std::string type;
  std::vector<Filter> filters;      // all must hold
  std::vector<std::string> search;  // folded words (model::is_searched()); the object has them all
  std::string sort;                 // index name; empty = by key
  bool reverse = false;
  uint64_t offset = 0;
  std::optional<PagePosition> after;  // the page begins behind it; not with an offset
  std::optional<uint64_t> limit;
  bool count_only = false;
  ParamResolver param_resolver;  // absent: own Params only
  /// What filters that no index answers may cost: one filter on one object is a step for each 64 bytes it
  /// reads.
  uint64_t filter_steps = 20'000'000;
  // Bounds: for this query objects outside them do not exist, not even in `total`.
  std::vector<ObjectSetPtr> among;  // the object is in each of these sets
  std::vector<Filter> bounds;  // on indexes; all must hold; values of kIn that none can have match nothing
  RowPredicate visible;        // for what the two above cannot say
  std::string
      own_id;  // shown as Endpoint of own objects: `Endpoint=<own_id>` and `Endpoint=` both select them
};

struct QueryResult {
  uint64_t total = 0;                // objects of the type within the bounds, before filters
  uint64_t matching = 0;             // after filters, before offset and limit
  std::vector<ObjectRef> refs;       // the page, in order; empty when count_only
  std::optional<PagePosition> last;  // of a page that is as long as its limit: where the next one goes on
  // For freshness: remote owners whose objects could have matched, sorted, and which collections of theirs
  // decided about it.
  std::vector<std::string> owners;
  std::vector<std::string> collections;
};

/// How many of the objects that a query finds have each value of one index, or each pair of values of two.
struct Grouping {
  static constexpr uint64_t kMost = 1000;
  /// What is looked at in the indexes: values, or pairs of them.
  static constexpr uint64_t kMostSteps = 100'000;

  Query query;                      // its order, offset and limit do not count
  std::vector<std::string> fields;  // indexes, the outer one first
  uint64_t limit = 50;
};

struct Group {
  /// One for each field, as a filter would name it; absent for objects whose list is empty.
  std::vector<std::optional<std::string>> values;
  uint64_t count = 0;
};

struct GroupResult {
  uint64_t total = 0;
  uint64_t matching = 0;
  std::vector<Group> groups;                     // most objects first, then by value
  uint64_t other_groups = 0;                     // how many more there are than the limit lets through
  uint64_t other_count = 0;                      // and the sum of what they count
  std::vector<std::string> owners, collections;  // as in QueryResult
};

/// Parses "NAME=OP(args)" pairs (already percent-decoded) into a Query of `type`. Handles limit, offset,
/// sort, reverse, search, cursor; ignores group-by (see parse_grouping()), fields, slim, params, decode,
/// aggregate, token. Errors: kNotAcceptable with the texts of filters.md.
Result<Query> parse_query(std::string_view type,
                          const std::vector<std::pair<std::string, std::string>>& parameters);

/// The same with `group-by`. Errors: kNotAcceptable, also for words about an order that groups do not have.
Result<Grouping> parse_grouping(std::string_view type,
                                const std::vector<std::pair<std::string, std::string>>& parameters);

/// Tells of single objects whether a query finds them: the same meaning of filters, search and bounds,
/// without an index. Immutable, shareable.
class Matcher {
 public:
  /// kNotAcceptable as Snapshot::query().
  static Result<Matcher> make(const model::ObjectType& type, Query query);
  /// `owner`: kOwn, kLayered or an endpoint id.
  bool matches(std::string_view owner, std::string_view key, std::string_view body) const;

 private:
  struct Compiled;
  explicit Matcher(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}
  std::shared_ptr<const Compiled> compiled_;
};

/// Whether the values that an index holds are enough to answer `op`; else every object is read. Addresses
/// that a range contains are not among them, nor is the text of a version.
bool answered_by_index(const model::Index& index, Operator op);

}  // namespace mullion::store
