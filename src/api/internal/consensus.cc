#include "api/internal/consensus.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/log.h"
#include "api/internal/owner_asks.h"
#include "base/digest.h"
#include "base/json.h"
#include "model/members.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

constexpr auto kLongestSafeWait = std::chrono::seconds(5);

/// The members of GlobalHaState in their order; the token and the root only when they are to be shown.
json::object global_state(const cluster::HaState& state) {
  json::object out;
  const json::object all = cluster::state_object(state);
  for (const std::string_view name :
       {"LoadBalanced", "Enabled", "ConsensusEnabled", "ConsensusJoin", "VirtAddr", "ServerHostname",
        "ActiveUri", "Token", "HaID", "Valid", "Roots"}) {
    out[name] = all.at(name);
  }
  return out;
}

cluster::HaState without_secrets_of_joining(cluster::HaState state) {
  state.token.clear();
  state.root.clear();
  return state;
}

json::object current_state(const cluster::ClusterView& cluster) {
  json::object out = global_state(without_secrets_of_joining(cluster.state));
  const json::object all = cluster::state_object(cluster.state);
  for (const std::string_view name : {"ConsensusID", "VirtInterface", "VirtInterfaceScript", "ConsensusAddr",
                                      "ApiUrl", "Passive", "Observer"}) {
    out[name] = all.at(name);
  }
  return out;
}

json::array peers(const cluster::ClusterView& cluster) {
  json::array out;
  for (const cluster::NodeView& node : cluster.nodes) out.push_back(node_json(node));
  return out;
}

/// Whether databases are equal can be compared by these.
json::array digests_of(const store::Store& store, const auth::Principal& caller) {
  json::array out;
  for (const store::TypeDigest& digest : store.snapshot()->digests()) {
    if (caller.is_machine() || !may_all(caller, digest.type, "get")) continue;
    out.push_back(json::object{{"Type", digest.type},
                               {"Owner", digest.owner},
                               {"Digest", digest.digest.hex()},
                               {"Count", digest.count}});
  }
  return out;
}

json::object take_over(const cluster::TakeOver& shown) {
  return {{"Term", shown.term},
          {"Seq", shown.seq},
          {"Digest", shown.digest},
          {"Equal", json::value_from(shown.equal)}};
}

json::object full_state(const cluster::ClusterView& cluster, const cluster::TakeOver& shown,
                        const store::Store& store, const auth::Principal& caller) {
  json::object out = current_state(cluster);
  if (!cluster.enrolled) return out;
  out["Nodes"] = peers(cluster);
  out["Leader"] = cluster.leader_id;
  out["Active"] = cluster.active_id;
  out["Term"] = cluster.term;
  out["Agreed"] = cluster.agreed;
  out["Applied"] = cluster.applied;
  out["Trouble"] = cluster.trouble;
  out["Seq"] = store.newest().seq;
  out["TakeOver"] = take_over(shown);
  out["Digests"] = digests_of(store, caller);
  return out;
}

std::string ha_status(const cluster::ClusterView& cluster) {
  if (cluster.active) return "Up";
  if (!cluster.trouble.empty() || cluster.leader_id.empty()) return "Connecting";
  return cluster.applied + 1000 >= cluster.agreed ? "In-Sync" : "Syncing";
}

bool can_take_over(const cluster::ClusterView& cluster, const cluster::NodeView& node) {
  return (cluster.by_hand ? node.in_step : node.voter) && !node.observer && !node.offline;
}

json::array passives(const cluster::ClusterView& cluster) {
  json::array out;
  if (!cluster.enrolled) return out;
  for (const cluster::NodeView& node : cluster.nodes) {
    if (node.id == cluster.active_id) continue;
    const std::string_view state = node.offline                            ? "Connecting"
                                   : node.matched + 1000 >= cluster.agreed ? "In-Sync"
                                                                           : "Syncing";
    out.push_back(json::object{{"id", node.id},
                               {"address", node.address},
                               {"state", state},
                               {"electable", can_take_over(cluster, node)}});
  }
  return out;
}

/// Where the lead is switched by hand: what is acknowledged without others. The active member knows it.
std::vector<std::string> left_behind(const cluster::ClusterView& cluster) {
  std::vector<std::string> out;
  if (!cluster.active) return out;
  bool somebody = false;
  for (const cluster::NodeView& node : cluster.nodes) {
    if (node.id == cluster.own_id || node.observer) continue;
    somebody = somebody || node.in_step;
    if (!node.in_step)
      out.push_back(fmt::format("member {} is not in step: what is acknowledged meanwhile is not on its disk",
                                node.address));
  }
  if (!somebody)
    out.emplace_back("nobody can take over: what is acknowledged is on the disk of this member alone");
  return out;
}

