#include "store/internal/match.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <limits>

#include "base/json.h"
#include "base/semantic_version.h"
#include "model/index_value.h"
#include "model/secure_params.h"
#include "store/types.h"

namespace mullion::store::internal {
namespace {

namespace json = boost::json;

Error refuse(std::string_view prefix, std::string text) {
  return Error(ErrorCode::kNotAcceptable, "GET", std::string(prefix), "", {std::move(text)});
}

size_t arguments_wanted(Operator op) {
  if (op == Operator::kBetween || op == Operator::kExcept) return 2;
  return op == Operator::kIn || op == Operator::kNin ? 0 : 1;  // 0: any number
}

bool needs_order(Operator op) {
  switch (op) {
    case Operator::kLt:
    case Operator::kLte:
    case Operator::kGt:
    case Operator::kGte:
    case Operator::kBetween:
    case Operator::kExcept:
      return true;
    default:
      return false;
  }
}

bool has_order(const model::Index& index) {
  return !model::is_list(index.kind) && (!index.unordered || index.sorts_anyway);
}

/// Whole numbers of 64 bits are compared as such: as doubles neighbours would be equal.
int compare_numbers(const json::value& a, const json::value& b) {
  using Wide = long double;  // 64 bits of fraction
  static_assert(std::numeric_limits<Wide>::digits >= 64);
  const auto wide = [](const json::value& number) -> Wide {
    if (number.is_double()) return number.get_double();
    return number.is_uint64() ? static_cast<Wide>(number.get_uint64())
                              : static_cast<Wide>(number.get_int64());
  };
  const Wide x = wide(a), y = wide(b);
  return x < y ? -1 : y < x ? 1 : 0;
}

/// Orders two JSON scalars of the same kind; absent when they cannot be compared.
std::optional<int> compare_scalars(const json::value& a, const json::value& b) {
  auto sign = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.is_string() && b.is_string())
    return sign(std::string_view(a.get_string()), std::string_view(b.get_string()));
  if (a.is_bool() && b.is_bool()) return sign(a.get_bool(), b.get_bool());
  if (a == b) return 0;
  return std::nullopt;
}

struct ScalarWord {
  std::string_view word;
  std::optional<bool> value;  // absent: null
};
/// What YAML writes besides JSON.
constexpr ScalarWord kScalarWords[] = {{"True", true}, {"TRUE", true}, {"False", false}, {"FALSE", false},
                                       {"~", {}},      {"Null", {}},   {"NULL", {}}};

/// A JSON value or a YAML scalar; everything else is a text.
json::value parse_scalar(std::string_view text) {
  if (Result<json::value> parsed = parse_json(text)) return std::move(*parsed);
  for (const ScalarWord& known : kScalarWords) {
    if (known.word == text) return known.value ? json::value(*known.value) : json::value(nullptr);
  }
  double number = 0;  // "+1", ".5", "1." and leading zeros
  std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = problem == std::errc{} && end == digits.data() + digits.size();
  if (whole && digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos) return number;
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') text = text.substr(1, text.size() - 2);
  return json::value(json::string_view(text));
}

template <typename Compare>
bool holds(Operator op, size_t arguments, Compare compare) {
  auto is = [&](size_t i, auto predicate) {
    const std::optional<int> order = compare(i);
    return order.has_value() && predicate(*order);
  };
  switch (op) {
    case Operator::kEq:
    case Operator::kNe:
      return is(0, [](int o) { return o == 0; });
    case Operator::kLt:
      return is(0, [](int o) { return o < 0; });
    case Operator::kLte:
      return is(0, [](int o) { return o <= 0; });
    case Operator::kGt:
      return is(0, [](int o) { return o > 0; });
    case Operator::kGte:
      return is(0, [](int o) { return o >= 0; });
    case Operator::kBetween:
      return is(0, [](int o) { return o >= 0; }) && is(1, [](int o) { return o <= 0; });
    case Operator::kExcept:
      return is(0, [](int o) { return o < 0; }) || is(1, [](int o) { return o > 0; });
    case Operator::kIn:
    case Operator::kNin:
      for (size_t i = 0; i < arguments; ++i) {
        if (is(i, [](int o) { return o == 0; })) return true;
      }
      return false;
    case Operator::kRe:
      return false;
  }
  return false;
}

/// What Eq names of a list: all of "a,b".
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> out;
  for (size_t comma = text.find(','); comma != std::string_view::npos; comma = text.find(',')) {
    out.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma + 1);
  }
  out.emplace_back(text);
  return out;
}

