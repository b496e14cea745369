// The in-memory indexes of one type: row numbers by key, and per index an ordered map from value to rows.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "model/index_value.h"
#include "model/object_type.h"
#include "store/internal/encoding.h"
#include "store/internal/match.h"
#include "store/internal/row_set.h"
#include "store/internal/search_text.h"

namespace mullion::store::internal {

/// Readers may share it; a change needs it alone. The store guards it with one shared mutex.
class TypeIndex {
 public:
  /// `type` is null for types that the model does not know: they have an order by key alone.
  using OwnerName = std::function<std::string(OwnerId)>;
  /// `owner_name` tells what owners are called; thread-safe.
  TypeIndex(const model::ObjectType* type, OwnerName owner_name);

  /// Brings the index from `old_body` to `new_body` of one row; absent = the row does not exist.
  void apply(std::string_view key, OwnerId owner, std::optional<std::string_view> old_body,
             std::optional<std::string_view> new_body);

  struct Answer {
    uint64_t total = 0;
    uint64_t matching = 0;
    struct Ref {
      std::string key;
      OwnerId owner;
    };
    std::vector<Ref> refs;
    std::vector<OwnerId> owners;
    bool complete = true;
    uint64_t before = 0;  // when not complete: how many of the refs lie before the page
  };
  /// Where a page begins: behind this value and key.
  struct After {
    std::optional<std::string> value;
    std::string key;
    OwnerId owner;
  };
  /// `remote`: whether remote owners are shown. Filters on parameters need bodies: with them the answer is
  /// not complete, its refs are all rows that passed the other filters, in order, before paging.
  Answer run(const Query& query, const CompiledQuery& compiled, bool remote,
             const std::optional<After>& after = {}) const;

  struct Groups {
    struct Group {
      std::vector<std::optional<std::string>> values;  // encoded
      uint64_t count = 0;
      std::optional<Answer::Ref> sample;  // an object that has them, to read their text from
    };
    uint64_t total = 0;
    uint64_t matching = 0;
    std::vector<Group> groups;  // most objects first, at most as many as asked for
    uint64_t other_groups = 0;
    uint64_t other_count = 0;
    std::vector<OwnerId> owners;
  };
  /// `positions`: of the indexes to group by. Precondition: every filter of `compiled` is on an index.
  Result<Groups> group(const Grouping& grouping, const CompiledQuery& compiled,
                       const std::vector<size_t>& positions, bool remote) const;

  /// The local objects whose value in the index at `position` is `value`.
  std::vector<Answer::Ref> local_rows_with(size_t position, std::string_view value) const;

  size_t rows() const { return by_key_.size(); }
  /// Memory it takes, about.
  size_t bytes() const;

 private:
  struct RowKey {
    std::string key;
    OwnerId owner;
    auto operator<=>(const RowKey&) const = default;
  };
  using ByKey = std::map<RowKey, uint32_t>;
  using Postings = std::map<std::string, RowSet, std::less<>>;
  /// Value of each row in one index, null when it has none.
  using Column = std::vector<const std::string*>;
  /// Takes the next row in order; false ends the walk.
  using Visit = std::function<bool(uint32_t row)>;
  /// How the result is ordered, and how many rows of it will be looked at.
  struct Order {
    std::optional<size_t> sort;
    bool reverse = false;
    uint64_t needed = 0;
    const CompiledFilter* range = nullptr;  // a filter on `sort` that only one stretch of values passes
    const std::vector<uint32_t>* candidates = nullptr;  // all rows that may match, by key
    std::optional<std::string> after_value = {};
    const RowKey* after = nullptr;  // rows up to this one, in the order of `after_value`, are passed over
  };

  /// The rows of an object set that queries come back with, kept up to date.
  struct StandingSet {
    std::weak_ptr<const ObjectSet> objects;
    RowSet rows;
    std::vector<uint32_t> in_key_order;
  };
  using StandingSetPtr = std::shared_ptr<StandingSet>;

