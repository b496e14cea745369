// Claims: what a role allows, and whether that is enough for a request.
#include <algorithm>

#include "auth/auth.h"
#include "base/text.h"

namespace mullion::auth {

namespace {

/// Splits a comma list, blanks trimmed. "" is one empty item.
std::vector<std::string_view> items_of(std::string_view list) {
  std::vector<std::string_view> items;
  while (true) {
    const size_t comma = list.find(',');
    items.push_back(trimmed(list.substr(0, comma)));
    if (comma == std::string_view::npos) return items;
    list.remove_prefix(comma + 1);
  }
}

/// What begins the name of another owner's object.
constexpr char kForeign = '/';

bool word_covers(std::string_view held, std::string_view wanted) { return held == "*" || held == wanted; }

/// "action" covers "action:x"; "update" and "update:/a" cover "update:/a/b".
bool action_covers(std::string_view held, std::string_view wanted) {
  if (word_covers(held, wanted)) return true;
  const size_t colon = wanted.find(':');
  if (colon == std::string_view::npos || wanted == "*") return false;
  if (held == wanted.substr(0, colon)) return true;
  const std::string_view verb = wanted.substr(0, colon);
  if (verb != "update" || !held.starts_with("update:/") || !wanted.starts_with(held)) return false;
  return wanted[held.size()] == '/';  // longer than `held`, or they were equal above
}

using Covers = bool (*)(std::string_view held, std::string_view wanted);

bool any_covers(std::string_view held_list, std::string_view wanted, Covers covers_one) {
  const auto held = items_of(held_list);
  return std::any_of(held.begin(), held.end(),
                     [&](std::string_view item) { return covers_one(item, wanted); });
}

bool all_covered(std::string_view held_list, std::string_view wanted_list, Covers covers_one) {
  const auto wanted = items_of(wanted_list);
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](std::string_view item) { return any_covers(held_list, item, covers_one); });
}

std::string common(std::string_view a, std::string_view b, Covers covers_one) {
  std::string out;
  const auto keep = [&out](std::string_view item) { (out += out.empty() ? "" : ",") += item; };
  for (const std::string_view item : items_of(a)) {
    if (any_covers(b, item, covers_one)) keep(item);
  }
  for (const std::string_view item : items_of(b)) {
    if (any_covers(a, item, covers_one) && !any_covers(out, item, word_covers)) keep(item);
  }
  return out;
}

bool names(const Claim& claim, const Subject& subject) {
  const auto items = items_of(claim.specific);
  return std::any_of(items.begin(), items.end(),
                     [&subject](std::string_view item) { return subject.named_by(item); });
}

bool has_common(std::string_view a, std::string_view b, Covers covers_one) {
  const auto left = items_of(a);
  const auto right = items_of(b);
  return std::any_of(left.begin(), left.end(),
                     [&](std::string_view x) { return any_covers(b, x, covers_one); }) ||
         std::any_of(right.begin(), right.end(),
                     [&](std::string_view x) { return any_covers(a, x, covers_one); });
}

}  // namespace

bool is_claim_item(std::string_view text) {
  return !text.empty() && text != "*" && text.find(',') == std::string_view::npos && trimmed(text) == text &&
         !text.starts_with(kForeign);
}

Subject Subject::everything() { return {"*", false}; }

Subject Subject::none() { return {"", true}; }

/// A name that looks like that of another owner's object is named by nothing but "*".
Subject Subject::here(std::string name) {
  const bool nameable = !name.starts_with(kForeign);
  return {std::move(name), nameable};
}

Subject Subject::of(std::string_view owner, std::string name) {
  if (!store::is_remote(owner)) return here(std::move(name));
  const bool nameable = owner.find(kForeign) == std::string_view::npos;
  return {spelled(owner, name), nameable};
}

bool Subject::named_by(std::string_view item) const { return item == "*" || (nameable_ && item == text_); }

bool covers(const std::vector<Claim>& claims, const Right& right) {
  return std::any_of(claims.begin(), claims.end(), [&right](const Claim& claim) {
    return any_covers(claim.scope, right.scope, word_covers) &&
           any_covers(claim.action, right.action, action_covers) && names(claim, right.subject);
  });
}

bool covers_claim(const std::vector<Claim>& claims, const Claim& wanted) {
  return std::any_of(claims.begin(), claims.end(), [&wanted](const Claim& claim) {
    return all_covered(claim.scope, wanted.scope, word_covers) &&
           all_covered(claim.action, wanted.action, action_covers) &&
           all_covered(claim.specific, wanted.specific, word_covers);
  });
}

std::optional<std::vector<store::ObjectRef>> allowed_objects(const std::vector<Claim>& claims,
                                                             std::string_view scope,
                                                             std::string_view action) {
  std::vector<store::ObjectRef> out;
  for (const Claim& claim : claims) {
    const bool about =
        any_covers(claim.scope, scope, word_covers) && any_covers(claim.action, action, action_covers);
    if (!about) continue;
    for (const std::string_view item : items_of(claim.specific)) {
      if (item == "*") return std::nullopt;
      out.push_back(object_spelled(item));
    }
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

bool covers_partly(const std::vector<Claim>& claims, const Right& right) {
  const auto covers_part = [](std::string_view held, std::string_view wanted) {
    return action_covers(held, wanted) ||
           (held.starts_with(wanted) && held.substr(wanted.size()).starts_with(":"));
  };
  return std::any_of(claims.begin(), claims.end(), [&](const Claim& claim) {
    return any_covers(claim.scope, right.scope, word_covers) &&
           any_covers(claim.action, right.action, covers_part) && names(claim, right.subject);
  });
}

std::optional<Claim> intersect(const Claim& a, const Claim& b) {
  if (!has_common(a.scope, b.scope, word_covers) || !has_common(a.action, b.action, action_covers) ||
      !has_common(a.specific, b.specific, word_covers)) {
    return std::nullopt;
  }
  return Claim{common(a.scope, b.scope, word_covers), common(a.action, b.action, action_covers),
               common(a.specific, b.specific, word_covers)};
}

Result<void> authorise(const Principal& principal, const Right& right, std::string_view uri) {
  if (covers(principal.claims, right)) return {};
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {"Cannot access " + std::string(uri),
                "Requires: " + right.scope + " " + right.action + " " + right.subject.text()});
}

}  // namespace mullion::auth
