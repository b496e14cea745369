#include <algorithm>

#include "base/text.h"
#include "model/internal/hooks.h"

namespace mullion::model::internal {
namespace {

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t comma = list.find(',');
    words.push_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return words;
    list.remove_prefix(comma + 1);
  }
}

const ClaimScope* named_scope(std::string_view word) {
  for (const ClaimScope& scope : claim_scopes()) {
    if (scope.scope == word) return &scope;
  }
  return nullptr;
}

/// Types that plugins declare share one entry, the one without a name.
const ClaimScope* find_scope(std::string_view word, const Lookup& lookup) {
  if (word.empty()) return nullptr;
  if (const ClaimScope* scope = named_scope(word)) return scope;
  return lookup.collection_exists(word) ? named_scope("") : nullptr;
}

bool has_action(const ClaimScope& scope, std::string_view action) {
  if (action.starts_with("action:")) action = "action";
  if (action.starts_with("update:/")) action = "update";
  return std::ranges::find(scope.actions, action) != scope.actions.end();
}

/// `*` as scope knows every action of any scope.
bool known_in(std::string_view scope_word, std::string_view action, const Lookup& lookup) {
  if (action == "*") return true;
  if (const ClaimScope* scope = find_scope(scope_word, lookup)) return has_action(*scope, action);
  return std::ranges::any_of(claim_scopes(),
                             [&](const ClaimScope& scope) { return has_action(scope, action); });
}

void check_claim(HookContext& context, const json::object& claim) {
  const std::vector<std::string_view> scopes = words_of(text_of(claim, "scope"));
  const std::vector<std::string_view> actions = words_of(text_of(claim, "action"));
  if (context.budget.exhausted()) return;
  if (!context.budget.spend(scopes.size() * actions.size())) {
    return context.refuse("The claims have too many scopes and actions to be checked");
  }
  for (std::string_view scope : scopes) {
    if (scope != "*" && find_scope(scope, context.lookup) == nullptr)
      context.refuse(fmt::format("No such scope '{}'", scope));
  }
  for (std::string_view action : actions) {
    // An unknown scope was complained about already; it does not make its actions unknown too.
    const bool known = std::ranges::all_of(
        scopes, [&](std::string_view scope) { return known_in(scope, action, context.lookup); });
    if (!known) context.refuse(fmt::format("No such action '{}'", action));
  }
}

}  // namespace

void check_claims(HookContext& context) {
  for (std::string_view field : {"Claims", "ExtraClaims"}) {
    const json::array* claims = list_of(context.object, field);
    if (claims == nullptr) continue;
    for (const json::value& claim : *claims) {
      if (const json::object* parts = claim.if_object()) check_claim(context, *parts);
    }
  }
}

void check_tenant_members(HookContext& context) {
  const json::object* members = object_of(context.object, "Members");
  if (members == nullptr) return;
  for (const auto& member : *members) {
    if (find_object_type(member.key()) == nullptr && !context.lookup.collection_exists(member.key())) {
      context.refuse(fmt::format("No such object type '{}'", std::string_view(member.key())));
    }
  }
}

}  // namespace mullion::model::internal
