#include "store/internal/index.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "base/mutex.h"

namespace mullion::store::internal {
namespace {

/// Indexes that the row order or the owner sets answer; they need no map of their own.
bool answered_otherwise(const model::Index& index) {
  return index.path == "@key" || index.path == "@endpoint";
}

/// Whether the values that pass lie in one stretch of the order.
bool is_range(Operator op) {
  switch (op) {
    case Operator::kEq:
    case Operator::kLt:
    case Operator::kLte:
    case Operator::kGt:
    case Operator::kGte:
    case Operator::kBetween:
      return true;
    default:
      return false;
  }
}

/// Sorting a row costs about this many steps of a walk.
constexpr uint64_t kSortCost = 4;

// What entries cost: a node of a map, its strings, and what bitmaps keep of a row.
constexpr size_t kMapNode = 48;
constexpr size_t kBitmapEntry = 2;
constexpr size_t kRowCost = kMapNode + 64;
constexpr size_t kPostingCost = kMapNode + 56;

size_t heap_bytes(const std::string& text) { return text.size() > 15 ? text.size() + 17 : 0; }

/// An update leaves most values as they are: those need no work.
void forget_equal(std::vector<std::vector<std::string>>& before,
                  std::vector<std::vector<std::string>>& after) {
  for (size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    if (before[i] != after[i]) continue;
    before[i].clear();
    after[i].clear();
  }
}

/// Calls `visit` with the parts of an ordered map that satisfy the positive form of an ordering operator.
/// `from(value)` finds the first entry not below a value, `behind(value)` the first above it.
template <typename From, typename Behind, typename Iterator, typename Visit>
void visit_ranges(Operator op, const std::vector<std::string>& arguments, Iterator begin, Iterator end,
                  From from, Behind behind, Visit visit) {
  switch (op) {
    case Operator::kLt:
      return visit(begin, from(arguments[0]));
    case Operator::kLte:
      return visit(begin, behind(arguments[0]));
    case Operator::kGt:
      return visit(behind(arguments[0]), end);
    case Operator::kGte:
      return visit(from(arguments[0]), end);
    case Operator::kBetween:
      if (arguments[0] <= arguments[1]) visit(from(arguments[0]), behind(arguments[1]));
      return;
    case Operator::kExcept:
      if (arguments[0] > arguments[1]) return visit(begin, end);
      visit(begin, from(arguments[0]));
      return visit(behind(arguments[1]), end);
    default:  // Eq, Ne, In, Nin
      for (const std::string& argument : arguments) visit(from(argument), behind(argument));
      return;
  }
}

}  // namespace

TypeIndex::TypeIndex(const model::ObjectType* type, OwnerName owner_name)
    : type_(type),
      reader_(type == nullptr ? std::nullopt : std::make_optional<model::IndexReader>(*type)),
      owner_name_(std::move(owner_name)),
      postings_(type == nullptr ? 0 : type->indexes.size()),
      with_value_(postings_.size()),
      columns_(postings_.size()) {}

uint32_t TypeIndex::new_row(ByKey::iterator entry) {
  if (free_.empty()) {
    rows_.push_back(entry);
    for (const auto& column : columns_) {
      if (column) column->push_back(nullptr);
    }
    return static_cast<uint32_t>(rows_.size() - 1);
  }
  const uint32_t row = free_.back();
  free_.pop_back();
  rows_[row] = entry;
  return row;
}

void TypeIndex::drop_row(ByKey::iterator entry) {
  const uint32_t row = entry->second;
  leave_standing_sets(entry);
  bytes_ -= kRowCost + heap_bytes(entry->first.key);
  const auto owner = by_owner_.find(entry->first.owner);
  owner->second.remove(row);
  if (owner->second.empty()) by_owner_.erase(owner);
  all_.remove(row);
  free_.push_back(row);
  by_key_.erase(entry);
}

void TypeIndex::add_values(uint32_t row, const std::vector<std::vector<std::string>>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty() || answered_otherwise(type_->indexes[i])) continue;
    for (const std::string& value : values[i]) {
      const auto [posting, created] = postings_[i].try_emplace(value);
      if (posting->second.contains(row)) continue;  // lists may name a value twice
      bytes_ += kBitmapEntry + (created ? kPostingCost + heap_bytes(value) : 0);
      posting->second.add(row);
      if (columns_[i]) (*columns_[i])[row] = &posting->first;
    }
    with_value_[i].add(row);
  }
}

