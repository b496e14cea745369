#include "mirror/internal/replica.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/mutex.h"
#include "base/text.h"
#include "mirror/reported_parts.h"
#include "replication/position.h"

namespace mullion::mirror {
namespace {

/// Beside the position of the endpoint, the epoch that was made here: a position of a stream has the
/// endpoint's.
constexpr const char* kSpace = "mirror";
/// The collections that were seen wholly, with commas between.
constexpr const char* kSeenSpace = "mirror-seen";
/// What one commit may hold, bytes.
constexpr size_t kMostBytes = size_t{1} << 20;

std::string text_of(uint64_t epoch) { return std::to_string(epoch); }

size_t bytes_of(const store::Change& change) { return 128 + (change.body ? change.body->size() : 0); }

}  // namespace

Replica::Replica(const replication::SinkOptions& options, replication::SavedPosition position)
    : options_(options),
      pipe_(options.store, options.timers),
      position_(std::move(position)),
      announced_at_(options.clock.steady()) {
  const std::optional<std::string> own = options_.store.snapshot()->secret(kSpace, options_.endpoint);
  const std::string seen = options_.store.snapshot()->secret(kSeenSpace, options_.endpoint).value_or("");
  if (own && *own == text_of(position_.cursor.epoch) && position_.cursor.epoch != 0) {
    for (std::string& prefix : split_list(seen)) seen_wholly_.insert(std::move(prefix));
    return;
  }
  // Nothing is known of this way yet; epochs only have to differ.
  position_.cursor = {static_cast<uint64_t>(options_.clock.wall().time_since_epoch().count()), 0};
  position_.follows.clear();
}

void Replica::close() {
  Lock lock(mutex_);
  closed_ = true;
}

void Replica::announce(std::vector<replication::Announcement> announced) {
  Lock lock(mutex_);
  owners_to_save_ = owners_to_save_ || position_.announced != announced;
  position_.announced = std::move(announced);
  announced_at_ = options_.clock.steady();
}

void Replica::want(std::vector<std::string> owners) {
  Lock lock(mutex_);
  const auto is_gone = [&](const std::string& owner) {
    return std::ranges::find(owners, owner) == owners.end();
  };
  std::erase_if(complete_, is_gone);
  std::erase_if(taken_over_, is_gone);
  wanted_ = std::move(owners);
  hold_up_of_all_owners();
}

std::optional<std::vector<std::string>> Replica::wanted() const {
  Lock lock(mutex_);
  return wanted_;
}

Result<void> Replica::push(const std::string& owner, std::vector<store::Change> changes) {
  bool takes_over = false;
  {
    Lock lock(mutex_);
    if (closed_) return Error(ErrorCode::kCancelled, "stopped");
    takes_over = taken_over_.insert(owner).second;
  }
  if (takes_over && options_.on_takeover) options_.on_takeover(owner);
  Lock lock(mutex_);
  store::Batch batch;
  batch.changes = std::move(changes);
  batch.principal = "replication";
  ++position_.cursor.seq;
  batch.origin = store::Origin{owner, position_.cursor};
  if (takes_over) batch.secrets.push_back(replication::keeper_change(owner, options_.endpoint));
  if (position_.cursor.seq == 1)
    batch.secrets.push_back({kSpace, options_.endpoint, text_of(position_.cursor.epoch)});
  if (owners_to_save_) common_ = replication::common_as_of(position_);
  replication::append_position(options_.endpoint, position_, common_, owners_to_save_, options_.clock,
                               batch.secrets);
  if (seen_wholly_to_save_)
    batch.secrets.push_back({kSeenSpace, options_.endpoint, fmt::format("{}", fmt::join(seen_wholly_, ","))});
  owners_to_save_ = seen_wholly_to_save_ = false;
  ++options_.counters.commits;
  return pipe_.push(std::move(batch));
}

Result<bool> Replica::put(const std::string& prefix, const std::string& owner, const std::string& key,
                          std::optional<std::string> body) {
  const store::ObjectId id{prefix, owner, key};
  if (options_.store.snapshot()->get(id) == body) return false;
  std::vector<store::Change> changes(1);
  changes.front().id = id;
  changes.front().body = std::move(body);
  const Result<void> pushed = push(owner, std::move(changes));
  if (!pushed) return pushed.error();
  return true;
}

std::vector<std::string> Replica::holders(const std::string& prefix, const std::string& key) const {
  const std::optional<std::vector<std::string>> owners = wanted();
  std::vector<std::string> out;
  if (!owners) return out;
  const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
  for (const std::string& owner : *owners) {
    if (view->get({prefix, owner, key})) out.push_back(owner);
  }
  return out;
}

Result<Replica::Comparison> Replica::compare(
    const Collection& collection, const std::vector<Shown>& page, const std::optional<Paging::Span>& span,
    const std::function<bool(const std::string& key)>& is_overtaken) {
  Comparison out;
  const std::optional<std::vector<std::string>> owners = wanted();
  if (!owners) return out;
  std::map<std::string, std::map<std::string_view, const Shown*>, std::less<>> rows;
  for (const std::string& owner : *owners) rows[owner];
  for (const Shown& shown : page) {
    const auto of_owner = rows.find(shown.owner);
    if (of_owner != rows.end() && shown.writable) of_owner->second[shown.key] = &shown;
  }
  const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
  for (const auto& [owner, shown] : rows) {
    std::vector<store::Change> changes;
    size_t bytes = 0;
    for (const auto& [key, row] : shown) {
      if (is_overtaken(row->key) || view->get({collection.prefix, owner, row->key}) == row->body) continue;
      store::Change& change = changes.emplace_back();
      change.id = {collection.prefix, owner, row->key};
      change.body = row->body;
      ++out.changed;
      bytes += bytes_of(change);
      if (bytes < kMostBytes) continue;
      bytes = 0;
      if (const Result<void> pushed = push(owner, std::exchange(changes, {})); !pushed) return pushed.error();
    }
    if (!changes.empty()) {
      if (const Result<void> pushed = push(owner, std::move(changes)); !pushed) return pushed.error();
    }
    if (!span) continue;
    view->scan_owner(collection.prefix, owner, span->from, [&](std::string_view key, std::string_view) {
      if (!span->to.empty() && key >= span->to) return false;
      if (!shown.contains(key) && !is_overtaken(std::string(key))) out.missing.emplace_back(key);
      return true;
    });
  }
  return out;
}

std::vector<std::string> Replica::missing(
    const Collection& collection,
    const std::function<bool(const std::string& owner, const std::string& key)>& is_shown) const {
  std::vector<std::string> out;
  const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
  for (const std::string& owner : wanted().value_or(std::vector<std::string>())) {
    view->scan_owner(collection.prefix, owner, "", [&](std::string_view key, std::string_view) {
      if (!is_shown(owner, std::string(key))) out.emplace_back(key);
      return true;
    });
  }
  return out;
}

uint64_t Replica::count(std::string_view prefix) const {
  const std::vector<std::string> owners = wanted().value_or(std::vector<std::string>());
  uint64_t out = 0;
  for (const store::TypeDigest& digest : options_.store.snapshot()->digests()) {
    if (digest.type == prefix && std::ranges::find(owners, digest.owner) != owners.end()) out += digest.count;
  }
  return out;
}

std::vector<std::string> Replica::other_collections(const std::vector<Collection>& known) const {
  std::vector<std::string> out;
  const std::vector<std::string> owners = wanted().value_or(std::vector<std::string>());
  for (const store::TypeDigest& digest : options_.store.snapshot()->digests()) {
    if (std::ranges::find(owners, digest.owner) == owners.end() || digest.count == 0) continue;
    if (std::ranges::find(known, digest.type, &Collection::prefix) != known.end()) continue;
    if (std::ranges::find(out, digest.type) == out.end()) out.push_back(digest.type);
  }
  return out;
}

Result<void> Replica::erase_collection(const std::string& prefix) {
  const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
  for (const std::string& owner : wanted().value_or(std::vector<std::string>())) {
    std::vector<store::Change> changes;
    view->scan_owner(prefix, owner, "", [&](std::string_view key, std::string_view) {
      store::Change& change = changes.emplace_back();
      change.id = {prefix, owner, std::string(key)};
      return true;
    });
    if (changes.empty()) continue;
    if (Result<void> pushed = push(owner, std::move(changes)); !pushed) return pushed;
  }
  return {};
}

void Replica::remember_seen_wholly(std::set<std::string> prefixes) {
  Lock lock(mutex_);
  seen_wholly_to_save_ = seen_wholly_to_save_ || seen_wholly_ != prefixes;
  seen_wholly_ = std::move(prefixes);
}

bool Replica::was_seen_wholly(const std::string& prefix) const {
  Lock lock(mutex_);
  return seen_wholly_.contains(prefix);
}

Result<void> Replica::completed(const std::vector<std::string>& owners, env::SteadyTime begun) {
  for (const std::string& owner : owners) {
    {
      Lock lock(mutex_);
      if (!wanted_ || std::ranges::find(*wanted_, owner) == wanted_->end()) continue;
      begin_settling();
      complete_.insert(owner);
      owners_to_save_ = owners_to_save_ || position_.follows.insert(owner).second;
      if (is_announced_in_touch(owner)) {
        const auto [known, added] = position_.as_of.try_emplace(owner, begun);
        known->second = std::max(known->second, begun);
        owners_to_save_ = owners_to_save_ || added;
      }
      if (!owners_to_save_ && !seen_wholly_to_save_ && taken_over_.contains(owner)) continue;
    }
    if (Result<void> pushed = push(owner, {}); !pushed) return pushed;
  }
  return {};
}

void Replica::prove(env::SteadyTime moment) {
  Lock lock(mutex_);
  begin_settling();
  for (const std::string& owner : complete_) {
    if (!is_announced_in_touch(owner)) continue;
    env::SteadyTime& known = position_.as_of[owner];
    known = std::max(known, moment);
  }
  common_ = replication::common_as_of(position_);
}

void Replica::begin_settling() {
  if (!is_settling()) shown_ = position_.as_of;
  settled_ = options_.clock.steady();
}

bool Replica::is_settling() const {
  return settled_ && options_.clock.steady() - *settled_ < options_.answer_time;
}

bool Replica::is_announced_in_touch(std::string_view owner) const {
  const auto found = std::ranges::find(position_.announced, owner, &replication::Announcement::owner);
  return found != position_.announced.end() && found->in_touch;
}

bool Replica::follows(std::string_view owner) const {
  Lock lock(mutex_);
  return complete_.contains(owner);
}

std::optional<env::SteadyTime> Replica::as_of(std::string_view owner) const {
  Lock lock(mutex_);
  const auto now = position_.as_of.find(owner);
  if (now == position_.as_of.end()) return std::nullopt;
  if (!is_settling()) return now->second;
  const auto before = shown_.find(owner);  // absent: its first walk has just ended
  return before == shown_.end() ? now->second : std::min(before->second, now->second);
}

std::optional<env::SteadyTime> Replica::told(std::string_view owner) const {
  Lock lock(mutex_);
  // Of itself it need not say so: it answers.
  const bool said = owner == options_.endpoint || is_announced_in_touch(owner);
  return said ? std::optional(announced_at_) : std::nullopt;
}

void Replica::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                        replication::HeldUpCollections held_up) {
  Lock lock(mutex_);
  shown_.erase(owner);
  shown_held_up_.erase(owner);
  position_.as_of.erase(owner);
  position_.held_up.erase(owner);
  if (!as_of) return;
  position_.as_of.emplace(owner, *as_of);
  if (!held_up.empty()) position_.held_up.emplace(owner, std::move(held_up));
  hold_up_of_all_owners();
}

