#include "mirror/internal/sight.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::mirror {
namespace {

namespace json = boost::json;

constexpr std::string_view kRead = "get";
/// Of one list; with more of them the account may be in one that is not shown.
constexpr size_t kMostTenants = 1000;

std::optional<json::array> read_array(std::string_view text) {
  Result<json::value> value = parse_json(text);
  if (!value || !value->is_array()) return std::nullopt;
  return std::move(value->get_array());
}

env::Task<std::optional<std::string>> look_up_text(Api& api, client::Request request) {
  Result<Answer> answer = co_await api.ask(std::move(request));
  if (!answer || answer->status != 200) co_return std::nullopt;
  co_return std::move(answer->body);
}

}  // namespace

void Rights::add_role(std::string_view role) {
  const std::optional<json::object> object = model::read_object(role);
  if (!object) return lack_roles("a role cannot be read");
  for (const json::value& item : model::list_member(*object, "Claims")) {
    if (!item.is_object()) continue;
    const json::object& claim = item.get_object();
    claims_.push_back({model::text_member(claim, "scope"), model::text_member(claim, "action"),
                       model::text_member(claim, "specific")});
  }
}

void Rights::take_tenant(std::string_view tenants, std::string_view account) {
  const std::optional<json::array> all = read_array(tenants);
  if (!all) return lack_tenant("tenants cannot be read");
  for (const json::value& item : *all) {
    if (!item.is_object()) continue;
    const std::vector<std::string> users = model::texts_member(item.get_object(), "Users");
    if (std::ranges::find(users, account) == users.end()) continue;
    const json::object& members = model::object_member(item.get_object(), "Members");
    for (const auto& [prefix, keys] : members) {
      for (std::string& key : model::texts_member(members, prefix)) members_[prefix].insert(std::move(key));
      members_.try_emplace(prefix);
    }
    return;
  }
  if (all->size() >= kMostTenants) lack_tenant("there are more tenants than are looked at");
  // A list leaves out what the account may not read.
  if (!covers("tenants", auth::Subject::everything())) lack_tenant("this account may not read every tenant");
}

void Rights::lack_roles(std::string why) {
  if (roles_unknown_.empty()) roles_unknown_ = std::move(why);
}
void Rights::lack_tenant(std::string why) {
  if (tenant_unknown_.empty()) tenant_unknown_ = std::move(why);
}

bool Rights::covers(std::string_view prefix, auth::Subject subject) const {
  return auth::covers(claims_, {std::string(prefix), std::string(kRead), std::move(subject)});
}

Sight Rights::of(std::string_view prefix, std::string_view key) const {
  const auto restricted = members_.find(prefix);
  if (restricted != members_.end() && !restricted->second.contains(key)) return Sight::kMayNot;
  const bool covered = covers(prefix, auth::Subject::here(std::string(key)));
  if (!covered && roles_unknown_.empty()) return Sight::kMayNot;
  return covered && tenant_unknown_.empty() ? Sight::kMay : Sight::kUnknown;
}

Sight Rights::of_all(std::string_view prefix) const {
  if (!tenant_unknown_.empty() || members_.contains(prefix)) return Sight::kUnknown;
  return covers(prefix, auth::Subject::everything()) ? Sight::kMay : Sight::kUnknown;
}

std::optional<std::vector<std::string>> roles_of(std::string_view user) {
  const std::optional<json::object> object = model::read_object(user);
  const json::value* roles = object ? object->if_contains("Roles") : nullptr;
  if (roles == nullptr || !roles->is_array()) return std::nullopt;
  return model::texts_member(*object, "Roles");
}

env::Task<Rights> read_rights(Api& api, std::string account) {
  Rights out;
  const std::optional<std::string> user = co_await look_up_text(api, client::get_object("users", account));
  std::optional<std::vector<std::string>> roles = user ? roles_of(*user) : std::nullopt;
  if (!roles) out.lack_roles("the endpoint does not tell the roles of this account");
  if (roles && roles->size() > Rights::kMostRoles) {
    out.lack_roles("this account has more roles than are looked at");
    roles->resize(Rights::kMostRoles);
  }
  for (const std::string& role : roles.value_or(std::vector<std::string>())) {
    const std::optional<std::string> text = co_await look_up_text(api, client::get_object("roles", role));
    if (text) out.add_role(*text);
    if (!text) out.lack_roles(fmt::format("this account may not read its role {:.100}", escaped(role)));
  }
  const std::optional<std::string> tenants = co_await look_up_text(
      api, client::get_collection("tenants").with("limit", std::to_string(kMostTenants)));
  if (tenants) out.take_tenant(*tenants, account);
  if (!tenants) out.lack_tenant("this account may not read tenants");
  co_return out;
}

bool tells_of_rights(std::string_view type, std::string_view key, std::string_view account) {
  return type == "roles" || type == "tenants" || (type == "users" && key == account);
}

}  // namespace mullion::mirror