void TypeIndex::remove_values(uint32_t row, const std::vector<std::vector<std::string>>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i].empty() || answered_otherwise(type_->indexes[i])) continue;
    with_value_[i].remove(row);
    if (columns_[i]) (*columns_[i])[row] = nullptr;
    for (const std::string& value : values[i]) {
      const auto posting = postings_[i].find(value);
      if (posting == postings_[i].end() || !posting->second.contains(row)) continue;
      bytes_ -= kBitmapEntry;
      posting->second.remove(row);
      if (!posting->second.empty()) continue;
      bytes_ -= kPostingCost + heap_bytes(value);
      postings_[i].erase(posting);
    }
  }
}

void TypeIndex::apply(std::string_view key, OwnerId owner, std::optional<std::string_view> old_body,
                      std::optional<std::string_view> new_body) {
  const auto values_of = [&](std::optional<std::string_view> body) {
    return reader_ && body ? reader_->values(key, *body) : model::IndexReader::Values();
  };
  model::IndexReader::Values before = values_of(old_body), after = values_of(new_body);
  const Lock sets(sets_mutex_), columns(columns_mutex_), search(search_mutex_);
  std::string searched = search_ ? search_text(*type_, key, after) : std::string();
  const bool same_search = search_ && old_body && new_body && searched == search_text(*type_, key, before);
  const auto [entry, created] = by_key_.try_emplace(RowKey{std::string(key), owner}, 0);
  if (created) {
    entry->second = new_row(entry);
    bytes_ += kRowCost + heap_bytes(entry->first.key);
    by_owner_[owner].add(entry->second);
    all_.add(entry->second);
    join_standing_sets(entry);
  } else {
    forget_equal(before, after);
    remove_values(entry->second, before);
  }
  if (search_ && !same_search) search_->set(entry->second, new_body ? searched : "");
  if (!new_body) return drop_row(entry);
  add_values(entry->second, after);
}

RowSet TypeIndex::rows_of_owners(const CompiledFilter& filter, const Query& query) const {
  RowSet out;
  for (const auto& [owner, rows] : by_owner_) {
    if (owner_matches(filter, owner_name_(owner), query.own_id)) out.unite(rows);
  }
  return out;
}

RowSet TypeIndex::rows_of_keys(const CompiledFilter& filter) const {
  RowSet out;
  if (filter.op() == Operator::kRe) {
    for (const auto& [key, row] : by_key_) {
      if (filter.matches_value(key.key)) out.add(row);
    }
    return out;
  }
  auto from = [this](const std::string& key) { return by_key_.lower_bound(RowKey{key, 0}); };
  auto behind = [&](const std::string& key) { return from(key + '\0'); };  // keys hold no NUL
  visit_ranges(filter.op(), filter.arguments(), by_key_.begin(), by_key_.end(), from, behind,
               [&](auto first, auto last) {
                 for (; first != last; ++first) out.add(first->second);
               });
  return out;
}

std::vector<TypeIndex::Answer::Ref> TypeIndex::local_rows_with(size_t position,
                                                               std::string_view value) const {
  std::vector<Answer::Ref> out;
  if (position >= postings_.size()) return out;
  const auto found = postings_[position].find(value);
  if (found == postings_[position].end()) return out;
  found->second.for_each([&](uint32_t row) {
    const RowKey& key = rows_[row]->first;
    if (key.owner < kFirstRemoteId) out.push_back({key.key, key.owner});
  });
  return out;
}

RowSet TypeIndex::rows_of_values(const CompiledFilter& filter) const {
  const Postings& postings = postings_[*filter.index_position()];
  RowSet out;
  if (filter.op() == Operator::kRe) {
    for (const auto& [value, rows] : postings) {
      if (filter.matches_value(value)) out.unite(rows);
    }
    return out;
  }
  std::vector<uint32_t> singles;
  visit_ranges(
      filter.op(), filter.arguments(), postings.begin(), postings.end(),
      [&](const std::string& value) { return postings.lower_bound(value); },
      [&](const std::string& value) { return postings.upper_bound(value); },
      [&](auto first, auto last) {
        for (; first != last; ++first) {
          if (const std::optional<uint32_t> row = first->second.single()) {
            singles.push_back(*row);
          } else {
            out.unite(first->second);
          }
        }
      });
  out.add_all(singles);
  return out;
}

