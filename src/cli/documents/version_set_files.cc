#include "cli/documents/version_set_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/letters.h"
#include "base/text.h"
#include "cli/documents/document.h"
#include "cli/documents/pack_files.h"
#include "cli/output/output.h"
#include "model/object.h"
#include "model/object_type.h"
#include "versionset/merge.h"
#include "yaml/typed_texts.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

/// What users declare.
constexpr std::string_view kDeclared[] = {"Id",         "Description",  "Documentation", "Apply",
                                          "DRPVersion", "DRPUXVersion", "Components",    "Plugins",
                                          "Prefs",      "Files",        "Global",        "Meta"};
/// Marks a set that a parent manager put here.
constexpr std::string_view kFrom = "mullion/from";
constexpr size_t kLongestValue = 60;

const model::ObjectType& set_type() { return *model::find_object_type("version_sets"); }

Error invalid(std::vector<std::string> texts) {
  return Error(ErrorCode::kInvalid, "", "", "", std::move(texts));
}

bool is_declared(std::string_view name) { return std::ranges::find(kDeclared, name) != std::end(kDeclared); }

json::object declared_part(const json::object& set) {
  json::object out;
  for (const std::string_view name : kDeclared) {
    if (const json::value* value = set.if_contains(name)) out[name] = *value;
  }
  return out;
}

/// As a server would keep it: defaults filled in.
Result<json::object> shaped(const json::object& set) {
  Result<json::object> out = model::normalise(set_type(), json::value(set), nullptr);
  if (!out) return out;
  return declared_part(*out);
}

/// What exports of other servers hold beside the set itself, as far as it says nothing.
void drop_empty_exports(json::object& set) {
  const json::value* params = set.if_contains("Params");
  if (params != nullptr && (params->is_null() || *params == json::value(json::object()))) set.erase("Params");
  const json::value* type = set.if_contains("Type");
  if (type != nullptr && *type == json::value(set_type().prefix)) set.erase("Type");
}

std::vector<std::string> strange_members(const json::object& set) {
  std::vector<std::string> out;
  for (const auto& [name, value] : set) {
    if (!is_declared(name)) {
      out.push_back(fmt::format("`{}` is no member of a version set; it has {}", std::string_view(name),
                                fmt::join(kDeclared, ", ")));
    }
  }
  return out;
}

Result<void> add_set(SetMap& sets, const std::string& file, const json::value& document) {
  json::value plain = without_computed(document);
  if (!plain.is_object()) return invalid({fmt::format("{}: expected a version set, which is a map", file)});
  yaml::spell_texts(set_type().fields, plain.get_object(), yaml::Nulls::kEmptyText);
  drop_empty_exports(plain.get_object());
  const std::string id = text_member(plain, "Id");
  const std::string place = fmt::format("{}: {}", file, id.empty() ? "a set without Id" : id);
  std::vector<std::string> faults = strange_members(plain.get_object());
  if (id.empty()) faults.emplace_back("Id is missing");
  const auto parsed = versionset::VersionSet::parse(json::serialize(plain));
  if (!parsed) faults.insert(faults.end(), parsed.error().messages.begin(), parsed.error().messages.end());
  Result<json::object> set = shaped(plain.get_object());
  if (!set) faults.insert(faults.end(), set.error().messages.begin(), set.error().messages.end());
  if (faults.empty() && sets.contains(id)) faults.emplace_back("is in the files twice");
  if (!faults.empty()) {
    for (std::string& fault : faults) fault = fmt::format("{}: {}", place, fault);
    return invalid(std::move(faults));
  }
  sets.emplace(id, std::move(*set));
  return {};
}

std::string short_value(const json::value* value) {
  if (value == nullptr) return "nothing";
  std::string text = json::serialize(*value);
  if (text.size() > kLongestValue) text = text.substr(0, kLongestValue - 3) + "...";
  return text;
}

