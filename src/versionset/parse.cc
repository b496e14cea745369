// From the body of a VersionSet object to its meaning.
#include <fmt/format.h>

#include <set>

#include "base/json.h"
#include "base/letters.h"
#include "model/members.h"
#include "model/object.h"
#include "versionset/merge.h"
#include "versionset/sources.h"
#include "versionset/values.h"

namespace mullion::versionset {
namespace {

class Reader {
 public:
  explicit Reader(const json::object& object) : object_(object) {}

  Result<VersionSet> read() {
    set_.id = text("Id");
    set_.apply = flag("Apply");
    set_.drp_version = text("DRPVersion");
    set_.drpux_version = text("DRPUXVersion");
    each("Components", [this](const json::object& entry) { read_component(entry); });
    each("Plugins", [this](const json::object& entry) { read_plugin(entry); });
    each("Files", [this](const json::object& entry) { read_file(entry); });
    read_prefs();
    for (const auto& [name, value] : map("Global")) set_.global.emplace(name, value);
    if (!faults_.empty())
      return Error(ErrorCode::kInvalid, "ValidationError", "version_sets", set_.id, faults_);
    return std::move(set_);
  }

 private:
  void fault(std::string text) { faults_.push_back(place_.empty() ? std::move(text) : place_ + ": " + text); }

  /// The member, unless it is missing or null.
  static const json::value* given(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  std::string text(std::string_view name) { return text(object_, name); }
  std::string text(const json::object& object, std::string_view name) {
    const json::value* value = given(object, name);
    if (value != nullptr && !value->is_string()) fault(fmt::format("{}: expected a string", name));
    return model::text_member(object, name);
  }
  bool flag(std::string_view name) { return flag(object_, name); }
  bool flag(const json::object& object, std::string_view name) {
    const json::value* value = given(object, name);
    if (value != nullptr && !value->is_bool()) fault(fmt::format("{}: expected true or false", name));
    return model::flag_member(object, name);
  }
  const json::object& map(std::string_view name) {
    const json::value* value = given(object_, name);
    if (value != nullptr && !value->is_object()) fault(fmt::format("{}: expected an object", name));
    return model::object_member(object_, name);
  }

  template <typename Take>
  void each(std::string_view name, Take take) {
    const json::value* value = given(object_, name);
    if (value != nullptr && !value->is_array()) fault(fmt::format("{}: expected a list", name));
    seen_.clear();
    size_t position = 0;
    for (const json::value& entry : model::list_member(object_, name)) {
      place_ = fmt::format("{}[{}]", name, position++);
      if (entry.is_object()) {
        take(entry.get_object());
      } else {
        fault("expected an object");
      }
    }
    place_.clear();
  }

  /// The name of an entry, from now on part of its place; "" was told as a fault.
  std::string name_of(const json::object& entry, std::string_view member) {
    std::string name = text(entry, member);
    if (name.empty()) {
      fault(fmt::format("{} is missing", member));
      return name;
    }
    place_ += fmt::format(" ({:.200})", name);
    if (!seen_.insert(name).second) fault("is in the list twice");
    return name;
  }

  void read_component(const json::object& entry) {
    Component component;
    component.name = name_of(entry, "Name");
    component.version = text(entry, "Version");
    component.actual_version = text(entry, "ActualVersion");
    component.replace_writable = flag(entry, "ReplaceWritable");
    if (component.version.empty()) fault("Version is missing: stable, tip, ignore or a version");
    if (const std::string word = text(entry, "Type"); !word.empty()) {
      Result<Kind> kind = parse_component_kind(word);
      if (kind) component.kind = *kind;
      if (!kind) fault("Type: " + kind.error().messages.front());
    }
    set_.components.push_back(std::move(component));
  }

  void read_plugin(const json::object& entry) {
    name_of(entry, "Name");
    if (text(entry, "Provider").empty()) fault("Provider is missing");
    const json::value* params = given(entry, "Params");
    if (params != nullptr && !params->is_object()) fault("Params: expected an object");
    set_.plugins.push_back(entry);
  }

  void read_file(const json::object& entry) {
    FileWish file;
    file.path = name_of(entry, "Path");
    file.sha256 = lower_case(text(entry, "Sha256Sum"));
    file.source = text(entry, "Source");
    file.explode = flag(entry, "Explode");
    if (const Result<void> path = check_target(file.path); !path && !file.path.empty())
      fault("Path: " + path.error().messages.front());
    if (!file.sha256.empty() && !is_sha256(file.sha256)) fault("Sha256Sum: expected 64 hexadecimal digits");
    if (const Result<void> source = check_source(file.source); !source)
      fault("Source: " + source.error().messages.front());
    if (file.sha256.empty() && !own_file_of(file.source))
      fault("Sha256Sum is missing; only a file of this server (self://...) can do without");
    set_.files.push_back(std::move(file));
  }

  void read_prefs() {
    for (const auto& [name, value] : map("Prefs")) {
      if (is_secret_pref(name)) {
        fault(fmt::format(
            "Prefs.{}: a secret of each server, which a set would show in clear to whoever may read "
            "sets; set it at the server",
            std::string_view(name)));
        continue;
      }
      if (!value.is_string()) {
        fault(fmt::format("Prefs.{}: expected a string", std::string_view(name)));
        continue;
      }
      set_.prefs.emplace(name, value.get_string());
    }
  }

  const json::object& object_;
  VersionSet set_;
  std::string place_;
  std::set<std::string> seen_;
  std::vector<std::string> faults_;
};

}  // namespace

Result<VersionSet> VersionSet::parse(std::string_view body) {
  Result<json::value> parsed = parse_json(body, 256);
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return Error(ErrorCode::kInvalid, "a version set is an object");
  return Reader(parsed->get_object()).read();
}

}  // namespace mullion::versionset
