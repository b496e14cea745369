// Counts by value, and what `search` looks through.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/letters.h"
#include "base/mutex.h"
#include "model/index_value.h"
#include "store/internal/index.h"

namespace mullion::store::internal {
namespace {

/// Of one value: what is longer is a text to read, not one to look for.
constexpr size_t kMostSearched = 256;

void append_searched(std::string& text, const model::Index& index, const std::string& encoded) {
  const std::optional<std::string> value = model::index_argument_text(index, encoded);
  if (!value || value->empty()) return;
  text += '\n';
  text += lower_case(std::string_view(*value).substr(0, kMostSearched));
}

std::optional<std::string> text_of(std::optional<std::string_view> value) {
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

}  // namespace

size_t TypeIndex::bytes() const {
  Lock lock(search_mutex_);
  return bytes_ + (search_ ? search_->bytes() : 0);
}

std::string search_text(const model::ObjectType& type, std::string_view key,
                        const std::vector<std::vector<std::string>>& values) {
  std::string text = lower_case(key);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!model::is_searched(type.indexes[i])) continue;
    for (const std::string& value : values[i]) append_searched(text, type.indexes[i], value);
  }
  std::ranges::replace(text, '\0', '\n');
  return text;
}

RowSet TypeIndex::rows_searched(const std::vector<std::string>& words) const {
  Lock lock(search_mutex_);
  if (!search_) {
    std::vector<std::string> texts(rows_.size());
    for (const auto& [key, row] : by_key_) texts[row] = lower_case(key.key);
    for (size_t i = 0; i < postings_.size(); ++i) {
      if (!model::is_searched(type_->indexes[i])) continue;
      for (const auto& [value, rows] : postings_[i]) {
        std::string text;
        append_searched(text, type_->indexes[i], value);
        std::ranges::replace(text, '\0', '\n');
        rows.for_each([&](uint32_t row) { texts[row] += text; });
      }
    }
    auto made = std::make_unique<SearchText>();
    for (uint32_t row = 0; row < texts.size(); ++row) made->set(row, texts[row]);
    search_ = std::move(made);
  }
  return search_->find(words);
}

bool TypeIndex::by_owner(const RowSet& rows, const Query& query, bool with_rows, uint64_t& steps,
                         const VisitValue& visit) const {
  std::map<std::string, RowSet> by_name;
  for (const auto& [owner, theirs] : by_owner_) {
    if (steps == 0) return false;
    --steps;
    RowSet common = theirs;
    common.intersect(rows);
    if (!common.empty()) by_name[owner < kFirstRemoteId ? query.own_id : owner_name_(owner)].unite(common);
  }
  for (auto& [name, common] : by_name) {
    const uint64_t count = common.size();
    visit(name, count, with_rows ? std::move(common) : RowSet());
  }
  return true;
}

bool TypeIndex::by_column(size_t position, const RowSet& rows, bool with_rows, uint64_t& steps,
                          const VisitValue& visit) const {
  const uint64_t looked_at = rows.size();
  if (looked_at > steps) return false;
  steps -= looked_at;
  const Column& values = column(position);
  std::unordered_map<const std::string*, std::vector<uint32_t>> found;
  rows.for_each([&](uint32_t row) {
    if (values[row] != nullptr) found[values[row]].push_back(row);
  });
  for (const auto& [value, numbers] : found) {
    RowSet theirs;
    if (with_rows) theirs.add_all(numbers);
    visit(*value, numbers.size(), std::move(theirs));
  }
  return true;
}

bool TypeIndex::by_value(size_t position, const RowSet& rows, const Query& query, bool with_rows,
                         uint64_t& steps, const VisitValue& visit) const {
  const model::Index& index = type_->indexes[position];
  if (index.path == "@endpoint") return by_owner(rows, query, with_rows, steps, visit);
  RowSet without = rows;
  without.subtract(with_value_[position]);
  if (const uint64_t count = without.size(); count != 0)
    visit(std::nullopt, count, with_rows ? std::move(without) : RowSet());
  const Postings& postings = postings_[position];
  const bool few_rows = !model::is_list(index.kind) && rows.size() < postings.size();
  if (few_rows) return by_column(position, rows, with_rows, steps, visit);
  for (const auto& [value, holders] : postings) {
    if (steps == 0) return false;
    --steps;
    const uint64_t count = holders.size_with(rows);
    if (count == 0) continue;
    RowSet common;
    if (with_rows) {
      common = holders;
      common.intersect(rows);
    }
    visit(value, count, std::move(common));
  }
  return true;
}

Result<TypeIndex::Groups> TypeIndex::group(const Grouping& grouping, const CompiledQuery& compiled,
                                           const std::vector<size_t>& positions, bool remote) const {
  const Query& query = grouping.query;
  Answer answer;
  const StandingSetPtr among = query.among.empty() ? nullptr : rows_among(query.among.front());
  const RowSet matching = matching_rows(query, compiled, remote, among, answer);
  // The text of a version is not in the index: an object is remembered that has it.
  const bool sampled = std::ranges::any_of(positions, [this](size_t position) {
    return type_->indexes[position].kind == model::IndexKind::kVersion;
  });
  std::vector<CountedGroup> counted;
  const auto add = [&](Values values, uint64_t count, const RowSet& rows) {
    counted.push_back({std::move(values), count, sampled ? rows.first() : std::nullopt});
  };
  uint64_t steps = Grouping::kMostSteps;
  bool within = true;
  if (positions.size() == 1) {
    within = by_value(
        positions[0], matching, query, sampled, steps,
        [&](Value value, uint64_t count, const RowSet& rows) { add({text_of(value)}, count, rows); });
  } else {
    bool inner_within = true;
    const auto visit_outer = [&](Value outer, uint64_t, const RowSet& rows) {
      inner_within = inner_within && by_value(positions[1], rows, query, sampled, steps,
                                              [&](Value inner, uint64_t count, const RowSet& both) {
                                                add({text_of(outer), text_of(inner)}, count, both);
                                              });
    };
    within = by_value(positions[0], matching, query, true, steps, visit_outer) && inner_within;
  }
  if (!within) {
    return Error(ErrorCode::kNotAcceptable, "GET", std::string(type_->prefix), "",
                 {fmt::format("{} has too many different values to group by: narrow the list with filters",
                              fmt::join(grouping.fields, ","))});
  }
  Groups out = largest(std::move(counted), grouping.limit);
  out.total = answer.total;
  out.matching = answer.matching;
  out.owners = std::move(answer.owners);
  return out;
}

TypeIndex::Groups TypeIndex::largest(std::vector<CountedGroup> counted, uint64_t limit) const {
  Groups out;
  const auto shown = counted.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(limit, counted.size()));
  std::ranges::partial_sort(counted, shown, [](const CountedGroup& a, const CountedGroup& b) {
    return a.count != b.count ? a.count > b.count : a.values < b.values;
  });
  for (auto group = counted.begin(); group != shown; ++group) {
    std::optional<Answer::Ref> sample;
    if (group->row) sample = Answer::Ref{rows_[*group->row]->first.key, rows_[*group->row]->first.owner};
    out.groups.push_back({std::move(group->values), group->count, std::move(sample)});
  }
  for (auto group = shown; group != counted.end(); ++group) {
    ++out.other_groups;
    out.other_count += group->count;
  }
  return out;
}

}  // namespace mullion::store::internal