Result<std::shared_ptr<const re2::RE2>> compile_regex(std::string_view prefix, const std::string& text) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);  // of each of a hundred filters
  auto regex = std::make_shared<const RE2>(text, options);
  if (!regex->ok())
    return refuse(prefix, fmt::format("Invalid regular expression {}: {}", text, regex->error()));
  return regex;
}

}  // namespace

Result<CompiledFilter> CompiledFilter::compile(const model::ObjectType& type, const Filter& filter) {
  CompiledFilter out;
  out.name_ = filter.name;
  out.op_ = filter.op;
  out.arguments_ = filter.arguments;
  const model::Index* index = type.find_index(filter.name);
  const size_t wanted = arguments_wanted(filter.op);
  if (wanted != 0 && filter.arguments.size() != wanted) {
    return refuse(type.prefix,
                  fmt::format("{} needs {} argument{}", filter.name, wanted, wanted == 1 ? "" : "s"));
  }
  if (index == nullptr && !type.traits.has_params) {
    return refuse(type.prefix, fmt::format("{} is not an index of {}", filter.name, type.prefix));
  }
  if (filter.op == Operator::kRe) {
    if (index != nullptr && !index->regex) {
      return refuse(type.prefix, fmt::format("{} cannot be searched with Re", filter.name));
    }
    const bool any_case = index != nullptr && index->kind == model::IndexKind::kDevice;
    Result<std::shared_ptr<const re2::RE2>> regex =
        compile_regex(type.prefix, (any_case ? "(?i)" : "") + filter.arguments.front());
    if (!regex) return regex.error();
    out.regex_ = *regex;
  }
  if (index == nullptr) {
    for (const std::string& argument : out.arguments_) out.scalars_.push_back(parse_scalar(argument));
    return out;
  }
  if (answered_by_index(*index, filter.op)) {
    out.index_ = static_cast<size_t>(index - type.indexes.data());
  } else {
    out.of_body_ = index;
  }
  out.endpoint_ = index->path == "@endpoint";
  if ((!has_order(*index) || model::is_containment(*index)) && needs_order(filter.op)) {
    return refuse(type.prefix, fmt::format("{} has no order", filter.name));
  }
  if (filter.op == Operator::kRe) return out;
  if (index->kind == model::IndexKind::kVersion && needs_order(filter.op)) {
    for (const std::string& argument : filter.arguments) {
      if (!argument.empty() && !parse_full_version(argument))
        return refuse(type.prefix, fmt::format("{} must be a version: {}", filter.name, argument));
    }
  }
  const bool of_list =
      model::is_list(index->kind) && (filter.op == Operator::kEq || filter.op == Operator::kNe);
  if (of_list) out.arguments_ = split_list(filter.arguments.front());
  out.wants_all_ = out.arguments_.size() > 1 && of_list;
  for (std::string& argument : out.arguments_) {
    Result<std::string> encoded = model::encode_index_argument(*index, type.prefix, argument);
    if (!encoded) return encoded.error();
    argument = std::move(*encoded);
  }
  return out;
}

bool CompiledFilter::matches_value(std::string_view value) const {
  if (regex_) return RE2::PartialMatch(re2::StringPiece(value.data(), value.size()), *regex_);
  return holds(op_, arguments_.size(),
               [&](size_t i) { return std::optional<int>(value.compare(arguments_[i])); });
}

