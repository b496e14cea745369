#include "model/internal/schema_words.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace mullion::model::internal {
namespace {

/// Keywords whose value is a schema for the same value, for a part of it, a list of schemas, a map of
/// schemas.
constexpr std::string_view kSameValue[] = {"not", "if", "then", "else"};
constexpr std::string_view kSameValueLists[] = {"allOf", "anyOf", "oneOf"};
constexpr std::string_view kMaps[] = {"properties", "patternProperties", "definitions", "$defs",
                                      "dependencies"};
constexpr std::string_view kData[] = {"enum", "const", "default", "examples"};

template <size_t N>
bool is_one_of(const std::string_view (&words)[N], std::string_view word) {
  return std::ranges::find(words, word) != std::end(words);
}

std::string_view string_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

/// Looks for references that never end: a walk over everything that applies to the same value.
class ReferenceCheck {
 public:
  explicit ReferenceCheck(const json::value& root) : root_(root) {}

  std::optional<std::string> check(const json::value& node) {
    const json::object* rules = node.if_object();
    if (rules == nullptr || done_.contains(rules)) return std::nullopt;
    if (!open_.insert(rules).second) return "a reference leads back to itself";
    if (std::optional<std::string> trouble = check_reference(*rules)) return trouble;
    for (const auto& member : *rules) {
      if (std::optional<std::string> trouble = check_keyword(member.key(), member.value())) return trouble;
    }
    open_.erase(rules);
    done_.insert(rules);
    return std::nullopt;
  }

 private:
  std::optional<std::string> check_reference(const json::object& rules) {
    const json::value* found = rules.if_contains("$ref");
    if (found == nullptr || !found->is_string()) return std::nullopt;
    const std::string_view reference = found->get_string();
    if (reference.empty()) return "reference to nothing";
    if (reference.front() != '#') return fmt::format("reference to another document: {}", reference);
    boost::system::error_code failure;
    const json::value* target = root_.find_pointer(reference.substr(1), failure);
    if (target == nullptr) return fmt::format("reference to nothing: {}", reference);
    return check(*target);
  }

  std::optional<std::string> check_keyword(std::string_view word, const json::value& value) {
    if (is_one_of(kSameValue, word)) return check(value);
    if (!is_one_of(kSameValueLists, word) || !value.is_array()) return std::nullopt;
    for (const json::value& item : value.get_array()) {
      if (std::optional<std::string> trouble = check(item)) return trouble;
    }
    return std::nullopt;
  }

  const json::value& root_;
  std::set<const json::object*> open_;
  std::set<const json::object*> done_;
};

/// Calls `visit` for every schema inside `node`, itself included, until it finds trouble.
template <typename Visit>
std::optional<std::string> for_each_schema(const json::value& node, Visit& visit) {
  if (const json::array* list = node.if_array()) {
    for (const json::value& item : *list) {
      if (auto trouble = for_each_schema(item, visit)) return trouble;
    }
    return std::nullopt;
  }
  const json::object* rules = node.if_object();
  if (rules == nullptr) return std::nullopt;
  if (auto trouble = visit(node)) return trouble;
  for (const auto& member : *rules) {
    if (is_one_of(kData, member.key())) continue;
    if (!is_one_of(kMaps, member.key()) || !member.value().is_object()) {
      if (auto trouble = for_each_schema(member.value(), visit)) return trouble;
      continue;
    }
    for (const auto& entry : member.value().get_object()) {
      if (auto trouble = for_each_schema(entry.value(), visit)) return trouble;
    }
  }
  return std::nullopt;
}

std::optional<std::string> pattern_trouble(const json::value& node) {
  const std::string_view pattern = string_at(node.get_object(), "pattern");
  if (pattern.empty()) return std::nullopt;
  const RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), RE2::Quiet);
  if (compiled.ok()) return std::nullopt;
  return fmt::format("pattern `{}`: {}", pattern, compiled.error());
}

/// The library divides by it.
std::optional<std::string> divisor_trouble(const json::value& node) {
  const json::value* divisor = node.get_object().if_contains("multipleOf");
  if (divisor == nullptr || !divisor->is_number() || divisor->to_number<double>() > 0) return std::nullopt;
  return "multipleOf must be larger than 0";
}

std::optional<std::string> keyword_trouble(const json::value& node) {
  auto trouble = divisor_trouble(node);
  return trouble ? trouble : pattern_trouble(node);
}

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

