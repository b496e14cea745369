// The actions of the pseudo plugin `manager`, as a table.
#include "api/internal/manager_actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "api/internal/answers.h"
#include "api/internal/heavy.h"
#include "apply/needs.h"
#include "base/json.h"
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
  const auto body = parse_json(call.body);
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
  Result<void> run = co_await run_heavy(call, env::Pool::kProcessor, [&] {
    found = call.services.catalog.unused(apply::catalog_needs(*call.services.store.snapshot()));
  });
  if (!run) co_return run.error();
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
  Result<void> run = co_await run_heavy(call, env::Pool::kProcessor, [&] {
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
  if (!run) co_return run.error();
  co_return text;
}

constexpr std::string_view kLogin[] = {"manager/url", "manager/username", "manager/password"};
constexpr std::string_view kConnection[] = {"manager/fingerprint", "manager/ca-file", "manager/follow",
                                            "manager/walk-interval", "manager/requests-at-once"};
constexpr std::string_view kDryRun[] = {"dry_run"};
constexpr ManagerAction kActions[] = {{"addEndpoint", kLogin, kConnection, add_endpoint},
                                      {"buildCatalog", {}, {}, build_catalog},
                                      {"collectCatalog", {}, kDryRun, collect_catalog},
                                      {"showCatalog", {}, {}, show_catalog}};

}  // namespace

std::span<const ManagerAction> manager_actions() { return kActions; }

const ManagerAction* find_manager_action(std::string_view command) {
  const auto* found =
      std::find_if(std::begin(kActions), std::end(kActions),
                   [command](const ManagerAction& action) { return action.command == command; });
  return found == std::end(kActions) ? nullptr : found;
}

Result<void> check_parameters(const ManagerAction& action, std::string_view body) {
  if (body.empty()) return {};
  const auto given = parse_json(body);
  if (!given) return given.error();
  if (given->is_null()) return {};
  if (!given->is_object()) return Error(ErrorCode::kBadRequest, "The body is not a JSON object");
  const auto is_in = [](std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const auto& member : given->get_object()) {
    if (is_in(action.required, member.key()) || is_in(action.optional, member.key())) continue;
    return Error(ErrorCode::kBadRequest, fmt::format("Action {} has no parameter {:.200}", action.command,
                                                     std::string_view(member.key())));
  }
  return {};
}

}  // namespace mullion::api
