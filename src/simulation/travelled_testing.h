// What managers of a simulation had of version sets, and what must hold of the copies downstream.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "catalog/items.h"
#include "model/members.h"
#include "model/object_type.h"
#include "simulation/truth_testing.h"
#include "versionset/sources.h"

namespace mullion::simulation {

namespace json = boost::json;

/// The manager that an object was brought by; "": it is its server's own.
inline std::string bringer_of(const json::object& object) {
  return model::text_member(model::object_member(object, "Meta"), catalog::kBroughtBy);
}
inline json::object object_of(const std::optional<std::string>& body) {
  const Result<json::object> object = parse_json_object(body.value_or("{}"), 64);
  return object ? *object : json::object();
}
/// The same without what servers fill in by themselves.
inline json::object without_bookkeeping(const json::object& object) {
  json::object out;
  for (const auto& [name, value] : object) {
    if (!model::is_bookkeeping(name)) out[name] = value;
  }
  return out;
}
/// Paths of files of this server that a set or an item takes.
inline std::set<std::string> files_of(const json::object& object) {
  std::set<std::string> out;
  const auto add = [&out](const std::string& source) {
    if (const auto path = versionset::own_file_of(source)) out.insert(*path);
  };
  for (const json::value& file : model::list_member(object, "Files"))
    add(model::text_member(file.as_object(), "Source"));
  add(model::text_member(object, "Source"));
  return out;
}

/// Told of each commit and each request in the order in which they happened; the first breach is kept.
class TravelledTruth {
 public:
  using Files = std::map<std::string, std::string>;
  /// How a set looks that `manager` sends downstream.
  using Copied = std::function<json::object(const std::string& manager, json::object set)>;
  TravelledTruth(Truth& truth, Copied copied) : truth_(truth), copied_(std::move(copied)) {}

  /// Something of `server` that `asker` asks it to change.
  struct Place {
    std::string server, asker, type, key;
  };
  /// Nothing is touched that `asker` has not brought.
  void asked(const Place& place, const std::optional<std::string>& there) {
    if (!there || bringer_of(object_of(there)) == place.asker) return;
    truth_.fail(fmt::format("{} changes {}/{} of {}, which it has not brought", place.asker, place.type,
                            place.key, place.server));
  }

  /// `server` committed `body` as its object `key`; `files`: what it was sent.
  void commit(const std::string& server, const ObjectKey& key, const Body& body, const Files& files) {
    const json::object object = object_of(body);
    Held& held = held_[server];
    held.objects.erase(key);
    if (key.first == "version_sets") histories_[server][key.second].push_back(without_bookkeeping(object));
    const std::string from = bringer_of(object);
    if (from.empty()) return;
    held.objects[key] = object;
    if (key.first == "version_sets") ++copies_;
    if (key.first == "version_sets" && !is_copy(from, key.second, object))
      truth_.fail(fmt::format("{} has version set {} of {} as {}, which it never was there", server,
                              key.second, from, json::serialize(object)));
    look_for_files(server, key, object, files);
  }
  /// A file of `server` was deleted; `files` are left.
  void lost_file(const std::string& server, const std::string& path, const Files& files) {
    for (const auto& [key, object] : held_[server].objects) {
      if (files_of(object).contains(path)) look_for_files(server, key, object, files);
    }
  }

  /// How often a set arrived somewhere.
  size_t copies() const { return copies_; }
  /// As it was written last, as `manager` sends it.
  std::optional<json::object> copy_of(const std::string& manager, const std::string& set) {
    const std::vector<json::object>& history = histories_[manager][set];
    if (history.empty() || history.back().empty()) return std::nullopt;
    return copied_(manager, history.back());
  }
  /// What other managers brought to `server`.
  const std::map<ObjectKey, json::object>& brought_to(const std::string& server) {
    return held_[server].objects;
  }

 private:
  struct Held {
    std::map<ObjectKey, json::object> objects;
  };

  bool is_copy(const std::string& from, const std::string& set, const json::object& object) {
    const json::object there = without_bookkeeping(object);
    return std::ranges::any_of(histories_[from][set], [&](const json::object& version) {
      return !version.empty() && copied_(from, version) == there;
    });
  }
  void look_for_files(const std::string& server, const ObjectKey& key, const json::object& object,
                      const Files& files) {
    for (const std::string& path : files_of(object)) {
      if (!files.contains(path))
        truth_.fail(fmt::format("{} has {} {} without its file {}", server, key.first, key.second, path));
    }
  }

  Truth& truth_;
  const Copied copied_;
  size_t copies_ = 0;
  std::map<std::string, std::map<std::string, std::vector<json::object>>> histories_;  // empty: absent
  std::map<std::string, Held> held_;
};

}  // namespace mullion::simulation
