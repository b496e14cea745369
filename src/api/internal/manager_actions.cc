// The actions of the pseudo plugin `manager`, as a table.
#include "api/internal/manager_actions.h"

#include <algorithm>
#include <boost/json.hpp>

#include "api/internal/answers.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::api {

namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

env::Task<Result<std::string>> add_endpoint(Call& call) {
  std::string parameters = call.body.empty() ? "{}" : call.body;
  co_return co_await call.services.manager->add_endpoint(std::move(parameters), call.principal);
}

json::object report_object(const catalog::BuildReport& report) {
  return {{"Version", report.version}, {"Changed", report.changed}, {"Items", report.items},
          {"Files", report.files},     {"Read", report.hashed},     {"Warnings", texts(report.warnings)}};
}

env::Task<Result<std::string>> build_catalog(Call& call) {
  Result<catalog::BuildReport> report = co_await call.services.catalog.build(call.principal.audit_name());
  if (!report) co_return report.error();
  co_return json::serialize(report_object(*report));
}

json::array versions_array(const std::vector<catalog::KeptVersion>& versions) {
  json::array out;
  for (const catalog::KeptVersion& version : versions) {
    out.push_back(json::object{{"Id", version.id},
                               {"Bytes", version.bytes},
                               {"Paths", texts(version.paths)},
                               {"UsedBy", texts(version.reasons)}});
  }
  return out;
}

Result<bool> wants_dry_run(const Call& call) {
  if (call.body.empty()) return false;
  const auto body = model::parse_json(call.body);
  if (!body) return body.error();
  if (body->is_null()) return false;
  if (!body->is_object()) return Error(ErrorCode::kBadRequest, "The body is not a JSON object");
  const json::value* flag = body->get_object().if_contains("dry_run");
  if (flag == nullptr) return false;
  if (flag->is_bool()) return flag->get_bool();
  const bool word = flag->is_string() && (flag->get_string() == "true" || flag->get_string() == "false");
  if (word) return flag->get_string() == "true";
  return Error(ErrorCode::kBadRequest, "dry_run: expected true or false");
}

env::Task<Result<std::string>> collect_catalog(Call& call) {
  const Result<bool> dry_run = wants_dry_run(call);
  if (!dry_run) co_return dry_run.error();
  catalog::Collection found;
  co_await env::run_blocking(
      [&] { found = call.services.catalog.unused(catalog_users(*call.services.store.snapshot())); });
  json::object answer{
      {"DryRun", *dry_run}, {"Removed", versions_array(found.unused)}, {"Kept", versions_array(found.kept)}};
  if (!*dry_run && !found.unused.empty()) {
    Result<catalog::BuildReport> report =
        co_await call.services.catalog.remove(std::move(found.unused), call.principal.audit_name());
    if (!report) co_return report.error();
    answer["Catalog"] = report_object(*report);
  }
  co_return json::serialize(answer);
}

/// All catalogs joined: what version sets are resolved with.
env::Task<Result<std::string>> show_catalog(Call& call) {
  std::string text;
  co_await env::run_blocking([&] {
    const std::shared_ptr<const catalog::Items> items = call.services.catalog.items();
    json::object section;
    for (const catalog::Item& item : items->all()) {
      if (!section.contains(item.id)) section[item.id] = item.json();
    }
    json::object answer{{"meta", {{"Name", "rackn-catalog"}, {"Type", "catalog"}}},
                        {"sections", {{"catalog_items", std::move(section)}}},
                        {"problems", texts(call.services.catalog.problems())}};
    text = json::serialize(answer);
  });
  co_return text;
}

constexpr std::string_view kLogin[] = {"manager/url", "manager/username", "manager/password"};
constexpr std::string_view kDryRun[] = {"dry_run"};
constexpr ManagerAction kActions[] = {{"addEndpoint", kLogin, {}, add_endpoint},
                                      {"buildCatalog", {}, {}, build_catalog},
                                      {"collectCatalog", {}, kDryRun, collect_catalog},
                                      {"showCatalog", {}, {}, show_catalog}};

using Users = std::multimap<std::string, std::string>;

/// Components of a version set, actions of an endpoint: {"Name", "Version", "ActualVersion"}.
void add_elements(const json::object& object, std::string_view list, const std::string& user, Users& users) {
  const json::value* elements = object.if_contains(list);
  if (elements == nullptr || !elements->is_array()) return;
  for (const json::value& element : elements->get_array()) {
    if (!element.is_object()) continue;
    const std::string type = model::text_member(element.get_object(), "Type");
    std::string name = model::text_member(element.get_object(), "Name");
    if (type == "DRP") name = "drp";
    if (type == "DRPUX") name = "drp-ux";
    for (const std::string_view field : {"Version", "ActualVersion"}) {
      const std::string version = model::text_member(element.get_object(), field);
      if (!version.empty()) users.emplace(name + "-" + version, user);
    }
  }
}

void add_word(const json::object& object, std::string_view field, std::string_view name,
              const std::string& user, Users& users) {
  const std::string version = model::text_member(object, field);
  if (!version.empty()) users.emplace(fmt::format("{}-{}", name, version), user);
}

}  // namespace

std::span<const ManagerAction> manager_actions() { return kActions; }

const ManagerAction* find_manager_action(std::string_view command) {
  const auto* found =
      std::find_if(std::begin(kActions), std::end(kActions),
                   [command](const ManagerAction& action) { return action.command == command; });
  return found == std::end(kActions) ? nullptr : found;
}

std::multimap<std::string, std::string> catalog_users(const store::Snapshot& snapshot) {
  Users users;
  for (const std::string_view type : {"version_sets", "endpoints"}) {
    (void)snapshot.scan(type, "", [&](std::string_view key, std::string_view, std::string_view body) {
      const auto parsed = model::parse_json(body);
      if (!parsed || !parsed->is_object()) return true;
      const json::object& object = parsed->get_object();
      const std::string user = fmt::format("{}/{}", type, key);
      const bool set = type == "version_sets";
      add_elements(object, set ? "Components" : "Actions", user, users);
      if (set) add_word(object, "DRPVersion", "drp", user, users);
      if (set) add_word(object, "DRPUXVersion", "drp-ux", user, users);
      return true;
    });
  }
  return users;
}

}  // namespace mullion::api