RowSet TypeIndex::rows_with_all(const CompiledFilter& filter) const {
  const Postings& postings = postings_[*filter.index_position()];
  RowSet out = all_;
  for (const std::string& argument : filter.arguments()) {
    const auto holders = postings.find(argument);
    if (holders == postings.end()) return {};
    out.intersect(holders->second);
  }
  return out;
}

void TypeIndex::narrow(const CompiledFilter& filter, RowSet& matching) const {
  const bool by_key = type_->indexes[*filter.index_position()].path == "@key";
  const RowSet rows = by_key               ? rows_of_keys(filter)
                      : filter.wants_all() ? rows_with_all(filter)
                                           : rows_of_values(filter);
  if (filter.negated()) {
    matching.subtract(rows);
  } else {
    matching.intersect(rows);
  }
}

void TypeIndex::narrow_by_parameters(const Query& query, const CompiledQuery& compiled,
                                     RowSet& matching) const {
  if (query.param_resolver) return;  // values may come from elsewhere
  for (size_t i = 0; i < postings_.size(); ++i) {
    if (type_->indexes[i].path != "@params") continue;
    for (const CompiledFilter& filter : compiled.filters) {
      if (!filter.is_parameter() || filter.negated()) continue;
      const auto holders = postings_[i].find(filter.name());
      matching.intersect(holders == postings_[i].end() ? RowSet() : holders->second);
    }
    return;
  }
}

std::vector<OwnerId> TypeIndex::remote_owners(const Query& query, const CompiledQuery& compiled,
                                              const RowSet& rows) const {
  std::vector<OwnerId> out;
  for (const auto& [owner, own_rows] : by_owner_) {
    if (owner < kFirstRemoteId) continue;
    const bool asked_for = std::ranges::all_of(compiled.filters, [&](const CompiledFilter& filter) {
      return !filter.is_endpoint() || owner_matches(filter, owner_name_(owner), query.own_id);
    });
    if (asked_for && own_rows.intersects(rows)) out.push_back(owner);
  }
  return out;
}

bool TypeIndex::in_key_order(const RowSet& matching, bool reverse, uint64_t needed, const Visit& visit,
                             const std::vector<uint32_t>* candidates, const RowKey* after) const {
  const uint64_t count = matching.size();
  if (count == 0) return true;
  needed = std::min(needed, count);
  auto walk = [&](auto first, auto last, auto row_of) {
    for (; first != last; ++first) {
      const uint32_t row = row_of(*first);
      if (matching.contains(row) && !visit(row)) return false;
    }
    return true;
  };
  const uint64_t walked = candidates == nullptr ? by_key_.size() : candidates->size();
  if (walked / count * needed < count * kSortCost) {
    const auto of_entry = [](const ByKey::value_type& entry) { return entry.second; };
    if (candidates == nullptr && reverse) {
      const auto end = after == nullptr ? by_key_.end() : by_key_.lower_bound(*after);
      return walk(std::make_reverse_iterator(end), by_key_.rend(), of_entry);
    }
    if (candidates == nullptr)
      return walk(after == nullptr ? by_key_.begin() : by_key_.upper_bound(*after), by_key_.end(), of_entry);
    const auto key_of = [this](uint32_t row) -> const RowKey& { return rows_[row]->first; };
    if (reverse) {
      const auto end =
          after == nullptr ? candidates->end() : std::ranges::lower_bound(*candidates, *after, {}, key_of);
      return walk(std::make_reverse_iterator(end), candidates->rend(), std::identity());
    }
    return walk(
        after == nullptr ? candidates->begin() : std::ranges::upper_bound(*candidates, *after, {}, key_of),
        candidates->end(), std::identity());
  }
  std::vector<uint32_t> rows = matching.rows();
  if (after != nullptr) {
    std::erase_if(rows, [&](uint32_t row) {
      return reverse ? rows_[row]->first >= *after : rows_[row]->first <= *after;
    });
    needed = std::min<uint64_t>(needed, rows.size());
  }
  const auto before = [&](uint32_t a, uint32_t b) {
    return reverse ? rows_[b]->first < rows_[a]->first : rows_[a]->first < rows_[b]->first;
  };
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(needed);
  std::ranges::partial_sort(rows, middle, before);
  return std::all_of(rows.begin(), middle, visit);
}