Result<json::object> object_of(const std::string& body) {
  Result<json::value> value = body.empty() ? json::value() : parse_json(body);
  if (!value) return Error(ErrorCode::kBadRequest, "The body is not JSON: " + value.error().messages.front());
  if (!value->is_object())
    return Error(ErrorCode::kInvalid, "", "system", "consensus",
                 {"The body is an object that tells of the cluster"});
  return std::move(value->get_object());
}

Error refused_change(std::string why) {
  return Error(ErrorCode::kInvalid, "", "system", "consensus", {std::move(why)});
}

/// What a request changes of the state of a member.
struct StateChange {
  std::string listens_at;
  cluster::AddressChange address;
};

struct ChangeableText {
  std::string_view name;
  std::optional<std::string> cluster::AddressChange::*field;
};
constexpr ChangeableText kChangeable[] = {
    {"VirtAddr", &cluster::AddressChange::virtual_address},
    {"VirtInterface", &cluster::AddressChange::interface},
    {"VirtInterfaceScript", &cluster::AddressChange::script},
};
constexpr std::string_view kAllChangeable[] = {"ConsensusAddr", "VirtAddr", "LoadBalanced", "VirtInterface",
                                               "VirtInterfaceScript"};

/// One member of the body, which is not as it is now.
Result<void> note_change(std::string_view name, const json::value& value, StateChange& out) {
  if (name == "LoadBalanced") {
    if (!value.is_bool()) return refused_change("LoadBalanced: is true or false");
    out.address.load_balanced = value.get_bool();
    return {};
  }
  if (name == "ConsensusAddr") {
    if (!value.is_string()) return refused_change("ConsensusAddr: is IP:port");
    out.listens_at = std::string(value.get_string());
    return out.listens_at.empty() ? Result<void>(refused_change("ConsensusAddr: is needed")) : Result<void>();
  }
  for (const ChangeableText& one : kChangeable) {
    if (one.name != name) continue;
    if (!value.is_string()) return refused_change(fmt::format("{}: is a text", name));
    out.address.*one.field = std::string(value.get_string());
    return {};
  }
  return refused_change(
      fmt::format("{}: cannot be changed by a request, {} can", name, fmt::join(kAllChangeable, ", ")));
}

/// What stays as it is may be told, too.
Result<StateChange> change_of_state(const json::object& now, const json::object& body) {
  StateChange out;
  bool changeable = false;
  for (const auto& [name, value] : body) {
    const json::value* kept = now.if_contains(name);
    if (kept == nullptr)
      return refused_change(fmt::format("{}: the state has no such field", std::string_view(name)));
    changeable =
        changeable || std::ranges::find(kAllChangeable, std::string_view(name)) != std::end(kAllChangeable);
    if (value == *kept) continue;
    if (Result<void> noted = note_change(name, value, out); !noted) return noted.error();
  }
  if (!changeable) return refused_change(fmt::format("one of {} is needed", fmt::join(kAllChangeable, ", ")));
  return out;
}

Result<net::Response> state_answer(Result<cluster::HaState> state) {
  if (!state) return state.error();
  cluster::ClusterView view;
  view.state = std::move(*state);
  return json_response(200, json::value(current_state(view)));
}

/// At a member that does not serve: its own part first, because the address may need it; the member that
/// serves decides about the rest, in the caller's name. When it refuses this member is as it was.
env::Task<Result<net::Response>> change_here_and_there(cluster::Cluster& cluster,
                                                       cluster::AddressChange address,
                                                       AskServing ask_serving) {
  const cluster::HaState before = cluster.view().state;
  if (address.of_member()) {
    cluster::AddressChange mine;
    mine.interface = address.interface;
    mine.script = address.script;
    Result<cluster::HaState> own = co_await cluster.change_address(std::move(mine));
    if (!own) co_return own.error();
  }
  json::object shared;
  if (address.virtual_address) shared["VirtAddr"] = *address.virtual_address;
  if (address.load_balanced) shared["LoadBalanced"] = *address.load_balanced;
  Result<net::Response> answer = co_await ask_serving(json::serialize(shared));
  if (answer && answer->status == 200) {
    cluster::ClusterView view = cluster.view();  // which may not know of it yet
    view.state.virtual_address = address.virtual_address.value_or(view.state.virtual_address);
    view.state.load_balanced = address.load_balanced.value_or(view.state.load_balanced);
    co_return json_response(200, json::value(current_state(view)));
  }
  if (address.of_member()) {
    cluster::AddressChange undone;
    undone.interface = before.virtual_interface;
    undone.script = before.virtual_interface_script;
    const Result<cluster::HaState> back = co_await cluster.change_address(std::move(undone));
    if (!back) kLog.warn("what was changed of this member stays so: {}", back.error().text());
  }
  co_return answer;
}

}  // namespace

