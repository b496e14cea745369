#include "versionset/merge.h"

#include <fmt/format.h>

namespace mullion::versionset {
namespace {

/// What the sets say about the keys of one member, in the order of the fold: lowest set first.
template <typename Value>
class Fold {
 public:
  void say(const std::string& key, const std::string& set, const Value& value) {
    const auto [found, fresh] = positions_.emplace(key, entries_.size());
    if (fresh) entries_.push_back({key, {}});
    entries_[found->second].sayings.push_back({&set, &value});
  }

  std::vector<Sourced<Value>> list() const {
    std::vector<Sourced<Value>> out;
    out.reserve(entries_.size());
    for (const Entry& entry : entries_) out.push_back(winner(entry));
    return out;
  }
  std::map<std::string, Sourced<Value>> map() const {
    std::map<std::string, Sourced<Value>> out;
    for (const Entry& entry : entries_) out.emplace(entry.key, winner(entry));
    return out;
  }

 private:
  struct Saying {
    const std::string* set;
    const Value* value;
  };
  struct Entry {
    std::string key;
    std::vector<Saying> sayings;
  };

  static Sourced<Value> winner(const Entry& entry) {
    const Saying& last = entry.sayings.back();
    Sourced<Value> out{*last.value, {*last.set, {}}};
    for (size_t i = entry.sayings.size() - 1; i-- > 0;) {
      if (!(*entry.sayings[i].value == *last.value)) out.from.shadows.push_back(*entry.sayings[i].set);
    }
    return out;
  }

  std::map<std::string, size_t> positions_;
  std::vector<Entry> entries_;
};

std::string name_of(const json::object& plugin) {
  const json::value* name = plugin.if_contains("Name");
  return name != nullptr && name->is_string() ? std::string(name->get_string()) : std::string();
}

std::optional<Sourced<std::string>> only(const Fold<std::string>& fold) {
  std::vector<Sourced<std::string>> list = fold.list();
  if (list.empty()) return std::nullopt;
  return std::move(list.front());
}

}  // namespace

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kDrp:
      return "DRP";
    case Kind::kDrpUx:
      return "DRPUX";
    case Kind::kContentPackage:
      return "ContentPackage";
    case Kind::kPluginProvider:
      return "PluginProvider";
    case Kind::kPlugin:
      return "Plugin";
    case Kind::kFile:
      return "File";
    case Kind::kPref:
      return "Pref";
    case Kind::kGlobal:
      return "Global";
  }
  return "";
}

Result<Kind> parse_component_kind(std::string_view word) {
  if (word == "ContentPackage" || word == "CP") return Kind::kContentPackage;
  if (word == "PluginProvider" || word == "PP") return Kind::kPluginProvider;
  return Error(
      ErrorCode::kInvalid,
      fmt::format("`{:.100}` is no type of a component: ContentPackage (CP) or PluginProvider (PP)", word));
}

Wanted merge(const std::vector<const VersionSet*>& priority_order) {
  Wanted out;
  Fold<std::string> drp, drpux, prefs;
  Fold<Component> components;
  Fold<json::object> plugins;
  Fold<json::value> global;
  Fold<FileWish> files;
  for (const VersionSet* set : priority_order) out.sets.push_back(set->id);
  for (size_t i = priority_order.size(); i-- > 0;) {
    const VersionSet& set = *priority_order[i];
    out.apply = out.apply && set.apply;
    if (!set.drp_version.empty()) drp.say("", set.id, set.drp_version);
    if (!set.drpux_version.empty()) drpux.say("", set.id, set.drpux_version);
    for (const Component& component : set.components) components.say(component.name, set.id, component);
    for (const json::object& plugin : set.plugins) plugins.say(name_of(plugin), set.id, plugin);
    for (const auto& [name, value] : set.prefs) prefs.say(name, set.id, value);
    for (const auto& [name, value] : set.global) global.say(name, set.id, value);
    for (const FileWish& file : set.files) files.say(file.path, set.id, file);
  }
  out.drp_version = only(drp);
  out.drpux_version = only(drpux);
  out.components = components.list();
  out.plugins = plugins.list();
  out.prefs = prefs.map();
  out.global = global.map();
  out.files = files.list();
  return out;
}

}  // namespace mullion::versionset
