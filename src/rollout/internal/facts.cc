#include "rollout/internal/facts.h"

#include "base/json.h"
#include "base/mutex.h"
#include "model/members.h"
#include "model/object.h"
#include "rollout/internal/targets.h"
#include "versionset/fingerprint.h"

namespace mullion::rollout::internal {

namespace {

store::Interest endpoints_and_sets() {
  return {.rules = {{std::string(kEndpointObjects), store::Interest::Owners::kAny}, {"version_sets"}}};
}

}  // namespace

RolloutFacts::RolloutFacts(store::Store& store, const manager::Manager& manager)
    : store_(store),
      manager_(manager),
      set_cache_(store),
      feed_(store::attach_feed(store, "facts of rollouts", endpoints_and_sets())) {}

/// With mutex_ held: drops what changed since.
void RolloutFacts::catch_up() {
  const store::CommitFeed::Taken taken = feed_->take();
  bool sets = !taken.whole;
  for (const auto& commit : taken.commits) {
    for (const store::AppliedChange& change : commit->changes) {
      if (change.id.type == kEndpointObjects) known_.erase({change.id.owner, change.id.key});
      sets = sets || (change.id.type == "version_sets" && !store::is_remote(change.id.owner));
    }
  }
  if (!sets) return;
  words_.clear();
  known_.clear();
}

Facts RolloutFacts::of_rollout(const store::Snapshot& snapshot, const Rollout& rollout,
                               const AssignmentWriter& puts) {
  std::map<std::string, Touch> owners;
  Facts facts;
  const bool back = rollout.state == RolloutState::kReturning || rollout.state == RolloutState::kAborting;
  bool next = false;
  for (const Wave& wave : rollout.waves) {
    if (next) break;
    next = !wave.started;
    if (wave.ended && !back) continue;
    for (const EndpointProgress& endpoint : wave.endpoints) {
      EndpointFacts known = of_endpoint(snapshot, endpoint);
      if (!endpoint.owner.empty()) {
        const auto [owner, fresh] = owners.try_emplace(endpoint.owner);
        if (fresh) owner->second = touch_of(endpoint.owner);
        known.connected = known.connected && owner->second.in_touch;
        known.held_up = owner->second.held_up;
        known.current = owner->second.current;
      }
      puts.tell(endpoint.id, known);
      facts.emplace(endpoint.id, std::move(known));
    }
  }
  return facts;
}

RolloutFacts::Touch RolloutFacts::touch_of(const std::string& owner) const {
  Touch out;
  const auto read = manager::ReadFrom::collections({std::string(kEndpointObjects)});
  for (const manager::OwnerFreshness& freshness : manager_.freshness({owner}, read)) {
    out.in_touch = out.in_touch || freshness.in_touch;
    if (!freshness.held_up_in.empty()) out.held_up = freshness.reason;
    out.current =
        out.current || (freshness.in_touch && freshness.age_seconds <= freshness.resolution_seconds);
  }
  return out;
}

EndpointFacts RolloutFacts::of_endpoint(const store::Snapshot& snapshot, const EndpointProgress& endpoint) {
  const Key key{endpoint.owner, endpoint.id};
  uint64_t version = 0;
  {
    Lock lock(mutex_);
    version = feed_->newest();
    catch_up();
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
  }
  EndpointFacts facts = read(snapshot, endpoint);
  // The snapshot may be older than a change that came meanwhile: that one must not be hidden.
  Lock lock(mutex_);
  if (version == feed_->newest() && snapshot.cursor() == store_.newest()) known_.emplace(key, facts);
  return facts;
}

EndpointFacts RolloutFacts::read(const store::Snapshot& snapshot, const EndpointProgress& endpoint) {
  const std::optional<std::string> body =
      snapshot.get({std::string(kEndpointObjects), endpoint.owner, endpoint.id});
  if (!body) return {};
  const Result<json::value> parsed = parse_json(*body, 256);
  if (!parsed || !parsed->is_object()) return {};
  const json::object& object = parsed->get_object();
  EndpointFacts facts = facts_of_object(object);
  // What sets say at a downstream manager is not known here: there the names must do.
  if (endpoint.owner.empty())
    facts.planned = model::text_member(object, "PlannedFor") == word_for(versionset::set_names(object));
  return facts;
}

std::string RolloutFacts::word_for(const std::vector<std::string>& sets) {
  uint64_t version = 0;
  {
    Lock lock(mutex_);
    version = feed_->newest();
    catch_up();
    if (const auto found = words_.find(sets); found != words_.end()) return found->second;
  }
  std::string word = versionset::plan_fingerprint(sets, set_cache_.merged(sets).wanted.get());
  Lock lock(mutex_);
  if (version == feed_->newest()) words_.emplace(sets, word);
  return word;
}

}  // namespace mullion::rollout::internal