void Replica::hold_up(const std::string& collection, std::optional<env::SteadyTime> read_at,
                      std::string reason) {
  Lock lock(mutex_);
  obstacles_[collection] = {read_at, std::move(reason)};
  hold_up_of_all_owners();
}

void Replica::hold_up_from_now(const std::string& collection, std::string reason) {
  Lock lock(mutex_);
  const auto [known, added] = obstacles_.try_emplace(collection);
  if (!added) return;
  known->second = {options_.clock.steady(), std::move(reason)};
  hold_up_of_all_owners();
}

bool Replica::is_held_up(const std::string& collection) const {
  Lock lock(mutex_);
  const auto holds = [&](const auto& one) { return one.second.contains(collection); };
  return obstacles_.contains(collection) || std::ranges::any_of(position_.held_up, holds);
}

/// Also of those that are wanted only now. What was known of an owner's replica before holds for such a
/// collection, too.
void Replica::hold_up_of_all_owners() {
  for (const std::string& owner : wanted_.value_or(std::vector<std::string>())) {
    const auto as_of = position_.as_of.find(owner);
    for (const auto& [collection, obstacle] : obstacles_) {
      if (is_reported_part(collection) && owner != options_.endpoint) continue;
      replication::HeldUp held_up{std::nullopt, obstacle.reason};
      if (obstacle.read_at && as_of != position_.as_of.end())
        held_up.as_of = std::min(*obstacle.read_at, as_of->second);
      const auto [known, added] = position_.held_up[owner].try_emplace(collection, std::move(held_up));
      if (!added) known->second.reason = obstacle.reason;
      owners_to_save_ = owners_to_save_ || added;
    }
  }
}

