#include "apply/needs.h"

#include "model/members.h"
#include "versionset/merge.h"
#include "versionset/sources.h"

namespace mullion::apply {

namespace json = boost::json;
using versionset::Kind;
namespace {

using Needs = std::vector<catalog::Need>;

void add_item(std::string_view name, std::string_view type, const std::string& word, const std::string& user,
              Needs& needs) {
  if (word.empty() || word == versionset::kIgnore) return;
  needs.push_back({std::string(name), std::string(type), word, "", user});
}

/// Components of a version set, actions of an endpoint: {"Name", "Type", "Version", "ActualVersion"}.
void add_element(const json::object& element, const std::string& user, Needs& needs) {
  const std::string word = model::text_member(element, "Type");
  std::string name = model::text_member(element, "Name");
  std::string_view type;  // any, when it is a word that no plan knows
  if (const auto kind = versionset::parse_component_kind(word)) type = versionset::kind_name(*kind);
  for (const auto& [kind, only] :
       {std::pair{Kind::kDrp, versionset::kServer}, {Kind::kDrpUx, versionset::kUx}}) {
    if (word != versionset::kind_name(kind)) continue;
    type = versionset::kind_name(kind);
    name = only;
  }
  for (const std::string_view field : {"Version", "ActualVersion"})
    add_item(name, type, model::text_member(element, field), user, needs);
}

void add_file(const json::object& file, const std::string& user, Needs& needs) {
  std::string source = model::text_member(file, "Source");
  if (source.empty()) return;
  if (auto own = versionset::own_file_of(source)) source = std::move(*own);
  needs.push_back({"", "", "", std::move(source), user});
}

template <typename Add>
void each(const json::object& object, std::string_view list, Add add) {
  for (const json::value& entry : model::list_member(object, list)) {
    if (entry.is_object()) add(entry.get_object());
  }
}

void add_set(const json::object& set, const std::string& user, Needs& needs) {
  add_item(versionset::kServer, versionset::kind_name(Kind::kDrp), model::text_member(set, "DRPVersion"),
           user, needs);
  add_item(versionset::kUx, versionset::kind_name(Kind::kDrpUx), model::text_member(set, "DRPUXVersion"),
           user, needs);
  each(set, "Components", [&](const json::object& entry) { add_element(entry, user, needs); });
  each(set, "Files", [&](const json::object& entry) { add_file(entry, user, needs); });
}

}  // namespace

std::vector<catalog::Need> catalog_needs(const store::Snapshot& snapshot) {
  Needs needs;
  snapshot.scan("version_sets", "", [&](std::string_view key, std::string_view, std::string_view body) {
    add_set(model::parse_object(body), "version_sets/" + std::string(key), needs);
    return true;
  });
  snapshot.scan("endpoints", "", [&](std::string_view key, std::string_view, std::string_view body) {
    const std::string user = "endpoints/" + std::string(key);
    const json::object endpoint = model::parse_object(body);
    each(endpoint, "Actions", [&](const json::object& entry) { add_element(entry, user, needs); });
    return true;
  });
  return needs;
}

}  // namespace mullion::apply