const TypeIndex::Column& TypeIndex::column(size_t index) const {
  Lock lock(columns_mutex_);
  std::unique_ptr<Column>& column = columns_[index];
  if (!column) {
    column = std::make_unique<Column>(rows_.size(), nullptr);
    for (const auto& [value, rows] : postings_[index]) {
      const std::string* address = &value;
      rows.for_each([&](uint32_t row) { (*column)[row] = address; });
    }
  }
  return *column;
}

void TypeIndex::in_column_order(const RowSet& matching, const Order& order, const Visit& visit) const {
  const Column& values = column(*order.sort);
  std::vector<uint32_t> rows = matching.rows();
  auto less = [&](uint32_t a, uint32_t b) {
    const std::string* left = values[a];
    const std::string* right = values[b];
    if (left == right) return rows_[a]->first < rows_[b]->first;
    if (left == nullptr || right == nullptr) return left == nullptr;
    return *left < *right;
  };
  if (order.after != nullptr) {
    std::erase_if(rows, [&](uint32_t row) {
      const std::optional<std::string> value =
          values[row] == nullptr ? std::nullopt : std::optional(*values[row]);
      const auto here = std::tie(value, rows_[row]->first);
      const auto after = std::tie(order.after_value, *order.after);
      return order.reverse ? here >= after : here <= after;
    });
  }
  const auto middle =
      rows.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(order.needed, rows.size()));
  std::ranges::partial_sort(rows, middle,
                            [&](uint32_t a, uint32_t b) { return order.reverse ? less(b, a) : less(a, b); });
  for (auto row = rows.begin(); row != middle; ++row) {
    if (!visit(*row)) return;
  }
}

void TypeIndex::in_owner_order(const RowSet& matching, const Order& order, const Query& query,
                               const Visit& visit) const {
  std::map<std::string, RowSet> by_name;
  for (const auto& [owner, rows] : by_owner_)
    by_name[owner < kFirstRemoteId ? query.own_id : owner_name_(owner)].unite(rows);
  auto walk = [&](auto first, auto last) {
    for (; first != last; ++first) {
      const RowKey* after = nullptr;
      if (order.after != nullptr) {
        const int compared = first->first.compare(order.after_value.value_or(""));
        if (order.reverse ? compared > 0 : compared < 0) continue;
        if (compared == 0) after = order.after;
      }
      first->second.intersect(matching);
      if (!in_key_order(first->second, order.reverse, order.needed, visit, nullptr, after)) return;
    }
  };
  if (order.reverse) {
    walk(by_name.rbegin(), by_name.rend());
  } else {
    walk(by_name.begin(), by_name.end());
  }
}

void TypeIndex::in_value_order(const RowSet& matching, const Order& order, const Visit& visit) const {
  const Postings& postings = postings_[*order.sort];
  auto first = postings.begin(), last = postings.end();
  if (order.range != nullptr) {  // all matching rows lie within: the values outside need no walk
    first = last;
    visit_ranges(
        order.range->op(), order.range->arguments(), postings.begin(), postings.end(),
        [&](const std::string& value) { return postings.lower_bound(value); },
        [&](const std::string& value) { return postings.upper_bound(value); },
        [&](auto from, auto to) { first = from, last = to; });
  }
  const bool after_valued = order.after != nullptr && order.after_value;
  if (after_valued) {  // what lies before the page needs no walk either
    const std::string& value = *order.after_value;
    const auto from = order.reverse ? postings.upper_bound(value) : postings.lower_bound(value);
    const auto lies_before = [](auto a, auto b, const Postings& in) {
      return a != in.end() && (b == in.end() || a->first < b->first);
    };
    if (!order.reverse && lies_before(first, from, postings)) first = from;
    if (order.reverse && lies_before(from, last, postings)) last = from;
    if (lies_before(last, first, postings)) last = first;
  }
  RowSet without = matching;
  without.subtract(with_value_[*order.sort]);
  const auto visit_rows_without = [&] {
    if (after_valued && !order.reverse) return true;  // they come before every value
    const RowKey* after = after_valued ? nullptr : order.after;
    return in_key_order(without, order.reverse, order.needed, visit, nullptr, after);
  };
  auto walk = [&](auto from, auto to) {
    if (order.after != nullptr && !after_valued && order.reverse) return true;  // all values are passed
    for (; from != to; ++from) {
      const RowKey* after = after_valued && from->first == *order.after_value ? order.after : nullptr;
      const std::optional<uint32_t> row = from->second.single();  // as almost all names have
      if (row && after == nullptr) {
        if (matching.contains(*row) && !visit(*row)) return false;
        continue;
      }
      RowSet wanted = from->second;
      wanted.intersect(matching);
      if (!in_key_order(wanted, order.reverse, order.needed, visit, nullptr, after)) return false;
    }
    return true;
  };
  if (!order.reverse) {
    if (visit_rows_without()) walk(first, last);
  } else if (walk(std::make_reverse_iterator(last), std::make_reverse_iterator(first))) {
    visit_rows_without();
  }
}

