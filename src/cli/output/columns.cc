// Which columns a table has, by collection.
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

struct DefaultColumns {
  std::string_view subject;
  std::string_view columns;  // blank-separated; TITLE=PATH where the two differ
};

constexpr DefaultColumns kDefaultColumns[] = {
    {"bootenvs", "Endpoint Name OS=OS.Name OnlyUnknown Available Bundle Description"},
    {"bulks", "Endpoint Id State StartedBy Total=Counts.Total Done=Counts.Done Reason Description"},
    {"catalog_items", "Endpoint Id Name Version ContentType ActualVersion"},
    {"contents", "Name=meta.Name Version=meta.Version Type=meta.Type Description=meta.Description"},
    {"contexts", "Endpoint Name Engine Image Description"},
    {"endpoints", "Endpoint Id ConnectionStatus DRPVersion Arch Os Apply Available Description"},
    {"interfaces", "Name Index Addresses ActiveAddress Gateway"},
    {"jobs", "Endpoint Uuid Machine State Task Stage StartTime EndTime"},
    {"leases", "Endpoint Addr State Strategy Token ExpireTime"},
    {"machines", "Endpoint Name Stage BootEnv Pool Address Runnable Locked Workflow Arch"},
    {"params", "Endpoint Name Type=Schema.type Secure Bundle Description"},
    {"plugin_providers", "Name Version PluginVersion"},
    {"plugins", "Endpoint Name Provider Available Description"},
    {"pools", "Endpoint Id ParentPool Description"},
    {"profiles", "Endpoint Name Profiles Bundle Available Description"},
    {"reservations", "Endpoint Addr Strategy Token Scoped Description"},
    {"roles", "Endpoint Name Description"},
    {"rollouts", "Endpoint Id State VersionSets Targets Reason Description"},
    {"stages", "Endpoint Name BootEnv Tasks Profiles Reboot Bundle Description"},
    {"subnets", "Endpoint Name Subnet ActiveStart ActiveEnd Enabled Strategy Description"},
    {"tasks", "Endpoint Name Bundle Available Description"},
    {"templates", "Endpoint ID Bundle Available Description"},
    {"tenants", "Endpoint Name Users Description"},
    {"users", "Endpoint Name Roles Description"},
    {"ux_views", "Endpoint Id ApplicableRoles Query Description"},
    {"version_sets", "Endpoint Id Apply DRPVersion DRPUXVersion Description"},
    {"workflows", "Endpoint Name Stages Bundle Available Description"},
};

}  // namespace

std::vector<Column> default_columns(std::string_view subject) {
  std::vector<Column> columns;
  for (const DefaultColumns& entry : kDefaultColumns) {
    if (entry.subject != subject) continue;
    std::string_view rest = entry.columns;
    while (!rest.empty()) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
      const size_t equals = word.find('=');
      const std::string_view path = equals == std::string_view::npos ? word : word.substr(equals + 1);
      columns.push_back({std::string(word.substr(0, equals)), std::string(path)});
    }
  }
  return columns;
}

}  // namespace mullion::cli
