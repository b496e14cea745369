#include <boost/json.hpp>
#include <set>

#include "base/letters.h"
#include "model/internal/hooks.h"
#include "model/json_schema.h"
#include "model/object.h"

namespace mullion::model {
namespace {

using internal::text_of;

/// Fills `%s` (value), `%k` (key) and `%i` (position) of a rule's message.
std::string filled_message(std::string_view message, std::string_view value, std::string_view key,
                           size_t position) {
  std::string out;
  for (size_t i = 0; i < message.size(); ++i) {
    if (message[i] != '%' || i + 1 == message.size()) {
      out.push_back(message[i]);
      continue;
    }
    switch (message[++i]) {
      case 's':
        out.append(value);
        break;
      case 'k':
        out.append(key);
        break;
      case 'i':
        out.append(std::to_string(position));
        break;
      default:
        out.append({'%', message[i]});
    }
  }
  return out;
}

class RuleCheck {
 public:
  explicit RuleCheck(internal::HookContext& context)
      : context_(context),
        object_(context.object),
        key_(context.key),
        lookup_(context.lookup),
        verdict_(context.verdict) {}

  void run(const Rule& rule) {
    switch (rule.kind) {
      case RuleKind::kName:
        return check_text(rule, matches_name_rule(rule.rule, text_of(object_, rule.field)));
      case RuleKind::kOneOf:
        return check_text(rule, !canonical_word(rule.rule, text_of(object_, rule.field)).empty());
      case RuleKind::kReference:
        return check_text(rule, lookup_.exists(rule.to, text_of(object_, rule.field)));
      case RuleKind::kEntries:
        return for_each_entry(rule,
                              [&](std::string_view text) { return matches_name_rule(rule.rule, text); });
      case RuleKind::kEntriesOneOf:
        return for_each_entry(
            rule, [&](std::string_view text) { return !canonical_word(rule.rule, text).empty(); });
      case RuleKind::kReferences:
        return check_references(rule);
      case RuleKind::kKeys:
        return check_keys(rule, [&](std::string_view text) { return matches_name_rule(rule.rule, text); });
      case RuleKind::kKeysOneOf:
        return check_keys(rule,
                          [&](std::string_view text) { return !canonical_word(rule.rule, text).empty(); });
      case RuleKind::kValue:
        return check_value(rule);
      case RuleKind::kHook:
        return internal::run_hook(rule.rule, context_);
    }
  }

 private:
  void complain(const Rule& rule, std::string_view value, size_t position) {
    std::string text = filled_message(rule.message, value, key_, position);
    if (rule.soft) return context_.degrade(text);
    const bool is_reference = rule.kind == RuleKind::kReference || rule.kind == RuleKind::kReferences;
    if (is_reference) return context_.refuse_reference(std::move(text));
    context_.refuse(text);
  }

  void check_text(const Rule& rule, bool fine) {
    const std::string_view value = text_of(object_, rule.field);
    if (value.empty() && rule.optional) return;
    if (!fine) complain(rule, value, 0);
  }

  template <typename Predicate>
  void for_each_entry(const Rule& rule, Predicate fine) {
    const json::value* list = object_.if_contains(rule.field);
    if (list == nullptr || !list->is_array()) return;
    size_t position = 0;
    for (const json::value& entry : list->get_array()) {
      const std::string_view text =
          entry.is_string() ? std::string_view(entry.get_string()) : std::string_view();
      if (!fine(text)) complain(rule, text, position);
      ++position;
    }
  }

  void check_references(const Rule& rule) {
    std::map<std::string, size_t, std::less<>> seen;
    size_t position = 0;
    for_each_entry(rule, [&](std::string_view text) {
      const size_t here = position++;
      const auto [earlier, fresh] = seen.emplace(std::string(text), here);
      if (rule.unique && !fresh) {
        context_.refuse(fmt::format("Duplicate profile {}: at {} and {}", text, earlier->second, here));
        return true;
      }
      if (!rule.unless.empty() && text.find(rule.unless) != std::string_view::npos) return true;
      return lookup_.exists(rule.to, text);
    });
  }

  template <typename Predicate>
  void check_keys(const Rule& rule, Predicate fine) {
    const json::value* map = object_.if_contains(rule.field);
    if (map == nullptr || !map->is_object()) return;
    for (const auto& member : map->get_object()) {
      if (!fine(member.key())) complain(rule, member.key(), 0);
    }
  }

  /// Told without the key in front, as the contract has it for objects of plugins.
  void check_value(const Rule& rule) {
    const json::value* value = object_.if_contains(rule.field);
    if (value == nullptr) {
      if (rule.optional) return;
      verdict_.invalid.push_back(fmt::format("Error in value: (root): {} is required", rule.field));
      return;
    }
    const Result<void> fits = check_by_schema(rule.rule, *value, context_.budget);
    if (fits) return;
    constexpr std::string_view kRoot = "(root)";
    for (std::string_view text : fits.error().messages) {
      const std::string_view inner = text.starts_with(kRoot) ? text.substr(kRoot.size()) : text;
      verdict_.invalid.push_back(
          fmt::format("Error in value: {}{}{}", rule.field, inner.starts_with(':') ? "" : ".", inner));
    }
  }

  internal::HookContext& context_;
  const json::object& object_;
  const std::string& key_;
  const Lookup& lookup_;
  Verdict& verdict_;
};

}  // namespace

Verdict validate(const ObjectType& type, json::object& object, const json::object* before,
                 const Lookup& lookup, bool force) {
  Budget budget(kSchemaSteps);
  return validate(type, object, before, lookup, force, budget);
}

Verdict validate(const ObjectType& type, json::object& object, const json::object* before,
                 const Lookup& lookup, bool force, Budget& budget) {
  Verdict verdict;
  internal::HookContext context{type,  object, before, lookup, verdict, object_key(type, object),
                                force, budget};
  RuleCheck check(context);
  for (const Rule& rule : type.rules) check.run(rule);
  if (type.traits.has_validation) {
    // Reference servers do not judge what they know nothing about, and show it so.
    const bool judged = !type.traits.free_form;
    object["Validated"] = judged && verdict.invalid.empty();
    object["Available"] = judged && verdict.invalid.empty() && verdict.unavailable.empty();
    object["Errors"] = json::array(verdict.unavailable.begin(), verdict.unavailable.end());
  }
  return verdict;
}

std::string object_key(const ObjectType& type, const json::object& object) {
  return canonical_key(type, text_of(object, type.key_field));
}

std::string canonical_key(const ObjectType& type, std::string_view requested) {
  std::string out(requested);
  if (type.key_kind == "uuid") {
    return lower_case(requested);
  } else if (type.key_kind == "hex-address") {
    uint32_t address = 0;
    if (internal::parse_ipv4(requested, address)) return fmt::format("{:08X}", address);
    if (out.size() == 8 && std::ranges::all_of(out, is_hex_digit)) return upper_case(requested);
  }
  return out;
}

}  // namespace mullion::model