void Replica::release(const std::string& collection) {
  release_if([&](const std::string& held_up) { return held_up == collection; });
}

void Replica::release_others(const std::set<std::string>& collections) {
  release_if([&](const std::string& held_up) { return !collections.contains(held_up); });
}

void Replica::release_if(const std::function<bool(const std::string& collection)>& is_read) {
  Lock lock(mutex_);
  std::erase_if(obstacles_, [&](const auto& one) { return is_read(one.first); });
  replication::HeldUpOwners shown = is_releasing() ? std::move(shown_held_up_) : replication::HeldUpOwners();
  bool any = false;
  for (auto& [owner, collections] : position_.held_up) {
    for (auto one = collections.begin(); one != collections.end();) {
      const auto next = std::next(one);
      if (is_read(one->first)) {
        shown[owner] = older_of(std::move(shown[owner]), {*one});
        collections.erase(one);
        any = true;
      }
      one = next;
    }
  }
  shown_held_up_ = std::move(shown);
  if (!any) return;
  released_ = options_.clock.steady();
  owners_to_save_ = true;
  std::erase_if(position_.held_up, [](const auto& one) { return one.second.empty(); });
}

bool Replica::is_releasing() const {
  return released_ && options_.clock.steady() - *released_ < options_.answer_time;
}

replication::HeldUpCollections Replica::held_up(std::string_view owner) const {
  Lock lock(mutex_);
  const auto now = position_.held_up.find(owner);
  replication::HeldUpCollections out =
      now == position_.held_up.end() ? replication::HeldUpCollections() : now->second;
  const auto before = shown_held_up_.find(owner);
  if (!is_releasing() || before == shown_held_up_.end()) return out;
  return older_of(std::move(out), before->second);
}

replication::SavedPosition Replica::position() const {
  Lock lock(mutex_);
  return position_;
}

store::Cursor Replica::place() const {
  Lock lock(mutex_);
  return position_.cursor;
}

}  // namespace mullion::mirror