/// What a list's entries are called, so that the one that differs can be named.
std::string_view key_of(std::string_view list) { return list == "Files" ? "Path" : "Name"; }

void list_differences(std::string& out, const std::string& path, const json::value* before,
                      const json::value* after);

std::map<std::string, const json::value*> entries_of(const json::value& list, std::string_view key) {
  std::map<std::string, const json::value*> out;
  for (const json::value& entry : list.get_array()) out[text_member(entry, key)] = &entry;
  return out;
}

void list_members(std::string& out, const std::string& path,
                  const std::map<std::string, const json::value*>& before,
                  const std::map<std::string, const json::value*>& after) {
  for (const auto& [name, value] : before) {
    if (!after.contains(name)) list_differences(out, fmt::format("{}.{}", path, name), value, nullptr);
  }
  for (const auto& [name, value] : after) {
    const auto old = before.find(name);
    list_differences(out, fmt::format("{}.{}", path, name), old == before.end() ? nullptr : old->second,
                     value);
  }
}

std::map<std::string, const json::value*> members_of(const json::value& object) {
  std::map<std::string, const json::value*> out;
  for (const auto& member : object.get_object()) out[std::string(member.key())] = &member.value();
  return out;
}

bool is_named_list(const json::value& list, std::string_view key) {
  return list.is_array() && std::ranges::all_of(list.get_array(), [&](const json::value& entry) {
           return !text_member(entry, key).empty();
         });
}

void list_differences(std::string& out, const std::string& path, const json::value* before,
                      const json::value* after) {
  if (before != nullptr && after != nullptr) {
    if (*before == *after) return;
    if (before->is_object() && after->is_object())
      return list_members(out, path, members_of(*before), members_of(*after));
    const std::string_view key = key_of(path);
    if (is_named_list(*before, key) && is_named_list(*after, key))
      return list_members(out, path, entries_of(*before, key), entries_of(*after, key));
  }
  out += escaped(fmt::format("    {}: {} -> {}", path, short_value(before), short_value(after))) + "\n";
}

std::string differences(const json::object& before, const json::object& after) {
  std::string out;
  for (const std::string_view name : kDeclared)
    list_differences(out, std::string(name), before.if_contains(name), after.if_contains(name));
  return out;
}

bool is_set_file(const fs::path& path) {
  const std::string kind = lower_case(path.extension().string());
  return kind == ".yaml" || kind == ".yml" || kind == ".json";
}

/// Takes the file, or tells why what it holds cannot be known. A set that is not seen would be taken for one
/// that is not wanted: what a link leads to counts, and must be there.
void look_at(const fs::directory_entry& entry, std::vector<std::string>& files,
             std::vector<std::string>& faults) {
  std::error_code problem;
  const fs::file_status status = fs::status(entry.path(), problem);
  const std::string path = entry.path();
  if (entry.is_symlink() && status.type() == fs::file_type::not_found) {
    faults.push_back(fmt::format("{}: is a link to what is not there", path));
  } else if (entry.is_symlink() && fs::is_directory(status)) {
    faults.push_back(fmt::format("{}: is a link to a folder, and such links are not followed", path));
  } else if (!fs::status_known(status)) {
    faults.push_back(fmt::format("{}: {}", path, problem.message()));
  } else if (is_set_file(entry.path()) && fs::is_regular_file(status)) {
    files.push_back(path);
  } else if (is_set_file(entry.path()) && !fs::is_directory(status)) {
    faults.push_back(fmt::format("{}: is no regular file", path));
  }
}

json::array names_of(const std::vector<SetChanges::Change>& changes) {
  json::array out;
  for (const SetChanges::Change& change : changes) out.emplace_back(change.id);
  return out;
}

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