bool CompiledFilter::matches(const std::vector<std::string>& values) const {
  const auto has = [&](const std::string& argument) {
    return std::ranges::find(values, argument) != values.end();
  };
  const bool fits =
      wants_all_
          ? std::ranges::all_of(arguments_, has)
          : std::ranges::any_of(values, [this](const std::string& value) { return matches_value(value); });
  return negated() ? !fits : fits;
}

bool CompiledFilter::matches_body(std::string_view body) const {
  if (model::is_containment(*of_body_)) return matches_containment(body);
  return matches_value(model::index_text(*of_body_, body));
}

bool CompiledFilter::matches_containment(std::string_view body) const {
  const std::optional<model::AddressRange> range = model::address_range(*of_body_, body);
  const bool any =
      range && std::ranges::any_of(arguments_, [&](const std::string& address) {
        return address.size() == range->first.size() && range->first <= address && address <= range->last;
      });
  return negated() ? !any : any;
}

bool CompiledFilter::matches_parameter(const std::optional<std::string>& json_text) const {
  if (!json_text) return negated();
  const Result<json::value> parsed = parse_json(*json_text);
  if (!parsed || model::is_sealed(*parsed)) return false;
  const json::value& value = *parsed;
  bool any = false;
  if (regex_) {
    any = value.is_string() && RE2::PartialMatch(std::string(value.get_string()), *regex_);
  } else {
    any = holds(op_, arguments_.size(), [&](size_t i) { return compare_scalars(value, scalars_[i]); });
  }
  return negated() ? !any : any;
}

bool owner_matches(const CompiledFilter& filter, std::string_view owner, std::string_view own_id) {
  bool any = false;
  if (is_remote(owner)) {
    any = filter.matches_value(owner);
  } else {
    any = filter.matches_value("") || (!own_id.empty() && filter.matches_value(own_id));
  }
  return filter.negated() ? !any : any;
}

namespace {

Result<std::vector<CompiledFilter>> compile_all(const model::ObjectType& type,
                                                const std::vector<Filter>& filters) {
  std::vector<CompiledFilter> out;
  for (const Filter& filter : filters) {
    Result<CompiledFilter> compiled = CompiledFilter::compile(type, filter);
    if (!compiled) {
      compiled.error().field = filter.name;
      return compiled.error();
    }
    out.push_back(std::move(*compiled));
  }
  return out;
}

/// Bounds come from the server itself: a value that no object can have is no mistake of whoever asks.
std::vector<Filter> possible(const model::ObjectType& type, std::vector<Filter> bounds) {
  for (Filter& bound : bounds) {
    if (bound.op != Operator::kIn) continue;
    std::erase_if(bound.arguments, [&](const std::string& argument) {
      return !CompiledFilter::compile(type, {bound.name, Operator::kEq, {argument}});
    });
  }
  return bounds;
}

}  // namespace

Result<CompiledQuery> compile_query(const model::ObjectType& type, const Query& query) {
  CompiledQuery out;
  Result<std::vector<CompiledFilter>> filters = compile_all(type, query.filters);
  if (!filters) return filters.error();
  out.filters = std::move(*filters);
  Result<std::vector<CompiledFilter>> bounds = compile_all(type, possible(type, query.bounds));
  if (!bounds) return bounds.error();
  out.bounds = std::move(*bounds);
  const bool on_indexes = std::ranges::all_of(
      out.bounds, [](const CompiledFilter& bound) { return bound.index_position().has_value(); });
  if (!on_indexes) return refuse(query.type, "a bound must name an index");
  if (query.sort.empty()) return out;
  const model::Index* index = type.find_index(query.sort);
  if (index == nullptr || !has_order(*index)) {
    Error error = refuse(query.type, fmt::format("Not sortable: {}", query.sort));
    error.field = "sort";
    return error;
  }
  if (index->path != "@key") out.sort = static_cast<size_t>(index - type.indexes.data());
  return out;
}

}  // namespace mullion::store::internal
