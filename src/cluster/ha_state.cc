#include <boost/json.hpp>

#include "base/json.h"
#include "cluster/cluster.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;

struct TextField {
  const char* name;
  std::string HaState::*field;
};
constexpr TextField kTexts[] = {{"ConsensusJoin", &HaState::consensus_join},
                                {"VirtAddr", &HaState::virtual_address},
                                {"ServerHostname", &HaState::server_hostname},
                                {"ActiveUri", &HaState::active_uri},
                                {"Token", &HaState::token},
                                {"HaID", &HaState::ha_id},
                                {"ConsensusID", &HaState::consensus_id},
                                {"VirtInterface", &HaState::virtual_interface},
                                {"VirtInterfaceScript", &HaState::virtual_interface_script},
                                {"ConsensusAddr", &HaState::consensus_address},
                                {"ApiUrl", &HaState::api_url}};

struct SwitchField {
  const char* name;
  bool HaState::*field;
};
constexpr SwitchField kSwitches[] = {{"LoadBalanced", &HaState::load_balanced},
                                     {"Enabled", &HaState::enabled},
                                     {"ConsensusEnabled", &HaState::consensus_enabled},
                                     {"Valid", &HaState::valid},
                                     {"Passive", &HaState::passive},
                                     {"Observer", &HaState::observer}};

/// The first certificate of the first root; of the rest nothing is used.
std::string root_of(const json::object& object) {
  const json::value* roots = object.if_contains("Roots");
  if (roots == nullptr || !roots->is_array() || roots->get_array().empty()) return {};
  const json::value& first = roots->get_array().front();
  const json::value* data = first.is_object() ? first.get_object().if_contains("Data") : nullptr;
  if (data == nullptr || !data->is_array() || data->get_array().empty()) return {};
  const json::value& text = data->get_array().front();
  return text.is_string() ? std::string(text.get_string()) : std::string();
}

}  // namespace

bool joins(const HaState& state) { return state.consensus_enabled || !state.token.empty(); }
bool by_hand(const HaState& state) { return state.enabled && !state.consensus_enabled; }

json::object state_object(const HaState& state) {
  json::object out;
  for (const SwitchField& one : kSwitches) out[one.name] = state.*one.field;
  for (const TextField& one : kTexts) out[one.name] = state.*one.field;
  json::array roots;
  if (!state.root.empty()) roots.push_back(json::object{{"Data", {state.root}}, {"Key", nullptr}});
  out["Roots"] = std::move(roots);
  return out;
}

std::string encode_state(const HaState& state) { return json::serialize(state_object(state)); }

Result<HaState> decode_state(std::string_view text) {
  const Result<json::object> parsed = parse_json_object(text);
  if (!parsed) return Error(ErrorCode::kCorrupt, "the state of a cluster is a JSON object");
  const json::object& object = *parsed;
  HaState out;
  for (const SwitchField& one : kSwitches) {
    const json::value* found = object.if_contains(one.name);
    if (found == nullptr || found->is_null()) continue;
    if (!found->is_bool()) return Error(ErrorCode::kCorrupt, std::string(one.name) + " is true or false");
    out.*one.field = found->get_bool();
  }
  for (const TextField& one : kTexts) {
    const json::value* found = object.if_contains(one.name);
    if (found == nullptr || found->is_null()) continue;
    if (!found->is_string()) return Error(ErrorCode::kCorrupt, std::string(one.name) + " is a text");
    out.*one.field = std::string(found->get_string());
  }
  out.root = root_of(object);
  return out;
}

}  // namespace mullion::cluster