/// A name-based UUID (RFC 4122: variant 1, version 5 by its shape; the hash is ours): clients of v4.8 read it
/// into one, whatever an administrator chose as the server's id.
std::string consensus_id(std::string_view local_id) {
  std::string hex = hash128(local_id).hex();
  hex[12] = '5';
  hex[16] = 'a';
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

void add_cluster(const cluster::ClusterView& cluster, const Facts& facts, json::object& info) {
  info["ha_enabled"] = cluster.enrolled;
  info["ha_virtual_address"] = cluster.state.virtual_address;
  info["ha_is_active"] = cluster.active;
  info["ha_status"] = ha_status(cluster);
  info["ha_active_id"] = cluster.enrolled ? cluster.active_id : facts.local_id;
  info["ha_passive_state"] = passives(cluster);
  info["ha_consensus_id"] = cluster.own_id;
  info["uuid"] = cluster.own_id;
}

std::vector<std::string> cluster_errors(const cluster::ClusterView& cluster) {
  std::vector<std::string> out;
  if (!cluster.enrolled) return out;
  if (!cluster.trouble.empty())
    out.push_back((cluster.active ? "" : "this member takes no part in the cluster: ") + cluster.trouble);
  if (cluster.active_id.empty()) out.emplace_back("no member serves the cluster now");
  if (cluster.by_hand) {
    for (std::string& error : left_behind(cluster)) out.push_back(std::move(error));
    return out;
  }
  const auto voters = std::ranges::count_if(cluster.nodes, &cluster::NodeView::voter);
  if (voters < 3)
    out.push_back(fmt::format(
        "{} of the cluster's members have a vote: no failover is possible before there are 3", voters));
  const auto members = static_cast<ptrdiff_t>(cluster.nodes.size());
  if (voters >= 3 && voters < members)
    out.push_back(fmt::format(
        "{} of the cluster's {} members have a vote so far: each of the others gets one once it keeps up",
        voters, members));
  if (voters >= 4 && voters % 2 == 0)
    out.push_back(
        fmt::format("{} members have a vote: when they are split in two halves neither serves", voters));
  return out;
}

json::object node_json(const cluster::NodeView& node) {
  json::object out{{"ConsensusID", node.id},
                   {"VirtInterface", ""},
                   {"VirtInterfaceScript", ""},
                   {"ConsensusAddr", node.address},
                   {"ApiUrl", node.api_url},
                   {"Passive", node.passive},
                   {"Observer", node.observer},
                   {"Offline", node.offline},
                   {"LastArtifactCommitHandled", node.matched}};
  if (node.log_behind) out["LogBehind"] = *node.log_behind;
  if (node.files_missing) out["FilesMissing"] = *node.files_missing;
  return out;
}

json::object cluster_state(const cluster::ClusterView& cluster) {
  json::object out = global_state(without_secrets_of_joining(cluster.state));
  out["Nodes"] = peers(cluster);
  return out;
}

Result<json::value> consensus_fact(const cluster::Cluster& asked, const store::Store& store,
                                   const auth::Principal& caller, std::string_view what) {
  const cluster::ClusterView cluster = asked.view();
  if (what == "id") return json::value(cluster.own_id);
  if (what == "leader") return json::value(cluster.leader_id);
  if (what == "active") return json::value(cluster.active_id);
  if (what == "peers") return json::value(peers(cluster));
  if (what == "state") return json::value(current_state(cluster));
  if (what == "fullstate") return json::value(full_state(cluster, asked.comparison(), store, caller));
  return Error(ErrorCode::kNotFound, "GET", fmt::format("/api/v3/system/consensus/{}", what), "",
               {"No route"});
}

net::Response health(const cluster::ClusterView& cluster, bool serves, std::string_view what) {
  const bool fine = what == "active" ? cluster.active && serves : what == "ready" && serves;
  net::Response out = json_response(
      fine ? 200 : 503,
      json::value(json::object{{"role", cluster.active ? "active" : "passive"},
                               {"active", cluster.active_id},
                               {"term", cluster.term},
                               {"lag", cluster.agreed - std::min(cluster.agreed, cluster.applied)}}));
  if (what != "active" && what != "ready") out.status = 404;
  return out;
}

env::Task<Result<net::Response>> enroll(cluster::Cluster& cluster, std::string body) {
  const Result<json::object> object = object_of(body);
  if (!object) co_return object.error();
  Result<cluster::HaState> wanted = cluster::decode_state(body);
  if (!wanted) co_return Error(ErrorCode::kInvalid, "", "system", "consensus", wanted.error().messages);
  Result<cluster::HaState> state = co_await cluster.enroll(std::move(*wanted));
  if (!state) co_return state.error();
  kLog.warn("this server was enrolled in the cluster {} and starts anew", state->ha_id);
  cluster::ClusterView view;
  view.state = std::move(*state);
  co_return json_response(200, json::value(current_state(view)));
}

env::Task<Result<net::Response>> admit(cluster::Cluster& cluster, std::string body) {
  const Result<json::object> object = object_of(body);
  if (!object) co_return object.error();
  cluster::Candidate candidate;
  candidate.token = model::text_member(*object, "Token");
  candidate.id = model::text_member(*object, "ConsensusID");
  candidate.key = model::text_member(*object, "Key");
  candidate.address = model::text_member(*object, "ConsensusAddr");
  candidate.api_url = model::text_member(*object, "ApiUrl");
  const json::value* observer = object->if_contains("Observer");
  candidate.observer = observer != nullptr && observer->is_bool() && observer->get_bool();
  Result<cluster::Admission> admitted = co_await cluster.admit(std::move(candidate));
  if (!admitted) co_return admitted.error();
  co_return json_response(
      200, json::value(json::object{
               {"Number", admitted->number}, {"HaID", admitted->ha_id}, {"Roster", admitted->roster}}));
}

env::Task<Result<net::Response>> change_state(cluster::Cluster& cluster, std::string body,
                                              AskServing ask_serving) {
  const Result<json::object> object = object_of(body);
  if (!object) co_return object.error();
  const Result<StateChange> change = change_of_state(current_state(cluster.view()), *object);
  if (!change) co_return change.error();
  cluster::AddressChange address = change->address;
  if (!change->listens_at.empty()) {
    if (address.of_member() || address.of_cluster())
      co_return refused_change("ConsensusAddr: is changed by a request of its own, this member starts anew");
    Result<cluster::HaState> moved = co_await cluster.move_to(change->listens_at);
    co_return state_answer(std::move(moved));
  }
  if (!address.of_member() && !address.of_cluster())
    co_return json_response(200, json::value(current_state(cluster.view())));
  if (!address.of_cluster() || !ask_serving) {
    Result<cluster::HaState> done = co_await cluster.change_address(std::move(address));
    co_return state_answer(std::move(done));
  }
  co_return co_await change_here_and_there(cluster, std::move(address), std::move(ask_serving));
}

namespace handlers {

env::Task<Result<net::Response>> show_consensus(Call& call) {
  const Result<json::value> fact =
      consensus_fact(call.services.cluster, call.services.store, call.principal, call.argument("what"));
  if (!fact) co_return fact.error();
  co_return json_response(200, *fact);
}

env::Task<Result<net::Response>> introduce_member(Call& call) {
  Result<cluster::HaState> state = co_await call.services.cluster.introduce();
  if (!state) co_return state.error();
  co_return json_response(200, json::value(global_state(*state)));
}

env::Task<Result<net::Response>> enroll_member(Call& call) {
  return enroll(call.services.cluster, std::move(call.body));
}

env::Task<Result<net::Response>> admit_member(Call& call) {
  return admit(call.services.cluster, std::move(call.body));
}

env::Task<Result<net::Response>> change_consensus_state(Call& call) {
  return change_state(call.services.cluster, std::move(call.body), nullptr);
}

env::Task<Result<net::Response>> replace_member_key(Call& call) {
  Result<cluster::NodeView> back = co_await call.services.cluster.replace_key(call.argument("id"));
  if (!back) co_return back.error();
  co_return json_response(200, json::value(node_json(*back)));
}

env::Task<Result<net::Response>> remove_member(Call& call) {
  Result<cluster::NodeView> gone = co_await call.services.cluster.remove(call.argument("id"));
  if (!gone) co_return gone.error();
  co_return json_response(200, json::value(node_json(*gone)));
}

env::Task<Result<net::Response>> fail_over_safe(Call& call) {
  env::Duration wait{};
  const std::string text = call.query_text("waitFor");
  if (!text.empty() && !parse_duration(text, wait))
    co_return Error(ErrorCode::kBadRequest, "waitFor is a duration, as 500ms or 2s");
  Result<bool> safe =
      co_await call.services.cluster.fail_over_safe(std::min<env::Duration>(wait, kLongestSafeWait));
  if (!safe) co_return safe.error();
  co_return json_response(200, std::string(*safe ? "true" : "false"));
}

env::Task<Result<net::Response>> system_active(Call&) { co_return json_response(200, std::string("true")); }

env::Task<Result<net::Response>> system_passive(Call& call) {
  if (!call.services.cluster.enrolled()) {
    co_return Error(ErrorCode::kInvalid, "", "system", "",
                    {"This server stands alone and cannot become passive"});
  }
  Result<void> done = co_await call.services.cluster.hand_over(call.query_text("to"));
  if (!done) co_return done.error();
  co_return json_response(200, std::string("true"));
}

env::Task<Result<net::Response>> show_health(Call& call) {
  co_return health(call.services.cluster.view(), true, call.request.segments.back());
}

}  // namespace handlers
}  // namespace mullion::api
