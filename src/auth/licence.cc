// The licence: a signed bundle in pack `rackn-license`, or the community licence that is built in.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "auth/auth.h"
#include "auth/internal/codec.h"
#include "auth/internal/log.h"
#include "auth/signature.h"
#include "base/base64.h"
#include "base/json.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::auth {

namespace {

namespace json = boost::json;
constexpr std::string_view kPack = "rackn-license";
constexpr std::string_view kParam = "rackn/license";
constexpr std::string_view kCommunityFeatures[] = {"airgap",        "contexts",  "ha",   "manager",
                                                   "plugins",       "pools",     "rbac", "secure-boot",
                                                   "secure-params", "upto-nodes"};
constexpr std::string_view kAlways = "2020-01-01T00:00:00Z";
constexpr std::string_view kNever = "2999-12-31T00:00:00Z";

json::object community_feature(std::string_view name) {
  return {{"Name", name},
          {"Version", "1"},
          {"Data", nullptr},
          {"PurchaseDate", kAlways},
          {"StartDate", kAlways},
          {"SoftExpireDate", kNever},
          {"HardExpireDate", kNever},
          {"ContractTerminationDate", kNever},
          {"ShortLicense", "community"},
          {"LongLicense", "Granted by the built-in community licence, without limits of number or time"},
          {"Active", true},
          {"Expired", false}};
}

json::object bundle_frame() {
  return {{"Contact", ""},    {"ContactEmail", ""},      {"ContactId", ""},    {"Owner", ""},
          {"OwnerEmail", ""}, {"OwnerId", ""},           {"Grantor", ""},      {"GrantorEmail", ""},
          {"Version", ""},    {"GenerationVersion", ""}, {"MaxDrpVersion", ""}};
}

Licence community_licence() {
  json::object bundle = bundle_frame();
  bundle["Owner"] = "Community";
  bundle["Grantor"] = "Mullion";
  bundle["Version"] = "1";
  json::array licenses;
  Licence licence;
  for (const std::string_view name : kCommunityFeatures) {
    licenses.push_back(community_feature(name));
    licence.features.emplace_back(name);
  }
  bundle["Licenses"] = std::move(licenses);
  licence.bundle_json = json::serialize(bundle);
  return licence;
}

/// The signed text, or absent when no licence pack is loaded.
std::optional<std::string> signed_text(const store::Snapshot& snapshot) {
  const auto profile = snapshot.get_local("profiles", kPack);
  if (!profile) return std::nullopt;
  const auto parsed = parse_json(profile->body);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const json::value* params = parsed->get_object().if_contains("Params");
  if (params == nullptr || !params->is_object()) return std::nullopt;
  const std::string text = model::text_member(params->get_object(), kParam);
  return text.empty() ? std::nullopt : std::optional(text);
}

/// The bundle inside `text` when one of the trusted keys signed it.
std::optional<json::object> verified_bundle(std::string_view text,
                                            const std::vector<std::string>& trusted_keys) {
  const size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto message = base64_decode(text.substr(0, dot));
  const auto signature = base64_decode(text.substr(dot + 1));
  if (!message || !signature) return std::nullopt;
  if (!is_signed(*message, *signature, trusted_keys)) return std::nullopt;
  auto parsed = parse_json(*message);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  return std::move(parsed->get_object());
}

/// Missing dates do not limit.
bool after(env::WallTime now, const std::string& date, bool when_absent) {
  env::WallTime time;
  return env::parse_rfc3339(date, time) ? now > time : when_absent;
}

void judge_license(json::object& license, env::WallTime now, Licence& licence) {
  const bool active = after(now, model::text_member(license, "StartDate"), true) &&
                      !after(now, model::text_member(license, "HardExpireDate"), false);
  license["Active"] = active;
  license["Expired"] = after(now, model::text_member(license, "SoftExpireDate"), false);
  if (active) licence.features.push_back(model::text_member(license, "Name"));
}

Licence licence_of(json::object bundle, env::WallTime now) {
  Licence licence;
  licence.community = false;
  json::object whole = bundle_frame();
  for (const auto& [name, value] : bundle) whole[name] = value;
  json::value& licenses = whole["Licenses"];
  if (!licenses.is_array()) licenses = json::array();
  for (json::value& item : licenses.get_array()) {
    if (item.is_object()) judge_license(item.get_object(), now, licence);
  }
  std::sort(licence.features.begin(), licence.features.end());
  licence.manager = licence.has("manager");
  licence.bundle_json = json::serialize(whole);
  return licence;
}

}  // namespace

bool Licence::has(std::string_view feature) const {
  return std::find(features.begin(), features.end(), feature) != features.end();
}

Licence current_licence(const store::Store& store, const std::vector<std::string>& trusted_keys,
                        const env::Clock& clock) {
  const auto text = signed_text(*store.snapshot());
  if (!text) return community_licence();
  auto bundle = verified_bundle(*text, trusted_keys);
  if (!bundle) {
    kLog.warn("licence pack ignored: not signed by a trusted key pack={}", kPack);
    return community_licence();
  }
  return licence_of(std::move(*bundle), clock.wall());
}

}  // namespace mullion::auth
