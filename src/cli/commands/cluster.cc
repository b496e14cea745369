// High availability: joining, enrolling and removing members (contract: manager.md section 6).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "base/letters.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kSwitches[] = {"Observer", "LoadBalanced"};
constexpr std::string_view kTexts[] = {"VirtInterface", "VirtInterfaceScript", "ConsensusAddr", "VirtAddr",
                                       "HaID"};

/// KEY VALUE pairs of `enroll` into the state that is sent.
Result<void> set_pairs(json::object& state, std::span<const std::string> words) {
  if (words.size() % 2 != 0) return usage_error("settings are pairs of KEY and VALUE");
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& key = words[i];
    if (std::find(std::begin(kSwitches), std::end(kSwitches), key) != std::end(kSwitches)) {
      state[key] = lower_case(words[i + 1]) == "true";
    } else if (std::find(std::begin(kTexts), std::end(kTexts), key) != std::end(kTexts)) {
      state[key] = words[i + 1];
    } else {
      return usage_error(fmt::format("unknown setting `{}`: expected one of {}, {}", key,
                                     fmt::join(kTexts, ", "), fmt::join(kSwitches, ", ")));
    }
  }
  return {};
}

Result<json::object> get_state(Session& session, const client::Request& request) {
  Result<json::value> value = session.get(request);
  if (!value) return value.error();
  if (value->is_object()) return value->get_object();
  return Error(ErrorCode::kInternal, std::string(request.shown()) + ": the server's answer is no object");
}

/// What the cluster shares laid over what a server is by itself.
json::object overlaid(json::object state, const json::object& introduction) {
  for (const auto& entry : introduction) state[entry.key()] = entry.value();
  return state;
}

}  // namespace

Result<void> cluster_introduction(Invocation& call) {
  Result<json::value> introduction = call.session.get(client::get_system_consensus_introduction());
  if (!introduction) return introduction.error();
  if (call.arguments.empty()) return print_answer(call, introduction);
  // It lets its bearer into the cluster.
  Result<void> written = env::write_file_atomic(call.argument(0), pretty_json(*introduction) + "\n", 0600);
  return written ? Result<void>()
                 : Result<void>(Error(written.error().code, "cannot write " + call.argument(0)));
}

Result<void> cluster_fail_over_safe(Invocation& call) {
  client::Request request = client::post_system_consensus_fail_over_safe();
  if (!call.arguments.empty()) request = request.with("waitFor", call.argument(0));
  return print_answer(call, call.session.send_json({request}));
}

Result<void> cluster_join(Invocation& call) {
  Result<json::value> introduction = read_document(call, call.argument(0));
  if (!introduction) return introduction.error();
  if (!introduction->is_object()) return usage_error(call.argument(0) + " holds no introduction");
  Result<json::object> state = get_state(call.session, client::get_system_consensus("state"));
  if (!state) return state.error();
  const json::value body = overlaid(std::move(*state), introduction->get_object());
  return print_answer(call, call.session.send_value(client::post_system_consensus_enroll(), body));
}

Result<void> cluster_enroll(Invocation& call) {
  Options options = call.options;
  options.endpoints = {call.argument(0)};
  options.username = call.argument(1);
  options.password = read_secret(call, call.argument(2));
  options.token.clear();
  options.url_proxy.clear();
  options.local_proxy.clear();  // it leads to the server of the command
  options.fingerprint.clear();  // so does this
  options.no_token = true;
  Session target(call.terminal, options);
  Result<json::object> state = get_state(target, client::get_system_consensus("state"));
  if (!state) return state.error();
  Result<json::object> introduction = get_state(call.session, client::get_system_consensus_introduction());
  if (!introduction) return introduction.error();
  json::object body = overlaid(std::move(*state), *introduction);
  Result<void> set = set_pairs(body, std::span(call.arguments).subspan(3));
  if (!set) return set;
  return print_answer(
      call, target.send_value(client::post_system_consensus_enroll(), json::value(std::move(body))));
}

Result<void> cluster_change(Invocation& call) {
  json::object body;
  Result<void> set = set_pairs(body, call.arguments);
  if (!set) return set;
  const client::Request request = client::put_system_consensus_state();
  return print_answer(call, call.session.send_value(request, json::value(std::move(body))));
}

/// The ConsensusID of the member that is meant by it, or by its address.
Result<std::string> member_id(Invocation& call, const std::string& wanted) {
  Result<json::value> peers = call.session.get(client::get_system_consensus("peers"));
  if (!peers) return peers.error();
  const json::array none;
  for (const json::value& peer : peers->is_array() ? peers->get_array() : none) {
    std::string id = text_member(peer, "ConsensusID");
    if (id == wanted || text_member(peer, "ConsensusAddr") == wanted) return id;
  }
  return Error(ErrorCode::kNotFound, wanted + " is no member of this cluster");
}

Result<void> cluster_rekey(Invocation& call) {
  const Result<std::string> id = member_id(call, call.argument(0));
  if (!id) return id.error();
  return print_answer(call, call.session.send_json({client::post_system_consensus_node_key(*id)}));
}

Result<void> cluster_remove(Invocation& call) {
  Result<json::value> peers = call.session.get(client::get_system_consensus("peers"));
  if (!peers) return peers.error();
  const std::string& wanted = call.argument(0);
  const json::array none;
  for (const json::value& peer : peers->is_array() ? peers->get_array() : none) {
    const std::string id = text_member(peer, "ConsensusID");
    if (id != wanted && text_member(peer, "ConsensusAddr") != wanted) continue;
    const json::value* passive = member(peer, "Passive");
    if (passive == nullptr || !passive->is_bool() || !passive->get_bool()) {
      return Error(ErrorCode::kConflict, wanted + " is not passive: only passive members can be removed");
    }
    return print_answer(call, call.session.send_json({client::delete_system_consensus_node(id)}));
  }
  return Error(ErrorCode::kNotFound, wanted + " is no member of this cluster");
}

}  // namespace mullion::cli
