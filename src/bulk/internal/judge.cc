#include "bulk/internal/judge.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/percent.h"
#include "bulk/ledger.h"
#include "model/members.h"
#include "model/object.h"
#include "net/http.h"

namespace mullion::bulk::internal {
namespace {

constexpr size_t kMostNamedFaults = 20;

/// Below its owner, so that no other object of the same key is meant.
std::string item_target(std::string_view type, const store::ObjectRef& object) {
  const std::string owner = object.owner.empty() ? "" : "/" + percent_encode(object.owner);
  return fmt::format("{}/api/v3/{}/{}", owner, type, percent_encode(object.key));
}

Error not_selected(const Bulk& bulk, std::vector<std::string> faults) {
  return Error(ErrorCode::kInvalid, "INVOKE", "bulks", bulk.id, std::move(faults));
}

/// The one object that a key means: this server's, else the only one of another owner.
Result<store::ObjectRef> object_named(const UserRequests& requests, const store::Snapshot& snapshot,
                                      const std::string& type, const std::string& text,
                                      const auth::Principal& principal) {
  const NamedObject named = named_object(text);
  std::vector<store::ObjectRef> found;
  for (const store::StoredObject& object : snapshot.get_all_owners(type, named.key)) {
    const std::string owner = store::is_remote(object.id.owner) ? object.id.owner : std::string();
    if (named.owner && *named.owner != owner) continue;
    if (!requests.allows(principal, type, "get", {named.key, object.id.owner}, object.body)) continue;
    found.push_back({named.key, owner});
  }
  if (found.empty())
    return Error(ErrorCode::kNotFound, fmt::format("Selection.Keys: {:.200} is not there", text));
  const auto own = std::ranges::find(found, std::string(), &store::ObjectRef::owner);
  if (own != found.end()) return *own;
  if (found.size() == 1) return found.front();
  return Error(ErrorCode::kConflict,
               fmt::format("Selection.Keys: {:.200} exists on several endpoints; write /ENDPOINT/KEY", text));
}

Result<std::vector<store::ObjectRef>> objects_named(const UserRequests& requests,
                                                    const store::Snapshot& snapshot, const Bulk& bulk,
                                                    const auth::Principal& principal) {
  std::vector<store::ObjectRef> out;
  std::vector<std::string> faults;
  for (const std::string& text : bulk.selection.keys) {
    Result<store::ObjectRef> object = object_named(requests, snapshot, bulk.selection.type, text, principal);
    if (object) {
      out.push_back(std::move(*object));
    } else if (faults.size() < kMostNamedFaults) {
      faults.push_back(object.error().messages.front());
    }
  }
  if (!faults.empty()) return not_selected(bulk, std::move(faults));
  return out;
}

/// What a preview counts: of all, or of one owner.
struct PreviewCounts {
  uint64_t would_change = 0, already_so = 0, locked = 0, not_allowed = 0, gone = 0;

