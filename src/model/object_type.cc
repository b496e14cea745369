#include "model/object_type.h"

#include <re2/re2.h>

#include <algorithm>
#include <cassert>
#include <map>
#include <memory>

namespace mullion::model {
namespace {

struct NameRule {
  std::string_view name;
  std::string_view regex;
};

#include "model/object_types.inc"

constexpr char kOpenApi[] =
#include "model/openapi.inc"
    ;

using CompiledRules = std::map<std::string_view, std::unique_ptr<RE2>>;

const CompiledRules& compiled_rules() {
  static const CompiledRules* rules = [] {
    auto* made = new CompiledRules;
    for (const NameRule& rule : kNameRules)
      (*made)[rule.name] = std::make_unique<RE2>(std::string(rule.regex));
    return made;
  }();
  return *rules;
}

constexpr Index kBareIndexes[] = {
    {"Endpoint", IndexKind::kString, "string", "@endpoint", false, false, true},
    {"Key", IndexKind::kString, "string", "@key", true, false, true},
};
constexpr ObjectType kBareType{.traits = {.replicated = true}, .indexes = kBareIndexes};

}  // namespace

const Field* ObjectType::find_field(std::string_view name) const {
  const auto found = std::ranges::find(fields, name, &Field::name);
  return found == fields.end() ? nullptr : &*found;
}

const Index* ObjectType::find_index(std::string_view name) const {
  const auto found = std::ranges::find(indexes, name, &Index::name);
  return found == indexes.end() ? nullptr : &*found;
}

std::span<const ObjectType> object_types() { return kObjectTypes; }

const ObjectType& generic_object_type() { return kGenericType; }

const ObjectType& bare_object_type() { return kBareType; }

const ObjectType* find_object_type(std::string_view prefix) {
  const auto found = std::ranges::lower_bound(kObjectTypes, prefix, {}, &ObjectType::prefix);
  return found == std::end(kObjectTypes) || found->prefix != prefix ? nullptr : &*found;
}

bool is_bookkeeping(std::string_view field) {
  return field == "Endpoint" || std::ranges::find(kBookkeeping, field) != std::end(kBookkeeping);
}

const NestedType* find_nested_type(std::string_view name) {
  const auto found = std::ranges::lower_bound(kNestedTypes, name, {}, &NestedType::name);
  return found == std::end(kNestedTypes) || found->name != name ? nullptr : &*found;
}

bool matches_name_rule(std::string_view rule, std::string_view text) {
  const auto found = compiled_rules().find(rule);
  assert(found != compiled_rules().end());
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *found->second);
}

std::string_view canonical_word(std::string_view enum_name, std::string_view word) {
  for (const EnumWord& candidate : kEnumWords) {
    if (candidate.enum_name == enum_name && candidate.word == word) return candidate.canonical;
  }
  return {};
}

std::span<const ClaimScope> claim_scopes() { return kClaimScopes; }

std::string openapi_json() { return std::string(kOpenApi, sizeof(kOpenApi) - 1); }

}  // namespace mullion::model