bool kind_fits(std::string_view wanted, const json::value& value) {
  const std::string_view given = kind_word(value);
  if (wanted == given) return true;
  if (wanted == "number") return given == "integer";
  return wanted == "integer" && value.is_double() && std::trunc(value.get_double()) == value.get_double();
}

class Walk {
 public:
  std::optional<std::string> check(const json::value& schema, const json::value& value,
                                   const std::string& where) {
    const json::object* rules = schema.if_object();
    if (rules == nullptr) return std::nullopt;
    if (auto finding = check_type(*rules, value, where)) return finding;
    if (auto finding = check_pattern(*rules, value, where)) return finding;
    if (const json::object* object = value.if_object()) return check_object(*rules, *object, where);
    if (const json::array* array = value.if_array()) return check_items(*rules, *array, where);
    return std::nullopt;
  }

 private:
  static std::string below(const std::string& where, std::string_view name) {
    return where == "(root)" ? std::string(name) : fmt::format("{}.{}", where, name);
  }

  static std::optional<std::string> check_type(const json::object& rules, const json::value& value,
                                               const std::string& where) {
    const std::string_view wanted = string_at(rules, "type");
    if (wanted.empty() || kind_fits(wanted, value)) return std::nullopt;
    return fmt::format("{}: Invalid type. Expected: {}, given: {}", where, wanted, kind_word(value));
  }

  static std::optional<std::string> check_pattern(const json::object& rules, const json::value& value,
                                                  const std::string& where) {
    const std::string_view pattern = string_at(rules, "pattern");
    if (pattern.empty() || !value.is_string()) return std::nullopt;
    const RE2 compiled(re2::StringPiece(pattern.data(), pattern.size()), RE2::Quiet);
    const std::string_view text = value.get_string();
    if (!compiled.ok() || RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled)) {
      return std::nullopt;
    }
    return fmt::format("{}: Does not match pattern '{}'", where, pattern);
  }

  std::optional<std::string> check_object(const json::object& rules, const json::object& object,
                                          const std::string& where) {
    const json::value* required = rules.if_contains("required");
    if (required != nullptr && required->is_array()) {
      for (const json::value& name : required->get_array()) {
        if (!name.is_string() || object.contains(name.get_string())) continue;
        const std::string_view text = name.get_string();
        return fmt::format("{}: {} is required", where == "(root)" ? std::string(text) : where, text);
      }
    }
    const json::value* properties = rules.if_contains("properties");
    if (properties == nullptr || !properties->is_object()) return std::nullopt;
    for (const auto& member : properties->get_object()) {
      const json::value* child = object.if_contains(member.key());
      if (child == nullptr) continue;
      if (auto finding = check(member.value(), *child, below(where, member.key()))) return finding;
    }
    return std::nullopt;
  }

  std::optional<std::string> check_items(const json::object& rules, const json::array& array,
                                         const std::string& where) {
    const json::value* items = rules.if_contains("items");
    if (items == nullptr || !items->is_object()) return std::nullopt;
    for (size_t i = 0; i < array.size(); ++i) {
      if (auto finding = check(*items, array[i], below(where, std::to_string(i)))) return finding;
    }
    return std::nullopt;
  }
};

}  // namespace

std::optional<std::string> schema_trouble(const json::value& schema) {
  ReferenceCheck references(schema);
  auto visit = [&](const json::value& node) -> std::optional<std::string> {
    if (auto trouble = references.check(node)) return trouble;
    return keyword_trouble(node);
  };
  return for_each_schema(schema, visit);
}

json::value without_patterns(const json::value& schema) {
  if (const json::array* list = schema.if_array()) {
    json::array out;
    for (const json::value& item : *list) out.push_back(without_patterns(item));
    return out;
  }
  const json::object* rules = schema.if_object();
  if (rules == nullptr) return schema;
  json::object out;
  for (const auto& member : *rules) {
    const std::string_view word = member.key();
    if ((word == "pattern" || word == "format") && member.value().is_string()) continue;
    if (is_one_of(kData, word)) {
      out.emplace(word, member.value());
    } else if (is_one_of(kMaps, word) && member.value().is_object()) {
      json::object map;
      for (const auto& entry : member.value().get_object()) {
        map.emplace(entry.key(), without_patterns(entry.value()));
      }
      out.emplace(word, std::move(map));
    } else {
      out.emplace(word, without_patterns(member.value()));
    }
  }
  return out;
}

std::optional<std::string> worded_finding(const json::value& schema, const json::value& value) {
  return Walk().check(schema, value, "(root)");
}

}  // namespace mullion::model::internal