  uint32_t new_row(ByKey::iterator entry) REQUIRES(columns_mutex_);
  void drop_row(ByKey::iterator entry) REQUIRES(sets_mutex_);
  void join_standing_sets(ByKey::const_iterator entry) REQUIRES(sets_mutex_);
  void leave_standing_sets(ByKey::const_iterator entry) REQUIRES(sets_mutex_);
  /// Where the entry is, or would be, among rows in key order.
  std::vector<uint32_t>::iterator place_of(std::vector<uint32_t>& rows, ByKey::const_iterator entry) const;
  void add_values(uint32_t row, const std::vector<std::vector<std::string>>& values) REQUIRES(columns_mutex_);
  void remove_values(uint32_t row, const std::vector<std::vector<std::string>>& values)
      REQUIRES(columns_mutex_);
  RowSet rows_within_bounds(const Query& query, const CompiledQuery& compiled, bool remote,
                            const StandingSetPtr& first) const;
  RowSet rows_of_local_owners() const;
  bool holds(const ObjectSet& set, const RowKey& row) const;
  StandingSetPtr look_up(const ObjectSetPtr& set) const;
  /// Rows of a set: large ones are remembered while somebody holds the set.
  StandingSetPtr rows_among(const ObjectSetPtr& set) const;
  RowSet rows_of_owners(const CompiledFilter& filter, const Query& query) const;
  /// Rows that satisfy the positive form of a filter.
  RowSet rows_of_keys(const CompiledFilter& filter) const;
  RowSet rows_of_values(const CompiledFilter& filter) const;
  /// Rows whose list holds every argument.
  RowSet rows_with_all(const CompiledFilter& filter) const;
  /// Narrows `matching` to rows that may hold the parameters a query asks for.
  void narrow_by_parameters(const Query& query, const CompiledQuery& compiled, RowSet& matching) const;
  void narrow(const CompiledFilter& filter, RowSet& matching) const;
  /// The remote owners that filters on Endpoint leave and that have some of the rows.
  std::vector<OwnerId> remote_owners(const Query& query, const CompiledQuery& compiled,
                                     const RowSet& rows) const;

  void in_order(const RowSet& matching, const Order& order, const Query& query, const Visit& visit) const;
  bool in_key_order(const RowSet& matching, bool reverse, uint64_t needed, const Visit& visit,
                    const std::vector<uint32_t>* candidates = nullptr, const RowKey* after = nullptr) const;
  void in_owner_order(const RowSet& matching, const Order& order, const Query& query,
                      const Visit& visit) const;
  void in_value_order(const RowSet& matching, const Order& order, const Visit& visit) const;
  void in_column_order(const RowSet& matching, const Order& order, const Visit& visit) const;
  const Column& column(size_t index) const;
  /// What matches, and into `answer` what was counted on the way.
  RowSet matching_rows(const Query& query, const CompiledQuery& compiled, bool remote,
                       const StandingSetPtr& among, Answer& answer) const;

  RowSet rows_searched(const std::vector<std::string>& words) const;

  using Value = std::optional<std::string_view>;  // encoded; absent where a list is empty
  using Values = std::vector<std::optional<std::string>>;
  struct CountedGroup {
    Values values;
    uint64_t count;
    std::optional<uint32_t> row;
  };
  Groups largest(std::vector<CountedGroup> counted, uint64_t limit) const;
  /// Takes each value that some of the rows have, with those rows when they were asked for.
  using VisitValue = std::function<void(Value value, uint64_t count, RowSet rows)>;
  /// Counts one step for each value it looks at; false when that is more than `steps` lets it.
  bool by_value(size_t position, const RowSet& rows, const Query& query, bool with_rows, uint64_t& steps,
                const VisitValue& visit) const;
  bool by_owner(const RowSet& rows, const Query& query, bool with_rows, uint64_t& steps,
                const VisitValue& visit) const;
  bool by_column(size_t position, const RowSet& rows, bool with_rows, uint64_t& steps,
                 const VisitValue& visit) const;

  const model::ObjectType* type_;
  std::optional<model::IndexReader> reader_;  // of the type, when it is known
  OwnerName owner_name_;
  ByKey by_key_;
  std::vector<ByKey::const_iterator> rows_;
  std::vector<uint32_t> free_;
  std::vector<Postings> postings_;  // one per type_->indexes; empty for those answered otherwise
  std::vector<RowSet> with_value_;  // rows that have any value, per index: the others sort first
  std::map<OwnerId, RowSet> by_owner_;
  RowSet all_;
  size_t bytes_ = 0;
  mutable Mutex sets_mutex_;
  /// Oldest first; only a change of the index alters one.
  mutable std::vector<StandingSetPtr> standing_sets_ GUARDED_BY(sets_mutex_);
  mutable Mutex columns_mutex_;
  /// Of indexes that were sorted by.
  mutable std::vector<std::unique_ptr<Column>> columns_ GUARDED_BY(columns_mutex_);
  mutable Mutex search_mutex_;
  mutable std::unique_ptr<SearchText> search_ GUARDED_BY(search_mutex_);  // since the first search
};

/// What `search` finds in an object with these values.
std::string search_text(const model::ObjectType& type, std::string_view key,
                        const std::vector<std::vector<std::string>>& values);

}  // namespace mullion::store::internal