  void add(const std::optional<Verdict>& verdict) {
    if (!verdict) {
      ++would_change;
      return;
    }
    switch (verdict->outcome) {
      case Outcome::kAlreadySo:
        ++already_so;
        return;
      case Outcome::kLocked:
        ++locked;
        return;
      case Outcome::kNotAllowed:
        ++not_allowed;
        return;
      default:
        ++gone;
    }
  }
  uint64_t judged() const { return would_change + already_so + locked + not_allowed + gone; }
  void write(json::object& out) const {
    out["Judged"] = judged();
    out["WouldChange"] = would_change;
    out["AlreadySo"] = already_so;
    out["Locked"] = locked;
    out["NotAllowed"] = not_allowed;
    out["Gone"] = gone;
  }
};

}  // namespace

ObjectJudge::ObjectJudge(const UserRequests& requests, const Operation& operation, std::string type,
                         const store::Snapshot& snapshot)
    : requests_(requests), operation_(operation), type_(std::move(type)), snapshot_(snapshot) {}

std::optional<std::string> ObjectJudge::body_of(const store::ObjectRef& object) const {
  if (!object.owner.empty()) return snapshot_.get({type_, object.owner, object.key});
  std::optional<store::StoredObject> local = snapshot_.get_local(type_, object.key);
  if (!local) return std::nullopt;
  return std::move(local->body);
}

bool ObjectJudge::may(const auth::Principal& principal, const ItemPlan& plan, const store::ObjectRef& object,
                      std::string_view body) const {
  if (requests_.allows(principal, type_, plan.right, object, body)) return true;
  return !plan.instead.empty() && std::ranges::all_of(plan.instead, [&](const std::string& right) {
    return requests_.allows(principal, type_, right, object, body);
  });
}

std::optional<Verdict> ObjectJudge::judge(const auth::Principal& principal, const store::ObjectRef& object,
                                          ReadyRequest& ready) const {
  const std::optional<std::string> body = body_of(object);
  const bool seen = body && requests_.allows(principal, type_, "get", object, *body);
  if (body && !seen) return Verdict{Outcome::kNotAllowed, "get"};
  const json::object parsed = body ? model::parse_object(*body) : json::object();
  ItemPlan plan = plan_item(operation_, body ? &parsed : nullptr);
  if (plan.skip) return Verdict{*plan.skip, std::move(plan.message)};
  if (!may(principal, plan, object, *body)) return Verdict{Outcome::kNotAllowed, std::move(plan.right)};
  ready = {std::move(plan.request.method), item_target(type_, object) + plan.request.suffix,
           std::move(plan.request.body)};
  return std::nullopt;
}

bool ObjectJudge::shows_effect(const store::ObjectRef& object) const {
  const std::optional<std::string> body = body_of(object);
  const json::object parsed = body ? model::parse_object(*body) : json::object();
  return bulk::shows_effect(operation_, body ? &parsed : nullptr);
}

Result<std::vector<store::ObjectRef>> select_objects(const UserRequests& requests,
                                                     const store::Snapshot& snapshot, const Bulk& bulk,
                                                     const auth::Principal& principal) {
  const Selection& selection = bulk.selection;
  Result<std::vector<store::ObjectRef>> found =
      selection.keys.empty() ? requests.select(principal, selection.type, selection.filter, kMostObjects + 1)
                             : objects_named(requests, snapshot, bulk, principal);
  if (!found) return found;
  std::vector<store::ObjectRef> out = frozen(std::move(*found), selection.except);
  if (out.size() > kMostObjects)
    return not_selected(bulk, {fmt::format("Selection: more than {} objects", kMostObjects)});
  if (out.empty()) return not_selected(bulk, {"Selection: no object fits"});
  return out;
}

json::object preview_of(const ObjectJudge& judge, const std::vector<store::ObjectRef>& objects,
                        const auth::Principal& principal, size_t looks, const Dependencies& given) {
  const size_t stride = (objects.size() + looks - 1) / looks;
  std::vector<OwnerRange> ranges;
  add_ranges(objects, 0, ranges);
  PreviewCounts all;
  json::array owners;
  for (const OwnerRange& range : ranges) {
    PreviewCounts counts;
    for (uint64_t number = range.begin; number < range.end; number += stride) {
      ReadyRequest unused;
      const std::optional<Verdict> verdict = judge.judge(principal, objects[number], unused);
      counts.add(verdict);
      all.add(verdict);
    }
    json::object line{{"Endpoint", range.owner.empty() ? given.own_id : range.owner},
                      {"Count", range.end - range.begin},
                      {"InTouch", range.owner.empty() || given.in_touch(range.owner)}};
    counts.write(line);
    owners.emplace_back(std::move(line));
  }
  json::object out{{"Count", objects.size()}};
  all.write(out);
  out["Owners"] = std::move(owners);
  return out;
}

}  // namespace mullion::bulk::internal
