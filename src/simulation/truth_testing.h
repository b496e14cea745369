// What really happened in a simulation, and what must hold of what servers show.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "simulation/world_testing.h"
#include "store/store.h"

namespace mullion::simulation {

/// (type, key).
using ObjectKey = std::pair<std::string, std::string>;
using Body = std::optional<std::string>;  // absent: there is no such object

/// Types that take part: what clients write, and what managers write into their Endpoint objects.
inline const std::set<std::string, std::less<>> kTypes = {"profiles", "params", "endpoints"};

/// The commits of every owner, and what became of them elsewhere. Told of every commit of every server in
/// the order in which they happened; what must hold is checked at once and the first breach is kept.
class Truth {
 public:
  explicit Truth(World& world) : world_(world) {}

  const std::string& breach() const { return breach_; }
  void fail(std::string what) {
    world_.tell("BREACH: {}", what);
    if (breach_.empty())
      breach_ = fmt::format("{:.4f} s: {}", std::chrono::duration<double>(world_.now()).count(), what);
  }

  /// Of each change of each server, as soon as it is known here.
  std::function<void(const std::string& server, const store::AppliedChange& change)> also_told;

  /// What `server` has committed.
  void take(const std::string& server, const store::Commit& commit) {
    for (const store::AppliedChange& change : commit.changes) {
      if (also_told) also_told(server, change);
      if (!kTypes.contains(change.id.type)) continue;
      const ObjectKey key{change.id.type, change.id.key};
      world_.tell("{}: commit {} owner={} {}/{} {}", server, commit.cursor.seq,
                  change.id.owner.empty() ? "own" : change.id.owner, key.first, key.second,
                  change.body ? shortened(*change.body) : "deleted");
      if (change.id.owner == store::kOwn) take_own(server, commit, key, change.body);
      if (store::is_remote(change.id.owner))
        take_replicated(server, change.id.owner, key, change.body, commit.origin.has_value());
    }
  }

  /// The replica of `owner` at `server` is said to hold everything that was committed by `moment`.
  void holds(const std::string& server, const std::string& owner, Duration moment) {
    const auto own = owners_.find(owner);
    if (own == owners_.end() || doubted_.contains(owner)) return;
    for (const ObjectKey& key : behind(server, owner)) {
      const std::vector<Entry>& history = own->second.history.at(key);
      const Body& shown = replica(server, owner, key).body;
      if (is_as_new(history, shown, moment)) continue;
      fail(fmt::format("{} says that its replica of {} is as of {:.6f} s, but {}/{} is older: it shows {}",
                       server, owner, std::chrono::duration<double>(moment).count(), key.first, key.second,
                       shown ? shortened(*shown) : "nothing"));
    }
  }
  /// Whoever reads `key` of `owner` at `server` sees what the commit `seq` of the owner made, or newer.
  void shows(const std::string& server, const std::string& owner, uint64_t seq, const ObjectKey& key) {
    const std::vector<Entry>& history = history_of(owner, key);
    const auto written = std::ranges::find(history, seq, &Entry::seq);
    if (written == history.end()) {
      return fail(fmt::format("{} answered for {}: commit {} of {}/{}, which it does not have", owner, server,
                              seq, key.first, key.second));
    }
    if (server == owner || doubted_.contains(owner)) return;
    const Body& shown = replica(server, owner, key).body;
    const bool newer =
        std::any_of(written, history.end(), [&](const Entry& one) { return one.body == shown; });
    if (!newer) {
      fail(fmt::format("{} answered commit {} of {}, {}/{}, but shows {}", server, seq, owner, key.first,
                       key.second, shown ? shortened(*shown) : "nothing"));
    }
  }

  /// Replicas of `owner` are not what the product made of them: from now on only the end counts.
  void doubt(const std::string& owner) { doubted_.insert(owner); }

  /// How often the owner carried out the write of this value.
  size_t applied(const std::string& owner, const ObjectKey& key, const std::string& body) {
    const std::vector<Entry>& history = history_of(owner, key);
    return static_cast<size_t>(std::ranges::count(history, Body(body), &Entry::body));
  }
  /// What the owner has, by its commits.
  std::map<ObjectKey, std::string> contents(const std::string& owner) {
    std::map<ObjectKey, std::string> out;
    for (const auto& [key, history] : owners_[owner].history) {
      if (history.back().body) out.emplace(key, *history.back().body);
    }
    return out;
  }