Result<void> add_sets(SetMap& sets, const std::string& file, std::string_view text) {
  Result<std::vector<json::value>> documents = yaml::read_all(text);
  if (!documents) return invalid({fmt::format("{}: {}", file, documents.error().messages.front())});
  std::vector<std::string> faults;
  const auto add = [&](const json::value& document) {
    const Result<void> added = add_set(sets, file, document);
    if (!added) faults.insert(faults.end(), added.error().messages.begin(), added.error().messages.end());
  };
  for (const json::value& document : *documents) {
    if (!document.is_array()) {
      add(document);
      continue;
    }
    for (const json::value& entry : document.get_array()) add(entry);
  }
  if (!faults.empty()) return invalid(std::move(faults));
  return {};
}

Result<std::vector<std::string>> set_files(const std::string& path) {
  std::error_code problem;
  if (!fs::is_directory(path, problem)) {
    if (!fs::exists(path, problem))
      return invalid({fmt::format("{}: there is no such file or directory", path)});
    return std::vector<std::string>{path};
  }
  std::vector<std::string> files;
  std::vector<std::string> faults;
  for (fs::recursive_directory_iterator at(path, problem), end; !problem && at != end;
       at.increment(problem)) {
    if (at->path().filename().string().starts_with('.')) {
      at.disable_recursion_pending();
      continue;
    }
    look_at(*at, files, faults);
  }
  if (problem) faults.push_back(fmt::format("{}: {}", path, problem.message()));
  if (!faults.empty()) return invalid(std::move(faults));
  std::ranges::sort(files);
  return files;
}

Result<SetChanges> compare_sets(const SetMap& wanted, const std::vector<json::object>& there, bool prune) {
  SetChanges out;
  std::map<std::string, json::object> known;
  std::map<std::string, std::string> fixed;  // set -> why it cannot be changed
  for (const json::object& set : there) {
    const std::string id = text_member(set, "Id");
    Result<json::object> shape = shaped(set);
    if (!shape) return shape.error();
    known.emplace(id, std::move(*shape));
    const json::value* read_only = set.if_contains("ReadOnly");
    if (read_only != nullptr && *read_only == json::value(true))
      fixed[id] = fmt::format("it belongs to content pack {}", text_member(set, "Bundle"));
    const json::value* meta = set.if_contains("Meta");
    const std::string from = meta == nullptr ? "" : text_member(*meta, kFrom);
    if (!from.empty()) fixed[id] = fmt::format("manager {} put it here", from);
  }
  for (const auto& [id, set] : wanted) {
    const auto found = known.find(id);
    if (found == known.end()) {
      out.created.push_back({id, {}, set});
    } else if (found->second == set) {
      out.unchanged.push_back(id);
    } else if (const auto why = fixed.find(id); why != fixed.end()) {
      out.refused.push_back(fmt::format("{} differs and cannot be changed: {}", id, why->second));
    } else {
      out.changed.push_back({id, found->second, set});
    }
  }
  if (!prune) return out;
  for (const auto& [id, set] : known) {
    if (!wanted.contains(id) && !fixed.contains(id)) out.removed.push_back(id);
  }
  return out;
}

std::string changes_text(const SetChanges& changes) {
  std::string out;
  for (const SetChanges::Change& change : changes.created) out += escaped("+ " + change.id) + "\n";
  for (const SetChanges::Change& change : changes.changed)
    out += escaped("~ " + change.id) + "\n" + differences(change.before, change.after);
  for (const std::string& id : changes.removed) out += escaped("- " + id) + "\n";
  for (const std::string& text : changes.refused) out += escaped("! " + text) + "\n";
  out += fmt::format("{} new, {} changed, {} removed, {} unchanged\n", changes.created.size(),
                     changes.changed.size(), changes.removed.size(), changes.unchanged.size());
  return out;
}

json::object changes_json(const SetChanges& changes) {
  json::object out;
  out["Created"] = names_of(changes.created);
  out["Changed"] = names_of(changes.changed);
  out["Removed"] = to_array(changes.removed);
  out["Unchanged"] = to_array(changes.unchanged);
  out["Refused"] = to_array(changes.refused);
  return out;
}

}  // namespace mullion::cli
