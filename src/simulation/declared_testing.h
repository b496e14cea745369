// What managers declared for endpoints in a simulation, and what must hold of what they do there.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/members.h"
#include "simulation/truth_testing.h"

namespace mullion::simulation {

/// Settings of an endpoint by what they are: "prefs/NAME", "global/NAME" (JSON), "contents/NAME" (version),
/// "files/PATH" (SHA-256).
using Settings = std::map<std::string, std::string>;

inline std::string kind_of(const std::string& setting) { return setting.substr(0, setting.find('/')); }

/// The version sets that an Endpoint object says do not exist: "VersionSet NAME (at N) does not exist".
inline std::set<std::string> sets_said_missing(const boost::json::object& endpoint) {
  constexpr std::string_view kBegin = "VersionSet ", kMiddle = " (at ", kEnd = ") does not exist";
  std::set<std::string> out;
  for (const boost::json::value& one : model::list_member(endpoint, "Errors")) {
    const std::string_view error = one.is_string() ? std::string_view(one.get_string()) : "";
    const size_t middle = error.rfind(kMiddle);
    if (middle == std::string_view::npos || !error.starts_with(kBegin) || !error.ends_with(kEnd)) continue;
    out.emplace(error.substr(kBegin.size(), middle - kBegin.size()));
  }
  return out;
}

/// A setting that a manager changed, when its endpoint did it.
struct SettingChange {
  std::string endpoint, manager, setting;
  std::optional<std::string> value;  // absent: deleted
  Duration sent{0};                  // when the manager sent the request
  std::string holder;                // of the configuration lease of the endpoint, at that time
};

/// Told of every declaration, look and change in the order in which they happened; the first breach is kept.
class DeclaredTruth {
 public:
  DeclaredTruth(World& world, Truth& truth) : world_(world), truth_(truth) {}

  /// From now on this is what `manager` declares for `endpoint`; absent: it declares nothing.
  void declare(const std::string& manager, const std::string& endpoint,
               const std::optional<Settings>& declared) {
    std::vector<Declaration>& history = declared_[{manager, endpoint}];
    const std::optional<Settings> before = history.empty() ? std::nullopt : history.back().settings;
    if (before == declared) return;
    world_.tell("{}: declares {} for {}", manager, declared ? shown(*declared) : "nothing", endpoint);
    history.push_back({world_.now(), declared});
  }
  /// Absent: nothing.
  std::optional<Settings> declared_now(const std::string& manager, const std::string& endpoint) const {
    const auto found = declared_.find({manager, endpoint});
    return found == declared_.end() || found->second.empty() ? std::nullopt : found->second.back().settings;
  }

  /// `endpoint` showed `manager` those of its settings that begin with `prefix`.
  void saw(const std::string& manager, const std::string& endpoint, const Settings& settings,
           const std::string& prefix) {
    Settings& seen = seen_[{manager, endpoint}];
    std::erase_if(seen, [&](const auto& one) { return one.first.starts_with(prefix); });
    for (const auto& [name, value] : settings) {
      if (name.starts_with(prefix)) seen[name] = value;
    }
  }

  void change(const SettingChange& change) {
    ++changes_;
    const std::string what =
        fmt::format("{}: {} {} {} {}", change.endpoint, change.manager, change.value ? "sets" : "deletes",
                    change.setting, change.value.value_or(""));
    world_.tell("{}", what);
    if (change.holder != change.manager) {
      truth_.fail(fmt::format("{}, sent at {:.4f} s, when the lease was held by '{}'", what,
                              std::chrono::duration<double>(change.sent).count(), change.holder));
    }
    const Settings& seen = seen_[{change.manager, change.endpoint}];
    const auto last = seen.find(change.setting);
    const bool was_so = change.value ? last != seen.end() && last->second == *change.value : false;
    if (was_so) truth_.fail(fmt::format("{}, although it had seen that it is so", what));
    if (!is_wanted(change)) truth_.fail(fmt::format("{}, which it did not declare", what));
  }
  size_t changes() const { return changes_; }

  /// `manager` has committed that it has the version set, or has none of that name.
  void has_set(const std::string& manager, const std::string& set, bool has) {
    if (!has) {
      there_since_.erase({manager, set});
    } else {
      there_since_.try_emplace({manager, set}, world_.now());
    }
  }
  /// `manager` has committed its object of `endpoint`, which names these sets as missing.
  void says_missing(const std::string& manager, const std::string& endpoint,
                    const std::set<std::string>& missing) {
    const std::set<std::string> before = std::exchange(said_missing_[{manager, endpoint}], missing);
    for (const std::string& set : missing) {
      const auto since = there_since_.find({manager, set});
      if (before.contains(set) || since == there_since_.end()) continue;
      if (since->second + kBeingWritten >= world_.now()) continue;
      truth_.fail(fmt::format("{} says of {} that {} does not exist, which it has", manager, endpoint, set));
    }
  }

 private:
  struct Declaration {
    Duration at;
    std::optional<Settings> settings;
  };
  using Pair = std::pair<std::string, std::string>;  // manager, endpoint

  /// Between the decision and what comes of it lie looks, which may be held up.
  static constexpr Duration kOnItsWay = 25s;
  /// Between what a plan is made from and its commit.
  static constexpr Duration kBeingWritten = 5s;

  static std::string shown(const Settings& settings) {
    std::string out;
    for (const auto& [name, value] : settings)
      out += fmt::format("{}{}={:.8}", out.empty() ? "" : " ", name, value);
    return out;
  }

  /// Whether one of the declarations that counted while it was on its way asks for it.
  bool is_wanted(const SettingChange& change) const {
    const auto found = declared_.find({change.manager, change.endpoint});
    if (found == declared_.end()) return false;
    const std::vector<Declaration>& history = found->second;
    for (size_t i = history.size(); i-- > 0;) {
      if (history[i].settings && asks_for(*history[i].settings, change)) return true;
      if (history[i].at < change.sent - kOnItsWay) return false;
    }
    return false;
  }
  static bool asks_for(const Settings& declared, const SettingChange& change) {
    const auto value = declared.find(change.setting);
    if (change.value) return value != declared.end() && value->second == *change.value;
    // What is deleted is a pack that is not among those that are declared; nothing else ever is.
    if (kind_of(change.setting) != "contents" || value != declared.end()) return false;
    return std::ranges::any_of(declared, [](const auto& one) { return kind_of(one.first) == "contents"; });
  }

  World& world_;
  Truth& truth_;
  size_t changes_ = 0;
  std::map<Pair, std::vector<Declaration>> declared_;
  std::map<Pair, Settings> seen_;
  std::map<Pair, Duration> there_since_;                // manager and version set
  std::map<Pair, std::set<std::string>> said_missing_;  // in the Endpoint object, as it is now
};

}  // namespace mullion::simulation