void TypeIndex::in_order(const RowSet& matching, const Order& order, const Query& query,
                         const Visit& visit) const {
  const uint64_t count = matching.size();
  if (count == 0) return;
  if (!order.sort) {
    in_key_order(matching, order.reverse, order.needed, visit, order.candidates, order.after);
    return;
  }
  if (type_->indexes[*order.sort].path == "@endpoint") return in_owner_order(matching, order, query, visit);
  // Walking the values meets many that no row of the result has when the result is small.
  const double share = static_cast<double>(std::min(order.needed, count)) / static_cast<double>(count);
  const double buckets = static_cast<double>(postings_[*order.sort].size()) * share;
  if (buckets > static_cast<double>(count * kSortCost)) return in_column_order(matching, order, visit);
  in_value_order(matching, order, visit);
}

RowSet TypeIndex::matching_rows(const Query& query, const CompiledQuery& compiled, bool remote,
                                const StandingSetPtr& among, Answer& answer) const {
  RowSet matching = rows_within_bounds(query, compiled, remote, among);
  answer.total = matching.size();
  // The owners that a filter on Endpoint leaves are those whose age matters to the answer.
  answer.owners = remote_owners(query, compiled, matching);
  for (const CompiledFilter& filter : compiled.filters) {
    if (!filter.is_endpoint() && filter.index_position()) narrow(filter, matching);
    if (!filter.index_position()) answer.complete = false;
  }
  // Last, as owners have more objects than most values have.
  for (const CompiledFilter& filter : compiled.filters) {
    if (filter.is_endpoint() && !matching.empty()) matching.intersect(rows_of_owners(filter, query));
  }
  narrow_by_parameters(query, compiled, matching);
  if (!query.search.empty()) matching.intersect(rows_searched(query.search));
  answer.matching = matching.size();
  return matching;
}

TypeIndex::Answer TypeIndex::run(const Query& query, const CompiledQuery& compiled, bool remote,
                                 const std::optional<After>& after) const {
  Answer answer;
  const StandingSetPtr among = query.among.empty() ? nullptr : rows_among(query.among.front());
  const RowSet matching = matching_rows(query, compiled, remote, among, answer);
  const bool nothing = query.count_only || query.limit == std::optional<uint64_t>(0);
  if (answer.complete && nothing) return answer;
  constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  const uint64_t offset = answer.complete ? query.offset : 0;
  const uint64_t limit = answer.complete ? query.limit.value_or(kAll) : kAll;
  Order order{compiled.sort, query.reverse, limit > kAll - offset ? kAll : offset + limit};
  for (const CompiledFilter& filter : compiled.filters) {
    if (order.sort && filter.index_position() == order.sort && is_range(filter.op())) order.range = &filter;
  }
  if (among) order.candidates = &among->in_key_order;
  std::optional<RowKey> after_key;
  if (after) {
    after_key = RowKey{after->key, after->owner};
    order.after_value = after->value;
    order.after = &*after_key;
  }
  if (after && !answer.complete) {  // all of them are asked for what no index knows: they count, wherever
    uint64_t behind = 0;
    in_order(matching, order, query, [&](uint32_t) { return ++behind, true; });
    answer.before = answer.matching - behind;
    order.after = nullptr;
  }
  uint64_t skipped = 0;
  in_order(matching, order, query, [&](uint32_t row) {
    if (skipped < offset) return ++skipped, true;
    answer.refs.push_back({rows_[row]->first.key, rows_[row]->first.owner});
    return answer.refs.size() < limit;
  });
  return answer;
}

}  // namespace mullion::store::internal