 private:
  struct Entry {
    Duration at;
    uint64_t seq = 0;
    Body body;
  };
  struct Owner {
    std::map<ObjectKey, std::vector<Entry>> history;  // begins with absence
  };
  struct Shown {
    Body body;
    size_t index = 0;  // the earliest place in the owner's history that it may be of
  };
  using Place = std::pair<std::string, std::string>;  // server, owner

  static std::string shortened(std::string_view body) {
    const size_t at = body.find("\"Description\":");
    return std::string(at == std::string_view::npos ? body.substr(0, 60) : body.substr(at + 14, 30));
  }
  Shown& replica(const std::string& server, const std::string& owner, const ObjectKey& key) {
    return replicas_[{server, owner}][key];
  }
  /// Whether an object that is shown as `body` may be as new as `moment`.
  static bool is_as_new(const std::vector<Entry>& history, const Body& body, Duration moment) {
    constexpr Duration kRounding = 1us;  // ages are told in seconds, as floating-point numbers
    for (size_t i = history.size(); i-- > 0;) {
      if (history[i].body == body) return true;
      if (history[i].at < moment - kRounding) return false;
    }
    return false;
  }

  std::vector<Entry>& history_of(const std::string& owner, const ObjectKey& key) {
    const auto [place, made] = owners_[owner].history.try_emplace(key);
    if (made) place->second.push_back({Duration::min(), 0, std::nullopt});
    return place->second;
  }

  void take_own(const std::string& server, const store::Commit& commit, const ObjectKey& key,
                const Body& body) {
    std::vector<Entry>& history = history_of(server, key);
    history.push_back({world_.now(), commit.cursor.seq, body});
    for (auto& [place, keys] : behind_) {
      if (place.second == server) keys.insert(key);
    }
  }

  void take_replicated(const std::string& server, const std::string& owner, const ObjectKey& key,
                       const Body& body, bool by_stream) {
    if (doubted_.contains(owner)) return;
    const auto found = owners_.find(owner);
    const auto own = found == owners_.end() ? nullptr : &found->second.history;
    if (own == nullptr || !own->contains(key)) {
      if (body)
        fail(fmt::format("{} shows {}/{} of {}, which never had it", server, key.first, key.second, owner));
      return;
    }
    const std::vector<Entry>& history = own->at(key);
    Shown& shown = replica(server, owner, key);
    shown.body = body;
    std::set<ObjectKey>& differing = behind(server, owner);
    if (history.back().body == body) differing.erase(key);
    if (history.back().body != body) differing.insert(key);
    if (!body && !by_stream) {  // dropped
      shown.index = 0;
      return;
    }
    const auto from = history.begin() + static_cast<std::ptrdiff_t>(shown.index);
    const auto same = std::find_if(from, history.end(), [&](const Entry& one) { return one.body == body; });
    if (same != history.end()) {
      shown.index = static_cast<size_t>(same - history.begin());
      return;
    }
    const bool known = std::ranges::any_of(history, [&](const Entry& one) { return one.body == body; });
    fail(fmt::format("{}: {}/{} of {} {}: {}", server, key.first, key.second, owner,
                     known ? "went back" : "never was that", body ? shortened(*body) : "absent"));
    shown.index = 0;
  }
  /// Objects that the owner has otherwise than the replica of it at `server`.
  std::set<ObjectKey>& behind(const std::string& server, const std::string& owner) {
    const auto [place, made] = behind_.try_emplace({server, owner});
    if (made) {
      for (const auto& [key, history] : owners_[owner].history) place->second.insert(key);
    }
    return place->second;
  }

  World& world_;
  std::string breach_;
  std::map<std::string, Owner> owners_;
  std::set<std::string> doubted_;
  std::map<Place, std::map<ObjectKey, Shown>> replicas_;
  std::map<Place, std::set<ObjectKey>> behind_;
};

}  // namespace mullion::simulation
