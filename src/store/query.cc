#include "store/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/letters.h"
#include "model/index_value.h"
#include "store/internal/search_text.h"

namespace mullion::store {
namespace {

struct OperatorName {
  std::string_view word;  // lower case
  Operator op;
};

constexpr std::array kOperators{
    OperatorName{"eq", Operator::kEq},         OperatorName{"ne", Operator::kNe},
    OperatorName{"lt", Operator::kLt},         OperatorName{"lte", Operator::kLte},
    OperatorName{"gt", Operator::kGt},         OperatorName{"gte", Operator::kGte},
    OperatorName{"re", Operator::kRe},         OperatorName{"between", Operator::kBetween},
    OperatorName{"except", Operator::kExcept}, OperatorName{"in", Operator::kIn},
    OperatorName{"nin", Operator::kNin},
};

/// Query parameters of a list that are no filters.
/// `Token` is one: reservations and leases have it as an index.
constexpr std::array<std::string_view, 8> kOthers = {"slim",  "params", "decode",   "aggregate",
                                                     "token", "force",  "group-by", "fields"};

constexpr size_t kMaxFilters = 100;
constexpr size_t kMaxArguments = 10'000;
constexpr size_t kMaxSearch = 200;
constexpr size_t kMaxWords = 8;

/// `word`: the one word of the query at fault, or nothing.
Error refuse_query(std::string_view type, std::string_view word, std::string text) {
  Error error(ErrorCode::kNotAcceptable, "GET", std::string(type), "", {std::move(text)});
  error.field = word;
  return error;
}

std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> out;
  while (true) {
    const size_t comma = text.find(',');
    out.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

Filter parse_filter(const std::string& name, std::string_view value) {
  Filter filter;
  filter.name = name;
  const size_t open = value.find('(');
  if (open != std::string_view::npos && value.ends_with(')')) {
    const std::string word = lower_case(value.substr(0, open));
    const auto found = std::ranges::find(kOperators, word, &OperatorName::word);
    if (found != kOperators.end()) {
      const std::string_view inside = value.substr(open + 1, value.size() - open - 2);
      filter.op = found->op;
      const bool list = filter.op == Operator::kIn || filter.op == Operator::kNin ||
                        filter.op == Operator::kBetween || filter.op == Operator::kExcept;
      filter.arguments = list ? split_arguments(inside) : std::vector<std::string>{std::string(inside)};
      return filter;
    }
  }
  filter.arguments = {std::string(value)};
  return filter;
}

/// `word` is what messages call the query's `name`.
Result<uint64_t> parse_count(std::string_view type, std::string_view name, std::string_view word,
                             std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return refuse_query(type, name, fmt::format("{} must be a number: {}", word, text));
  }
  if (number < 0) return refuse_query(type, name, fmt::format("{} cannot be negative", word));
  return static_cast<uint64_t>(number);
}

Result<void> parse_search(std::string_view type, std::string_view text, std::vector<std::string>& words) {
  if (text.size() > kMaxSearch || text.find('\0') != std::string_view::npos)
    return refuse_query(type, "search", fmt::format("search: at most {} characters of text", kMaxSearch));
  const std::string folded = lower_case(text);
  std::string_view rest = folded;
  while (!rest.empty()) {
    const size_t blank = std::min(rest.find_first_of(" \t\r\n"), rest.size());
    if (blank != 0) words.emplace_back(rest.substr(0, blank));
    rest.remove_prefix(std::min(rest.size(), blank + 1));
  }
  if (words.size() > kMaxWords)
    return refuse_query(type, "search", fmt::format("search: at most {} words", kMaxWords));
  return {};
}

}  // namespace

ObjectSet::ObjectSet(std::vector<ObjectRef> objects) : objects_(std::move(objects)) {
  for (ObjectRef& object : objects_) {
    if (!is_remote(object.owner)) object.owner = kOwn;
  }
  std::ranges::sort(objects_);
  objects_.erase(std::ranges::unique(objects_).begin(), objects_.end());
}

bool ObjectSet::contains(std::string_view owner, std::string_view key) const {
  using Identity = std::pair<std::string_view, std::string_view>;
  const Identity wanted{key, is_remote(owner) ? owner : kOwn};
  return std::ranges::binary_search(objects_, wanted, {}, [](const ObjectRef& object) {
    return Identity{object.key, object.owner};
  });
}

Result<Query> parse_query(std::string_view type,
                          const std::vector<std::pair<std::string, std::string>>& parameters) {
  Query query;
  query.type = type;
  std::optional<std::string> cursor;
  for (const auto& [name, value] : parameters) {
    if (name == "limit" || name == "offset") {
      const Result<uint64_t> count = parse_count(type, name, name == "limit" ? "Limit" : "Offset", value);
      if (!count) return count.error();
      if (name == "limit") {
        query.limit = *count;
      } else {
        query.offset = *count;
      }
    } else if (name == "sort") {
      query.sort = value;
    } else if (name == "cursor") {
      cursor = value;
    } else if (name == "search") {
      if (Result<void> parsed = parse_search(type, value, query.search); !parsed) return parsed.error();
    } else if (name == "reverse") {
      query.reverse = value == "true";
    } else if (std::ranges::find(kOthers, name) == kOthers.end()) {
      query.filters.push_back(parse_filter(name, value));
      if (query.filters.back().arguments.size() > kMaxArguments) {
        return refuse_query(type, name, fmt::format("{}: at most {} values", name, kMaxArguments));
      }
    }
  }
  if (query.filters.size() > kMaxFilters)
    return refuse_query(type, "", fmt::format("at most {} filters", kMaxFilters));
  if (!cursor) return query;
  if (query.offset != 0) return refuse_query(type, "cursor", "offset does not go with cursor");
  Result<PagePosition> after = decode_cursor(*cursor, query.sort, query.reverse);
  if (!after) return refuse_query(type, "cursor", after.error().messages.front());
  query.after = std::move(*after);
  return query;
}

Result<Grouping> parse_grouping(std::string_view type,
                                const std::vector<std::pair<std::string, std::string>>& parameters) {
  Grouping grouping;
  Result<Query> query = parse_query(type, parameters);
  if (!query) return query.error();
  grouping.query = std::move(*query);
  for (const auto& [name, value] : parameters) {
    if (name == "sort" || name == "reverse" || name == "offset" || name == "cursor")
      return refuse_query(type, name,
                          fmt::format("{} does not go with group-by: most objects come first", name));
    if (name != "group-by") continue;
    for (std::string& field : split_arguments(value)) grouping.fields.push_back(std::move(field));
  }
  if (grouping.fields.size() > 2) return refuse_query(type, "group-by", "group-by: at most two indexes");
  grouping.limit = grouping.query.limit.value_or(grouping.limit);
  grouping.query.limit.reset();
  if (grouping.limit > Grouping::kMost)
    return refuse_query(type, "limit", fmt::format("Limit of group-by cannot be above {}", Grouping::kMost));
  return grouping;
}

bool answered_by_index(const model::Index& index, Operator op) {
  if (index.kind == model::IndexKind::kVersion && op == Operator::kRe) return false;
  return !model::is_containment(index);
}

}  // namespace mullion::store
