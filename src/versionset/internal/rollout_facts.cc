#include "versionset/internal/rollout_facts.h"

#include "model/object.h"
#include "versionset/internal/json_read.h"
#include "versionset/internal/made_for.h"
#include "versionset/internal/rollout_targets.h"

namespace mullion::versionset::internal {

bool RolloutFacts::follow(const store::Commit& commit) {
  bool news = false;
  for (const store::AppliedChange& change : commit.changes) {
    if (change.id.type == kEndpointObjects) {
      std::lock_guard lock(mutex_);
      known_.erase({change.id.owner, change.id.key});
      ++version_;
      news = true;
    } else if (change.id.type == "version_sets" && !store::is_remote(change.id.owner)) {
      book_.forget(change.id.key);
      std::lock_guard lock(mutex_);
      words_.clear();
      known_.clear();
      ++version_;
      news = true;
    }
  }
  return news;
}

Facts RolloutFacts::of_rollout(const store::Snapshot& snapshot, const Rollout& rollout, const Puts& puts) {
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
  for (const manager::OwnerFreshness& freshness : manager_.freshness({owner})) {
    out.in_touch = out.in_touch || freshness.in_touch;
    out.current =
        out.current || (freshness.in_touch && freshness.age_seconds <= freshness.resolution_seconds);
  }
  return out;
}

EndpointFacts RolloutFacts::of_endpoint(const store::Snapshot& snapshot, const EndpointProgress& endpoint) {
  const Key key{endpoint.owner, endpoint.id};
  uint64_t version = 0;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = known_.find(key); found != known_.end()) return found->second;
    version = version_;
  }
  EndpointFacts facts = read(snapshot, endpoint);
  // The snapshot may be older than a change that was told meanwhile: that one must not be hidden.
  std::lock_guard lock(mutex_);
  if (version == version_ && snapshot.cursor() == store_.newest()) known_.emplace(key, facts);
  return facts;
}

EndpointFacts RolloutFacts::read(const store::Snapshot& snapshot, const EndpointProgress& endpoint) {
  const std::optional<std::string> body =
      snapshot.get({std::string(kEndpointObjects), endpoint.owner, endpoint.id});
  if (!body) return {};
  const Result<json::value> parsed = model::parse_json(*body, 256);
  if (!parsed || !parsed->is_object()) return {};
  const json::object& object = parsed->get_object();
  EndpointFacts facts = facts_of_object(object);
  // What sets say at a manager below is not known here: there the names must do.
  if (endpoint.owner.empty())
    facts.planned = text_member(object, "PlannedFor") == word_for(set_names(object));
  return facts;
}

std::string RolloutFacts::word_for(const std::vector<std::string>& sets) {
  uint64_t version = 0;
  {
    std::lock_guard lock(mutex_);
    if (const auto found = words_.find(sets); found != words_.end()) return found->second;
    version = version_;
  }
  std::string word = made_for(sets, book_.merged(sets).wanted.get());
  std::lock_guard lock(mutex_);
  if (version == version_) words_.emplace(sets, word);
  return word;
}

}  // namespace mullion::versionset::internal
