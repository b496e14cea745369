#include "model/internal/schema_check.h"

#include <algorithm>
#include <cmath>

#include "model/internal/canonical_value.h"

namespace mullion::model::internal {
namespace {

/// Instructions of a pattern that one step runs over one byte. RE2 takes time in proportion to their product
/// when a pattern outgrows its memory, else less.
constexpr size_t kInstructionsPerStep = 64;

/// Where a value stands: a list from the inside to the outside that lives on the stack.
struct ValuePlace {
  const ValuePlace* around = nullptr;
  std::string_view name;
  size_t position = 0;
  bool is_item = false;
};

void append_place(std::string& out, const ValuePlace& place) {
  if (place.around == nullptr) return;
  append_place(out, *place.around);
  if (!out.empty()) out.push_back('.');
  out.append(place.is_item ? std::to_string(place.position) : std::string(place.name));
}

std::string place_text(const ValuePlace& place) {
  std::string out;
  append_place(out, place);
  return out.empty() ? "(root)" : out;
}

/// The word for what a value is. Whole numbers are integers, however they are written.
std::string_view kind_word(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "";
}

uint32_t type_bits(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return kNullBit;
    case json::kind::bool_:
      return kBooleanBit;
    case json::kind::int64:
    case json::kind::uint64:
      return kIntegerBit | kNumberBit;
    case json::kind::double_:
      return std::trunc(value.get_double()) == value.get_double() ? kIntegerBit | kNumberBit : kNumberBit;
    case json::kind::string:
      return kStringBit;
    case json::kind::array:
      return kArrayBit;
    case json::kind::object:
      return kObjectBit;
  }
  return 0;
}

/// One word, or several in brackets, as clients know it.
std::string type_words(uint32_t bits) {
  constexpr std::pair<uint32_t, std::string_view> kWords[] = {
      {kStringBit, "string"}, {kIntegerBit, "integer"}, {kNumberBit, "number"}, {kBooleanBit, "boolean"},
      {kObjectBit, "object"}, {kArrayBit, "array"},     {kNullBit, "null"}};
  std::vector<std::string_view> words;
  for (const auto& [bit, word] : kWords) {
    if ((bits & bit) != 0) words.push_back(word);
  }
  return words.size() == 1 ? std::string(words.front()) : fmt::format("[{}]", fmt::join(words, ","));
}

std::string number_text(double number) {
  std::string out;
  append_json(out, json::value(number));
  return out;
}

/// Characters, not bytes.
size_t length_of(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_multiple(const json::value& value, const Rule& rule) {
  if (rule.count != 0 && value.is_int64()) {
    const int64_t number = value.get_int64();
    const uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
    return size % rule.count == 0;
  }
  if (rule.count != 0 && value.is_uint64()) return value.get_uint64() % rule.count == 0;
  const double rest = std::remainder(value.to_number<double>(), rule.number);
  return std::abs(rest) <= std::numeric_limits<double>::epsilon();
}

class SchemaChecker {
 public:
  SchemaChecker(const SchemaForm& form, Budget& budget) : form_(form), budget_(budget) {}

  Result<void> run(const json::value& value) {
    const bool fits = fits_node(0, value, ValuePlace{});
    if (budget_.exhausted()) {
      return Error(ErrorCode::kTooLarge,
                   fmt::format("(root): judging it by the schema takes more than {} steps", budget_.total()));
    }
    if (too_deep_) {
      return Error(ErrorCode::kTooLarge,
                   fmt::format("(root): value and schema are nested deeper than {}", kDeepestJudged));
    }
    if (fits) return {};
    return Error(ErrorCode::kInvalid, finding_.empty() ? "(root): does not fit the schema" : finding_);
  }

 private:
  /// Nothing is found out any more: whatever is answered now is not looked at.
  bool stopped() const { return too_deep_ || budget_.exhausted(); }
  /// Before a name is looked up.
  bool spend_on(std::string_view name) { return budget_.spend(1 + name.size() / kBytesPerStep); }

  bool fits_node(NodeIndex index, const json::value& value, const ValuePlace& place) {
    if (!budget_.spend()) return false;
    if (depth_ >= kDeepestJudged) return too_deep_ = true, false;
    ++depth_;
    const bool fits = fits_rules(form_.nodes[index], value, place);
    --depth_;
    return fits;
  }

  bool fits_rules(const Node& node, const json::value& value, const ValuePlace& place) {
    const Node& meant = node.reference == kNoNode ? node : form_.nodes[node.reference];
    for (uint32_t i = 0; i < meant.rules; ++i) {
      if (!budget_.spend() || !fits_rule(form_.rules[meant.first_rule + i], value, place)) return false;
    }
    return true;
  }

  /// Fits without a word about why not.
  bool fits_quietly(NodeIndex index, const json::value& value, const ValuePlace& place) {
    ++quiet_;
    const bool fits = fits_node(index, value, place);
    --quiet_;
    return fits;
  }

  template <typename... Arguments>
  bool find(const ValuePlace& place, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (quiet_ == 0 && finding_.empty() && !stopped()) {
      finding_ = fmt::format("{}: {}", place_text(place),
                             fmt::format(format, std::forward<Arguments>(arguments)...));
    }
    return false;
  }

  bool fits_rule(const Rule& rule, const json::value& value, const ValuePlace& place) {
    switch (rule.keyword) {
      case Keyword::kNever:
        return find(place, "nothing is allowed here");
      case Keyword::kType:
        return (type_bits(value) & rule.index) != 0 ||
               find(place, "Invalid type. Expected: {}, given: {}", type_words(rule.index), kind_word(value));
      case Keyword::kEnum:
        return is_chosen(form_.choices[rule.index], value) ||
               find(place, "Must be one of the following: {}", form_.choices[rule.index].shown);
      case Keyword::kConst:
        return is_chosen(form_.choices[rule.index], value) ||
               find(place, "Must be {}", form_.choices[rule.index].shown);
      case Keyword::kAllOf:
        return fits_all(form_.lists[rule.index], value, place);
      case Keyword::kAnyOf:
        return fits_any(form_.lists[rule.index], value, place);
      case Keyword::kOneOf:
        return fits_one(form_.lists[rule.index], value, place);
      case Keyword::kNot:
        return !fits_quietly(rule.index, value, place) || find(place, "Must not validate the schema (not)");
      case Keyword::kConditional:
        return fits_condition(form_.conditionals[rule.index], value, place);
      default:
        return fits_kind(rule, value, place);
    }
  }

  /// Keywords about one kind of value: others fit.
  bool fits_kind(const Rule& rule, const json::value& value, const ValuePlace& place) {
    if (value.is_number()) return fits_number(rule, value, place);
    if (const json::string* text = value.if_string()) return fits_text(rule, *text, place);
    if (const json::array* array = value.if_array()) return fits_array(rule, *array, place);
    if (rule.keyword == Keyword::kDependencies) return fits_dependencies(rule, value, place);
    if (const json::object* object = value.if_object()) return fits_object(rule, *object, place);
    return true;
  }

  bool fits_number(const Rule& rule, const json::value& value, const ValuePlace& place) {
    const double number = value.to_number<double>();
    switch (rule.keyword) {
      case Keyword::kMinimum:
        return number >= rule.number ||
               find(place, "Must be greater than or equal to {}", number_text(rule.number));
      case Keyword::kExclusiveMinimum:
        return number > rule.number || find(place, "Must be greater than {}", number_text(rule.number));
      case Keyword::kMaximum:
        return number <= rule.number ||
               find(place, "Must be less than or equal to {}", number_text(rule.number));
      case Keyword::kExclusiveMaximum:
        return number < rule.number || find(place, "Must be less than {}", number_text(rule.number));
      case Keyword::kMultipleOf:
        return is_multiple(value, rule) || find(place, "Must be a multiple of {}", number_text(rule.number));
      default:
        return true;
    }
  }

  bool fits_text(const Rule& rule, std::string_view text, const ValuePlace& place) {
    switch (rule.keyword) {
      case Keyword::kPattern:
        return matches(rule.index, text) ||
               find(place, "Does not match pattern '{}'", form_.patterns[rule.index].text);
      case Keyword::kMinLength:
        return (budget_.spend(text.size() / kBytesPerStep) && length_of(text) >= rule.count) ||
               find(place, "String length must be greater than or equal to {}", rule.count);
      case Keyword::kMaxLength:
        return (budget_.spend(text.size() / kBytesPerStep) && length_of(text) <= rule.count) ||
               find(place, "String length must be less than or equal to {}", rule.count);
      default:
        return true;
    }
  }

  bool matches(uint32_t pattern, std::string_view text) {
    const RE2& regex = *form_.patterns[pattern].regex;
    const auto instructions = static_cast<uint64_t>(regex.ProgramSize());
    if (!budget_.spend(1 + text.size() * instructions / kInstructionsPerStep)) return false;
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex);
  }

  bool fits_array(const Rule& rule, const json::array& array, const ValuePlace& place) {
    switch (rule.keyword) {
      case Keyword::kItems:
        return fit_items(form_.items[rule.index], array, place);
      case Keyword::kMinItems:
        return array.size() >= rule.count || find(place, "Array must have at least {} items", rule.count);
      case Keyword::kMaxItems:
        return array.size() <= rule.count || find(place, "Array must have at most {} items", rule.count);
      case Keyword::kContains:
        return has_item(rule.index, array, place) || find(place, "At least one of the items must match");
      case Keyword::kUniqueItems:
        return are_unique(array, place);
      default:
        return true;
    }
  }

  bool fit_items(const Items& rules, const json::array& array, const ValuePlace& place) {
    for (size_t i = 0; i < array.size(); ++i) {
      const NodeIndex node = i < rules.leading.size() ? rules.leading[i] : rules.others;
      if (node == kNoNode) return true;  // nor is there one for those behind
      if (!fits_node(node, array[i], ValuePlace{&place, {}, i, true})) return false;
    }
    return true;
  }

  bool has_item(NodeIndex node, const json::array& array, const ValuePlace& place) {
    for (size_t i = 0; i < array.size() && !stopped(); ++i) {
      if (fits_quietly(node, array[i], ValuePlace{&place, {}, i, true})) return true;
    }
    return false;
  }

  /// By sorting: comparing each with each takes minutes for lists that fit into one request.
  bool are_unique(const json::array& array, const ValuePlace& place) {
    std::vector<std::pair<std::string, size_t>> seen(array.size());
    for (size_t i = 0; i < array.size(); ++i) {
      if (!canonical(seen[i].first, array[i])) return false;
      seen[i].second = i;
    }
    std::ranges::sort(seen);
    const auto same = std::ranges::adjacent_find(
        seen, [](const auto& one, const auto& next) { return one.first == next.first; });
    return same == seen.end() ||
           find(place, "array items[{},{}] must be unique", same->second, std::next(same)->second);
  }

  bool canonical(std::string& out, const json::value& value) {
    if (append_canonical(out, value, budget_, depth_)) return true;
    too_deep_ = too_deep_ || !budget_.exhausted();
    return false;
  }

  bool is_chosen(const Choice& choice, const json::value& value) {
    std::string text;
    return canonical(text, value) && std::ranges::binary_search(choice.canonical, text);
  }

  bool fits_object(const Rule& rule, const json::object& object, const ValuePlace& place) {
    switch (rule.keyword) {
      case Keyword::kRequired:
        return has_required(form_.names[rule.index], object, place);
      case Keyword::kMembers:
        return fit_members(form_.members[rule.index], object, place);
      case Keyword::kMinProperties:
        return object.size() >= rule.count || find(place, "Must have at least {} properties", rule.count);
      case Keyword::kMaxProperties:
        return object.size() <= rule.count || find(place, "Must have at most {} properties", rule.count);
      case Keyword::kPropertyNames:
        return fit_names(rule.index, object, place);
      default:
        return true;
    }
  }

  bool has_required(const std::vector<std::string>& names, const json::object& object,
                    const ValuePlace& place) {
    for (const std::string& name : names) {
      if (!spend_on(name)) return false;
      if (object.contains(name)) continue;
      return find(place, "{} is required", name);
    }
    return true;
  }

  bool fit_members(const Members& rules, const json::object& object, const ValuePlace& place) {
    for (const auto& member : object) {
      if (!spend_on(member.key()) || !fits_member(rules, member.key(), member.value(), place)) return false;
    }
    return true;
  }

  bool fits_member(const Members& rules, std::string_view name, const json::value& value,
                   const ValuePlace& around) {
    const ValuePlace place{&around, name};
    const auto named = std::ranges::lower_bound(
        rules.named, name, {}, [](const auto& entry) { return std::string_view(entry.first); });
    bool mentioned = named != rules.named.end() && named->first == name;
    if (mentioned && !fits_node(named->second, value, place)) return false;
    for (const auto& [pattern, node] : rules.matching) {
      if (!matches(pattern, name)) continue;
      mentioned = true;
      if (!fits_node(node, value, place)) return false;
    }
    if (stopped()) return false;
    if (mentioned || rules.others == kNoNode) return true;
    if (allows_nothing(rules.others)) return find(around, "Additional property {} is not allowed", name);
    return fits_node(rules.others, value, place);
  }

  bool allows_nothing(NodeIndex index) const {
    const Node& node = form_.nodes[index];
    return node.rules == 1 && form_.rules[node.first_rule].keyword == Keyword::kNever;
  }

  bool fit_names(NodeIndex node, const json::object& object, const ValuePlace& place) {
    for (const auto& member : object) {
      const std::string_view name = member.key();
      if (!spend_on(name)) return false;
      if (fits_quietly(node, json::value(json::string_view(name)), place)) continue;
      return find(place, "Property name of \"{}\" does not match", name);
    }
    return true;
  }

  bool fits_dependencies(const Rule& rule, const json::value& value, const ValuePlace& place) {
    const json::object* object = value.if_object();
    if (object == nullptr) return true;
    for (const Dependency& dependency : form_.dependencies[rule.index]) {
      if (!spend_on(dependency.name)) return false;
      if (!object->contains(dependency.name)) continue;
      if (!has_needed(dependency, *object, place)) return false;
      if (dependency.node != kNoNode && !fits_node(dependency.node, value, place)) return false;
    }
    return true;
  }

  bool has_needed(const Dependency& dependency, const json::object& object, const ValuePlace& place) {
    for (const std::string& needed : dependency.needs) {
      if (!spend_on(needed)) return false;
      if (!object.contains(needed)) return find(place, "Has a dependency on {}", needed);
    }
    return true;
  }

  bool fits_all(const std::vector<NodeIndex>& nodes, const json::value& value, const ValuePlace& place) {
    return std::ranges::all_of(nodes, [&](NodeIndex node) { return fits_node(node, value, place); });
  }

  bool fits_any(const std::vector<NodeIndex>& nodes, const json::value& value, const ValuePlace& place) {
    for (NodeIndex node : nodes) {
      if (fits_quietly(node, value, place)) return true;
      if (stopped()) return false;
    }
    return find(place, "Must validate at least one schema (anyOf)");
  }

  bool fits_one(const std::vector<NodeIndex>& nodes, const json::value& value, const ValuePlace& place) {
    size_t fitting = 0;
    for (NodeIndex node : nodes) {
      if (fits_quietly(node, value, place)) ++fitting;
      if (stopped()) return false;
      if (fitting > 1) break;
    }
    return fitting == 1 || find(place, "Must validate one and only one schema (oneOf)");
  }

  bool fits_condition(const Conditional& parts, const json::value& value, const ValuePlace& place) {
    const bool holds = fits_quietly(parts.condition, value, place);
    if (stopped()) return false;
    const NodeIndex node = holds ? parts.then : parts.otherwise;
    return node == kNoNode || fits_node(node, value, place);
  }

  const SchemaForm& form_;
  Budget& budget_;
  size_t depth_ = 0;
  size_t quiet_ = 0;
  bool too_deep_ = false;
  std::string finding_;
};

}  // namespace

Result<void> check_by_form(const SchemaForm& form, const json::value& value, Budget& budget) {
  return SchemaChecker(form, budget).run(value);
}

}  // namespace mullion::model::internal
