#include "cluster/internal/admission.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <map>

#include "base/base64.h"
#include "base/json.h"
#include "client/api.h"
#include "client/routes.h"
#include "cluster/core.h"
#include "cluster/internal/agreed_address.h"
#include "cluster/internal/log.h"
#include "cluster/journal.h"
#include "env/sha256.h"
#include "model/members.h"
#include "net/http.h"
#include "net/keyed_stream.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;

constexpr std::string_view kSpace = "cluster";
constexpr std::string_view kTokensKey = "introductions";
constexpr auto kTokenLife = std::chrono::minutes(15);
constexpr size_t kMostTokens = 16;
constexpr int kTokenAttempts = 32;
constexpr uint64_t kLongestAnswer = 1 << 20;
constexpr uint16_t kDefaultPort = 8093;

/// Until when each token is good, by its hash, in the clock's smallest unit.
using Tokens = std::map<std::string, int64_t, std::less<>>;

std::string hash_of_token(std::string_view token) {
  env::Sha256 hash;
  hash.add(token);
  return hash.hex();
}

/// Those that are good now.
Tokens decode_tokens(const std::optional<std::string>& text, env::WallTime now) {
  Tokens out;
  for (const auto& [hash, until] : model::parse_object(text.value_or(""))) {
    if (until.is_int64() && until.get_int64() >= now.time_since_epoch().count())
      out[hash] = until.get_int64();
  }
  return out;
}

Error bad_token() {
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {"The token of the introduction is unknown, was used already, or is older than 15 minutes"});
}

/// Changes what is remembered, again when somebody else did so meanwhile.
Result<void> change_tokens(store::Store& store, const std::function<Result<void>(Tokens&)>& change,
                           env::WallTime now) {
  Error last;
  for (int attempt = 0; attempt < kTokenAttempts; ++attempt) {
    const std::optional<std::string> kept = store.snapshot()->secret(kSpace, kTokensKey);
    Tokens tokens = decode_tokens(kept, now);
    if (Result<void> changed = change(tokens); !changed) return changed;
    json::object out;
    for (const auto& [hash, until] : tokens) out[hash] = until;
    store::Batch batch;
    batch.principal = "system";
    batch.secret_guards.push_back({std::string(kSpace), std::string(kTokensKey), kept});
    batch.secrets.push_back({std::string(kSpace), std::string(kTokensKey), json::serialize(out)});
    const Result<store::Cursor> stored = store.commit_sync(std::move(batch));
    if (stored) return {};
    last = stored.error();
    if (last.code != ErrorCode::kConflict) break;
  }
  return last;
}

Error field_error(std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("{}: {}", field, why));
}

/// What every member keeps and shows of another one.
bool is_plain(std::string_view text) {
  constexpr size_t kLongestMemberText = 256;
  return text.size() <= kLongestMemberText &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

/// Of the certificate that an introduction carries.
Result<std::string> pinned_fingerprint(const HaState& wanted) {
  const std::optional<std::string> bytes = base64_decode(wanted.root);
  if (!bytes || bytes->empty()) return field_error("Roots", "the introduction carries no certificate");
  env::Sha256 hash;
  hash.add(*bytes);
  return hash.hex();
}

std::string error_text(const std::string& body) {
  const std::string texts = client::refusal_texts(body);
  return texts.empty() ? body.substr(0, 200) : texts;
}

Result<Admission> read_admission(const std::string& body) {
  return read_json(body, "the cluster's answer", [](const json::object& object) {
    return Admission{object.at("Number").to_number<MemberId>(), std::string(object.at("HaID").as_string()),
                     std::string(object.at("Roster").as_string())};
  });
}

env::Task<Result<Admission>> ask(env::Runtime& runtime, const HaState& wanted, const Candidate& candidate) {
  const Result<std::string> pin = pinned_fingerprint(wanted);
  if (!pin.ok()) co_return pin.error();
  net::ClientOptions options;
  options.base_url = wanted.consensus_join;
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  options.trust.pinned_fingerprint = *pin;
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, options);
  if (!client.ok()) co_return field_error("ConsensusJoin", client.error().text());
  net::ClientRequest request = client::bare_request(client::post_system_consensus_admit());
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(json::object{{"Token", candidate.token},
                                              {"ConsensusID", candidate.id},
                                              {"Key", candidate.key},
                                              {"ConsensusAddr", candidate.address},
                                              {"ApiUrl", candidate.api_url},
                                              {"Observer", candidate.observer}});
  Result<net::TextResponse> answer = co_await net::fetch(**client, std::move(request), kLongestAnswer);
  (*client)->close();
  if (!answer.ok()) co_return answer.error();
  if (answer->status != 200) {
    Error refused(ErrorCode::kConflict, "the cluster refuses: " + error_text(answer->body));
    if (answer->status >= 400 && answer->status < 600) refused.status_override = answer->status;
    co_return refused;
  }
  co_return read_admission(answer->body);
}

/// The folder of what a member has for itself, empty of what an earlier membership left.
Result<void> fresh_folder(const Places& places) {
  for (const env::Path& old : {places.own(), places.returning()}) {
    if (Result<void> removed = env::remove_tree(old); !removed.ok()) return removed;
  }
  return env::make_directories(places.own(), 0700);
}

Result<void> write_membership(const Places& places, MemberId number, const std::string& roster) {
  json::object own;
  own["own"] = number;
  own["roster"] = roster;
  return env::write_file_atomic(places.members(), json::serialize(own), 0600);
}

HaState member_state(const JoinRequest& request, HaState wanted, const Roster& roster) {
  wanted.enabled = true;
  wanted.consensus_enabled = !roster.by_hand;
  wanted.valid = true;
  wanted.ha_id = roster.ha_id;
  wanted.consensus_id = request.consensus_id;
  wanted.api_url = request.api_url;
  wanted.server_hostname = request.hostname;
  wanted.token.clear();
  wanted.root.clear();
  return wanted;
}

std::string host_of(const std::string& url) {
  const size_t begin = url.find("://");
  const std::string rest = begin == std::string::npos ? url : url.substr(begin + 3);
  return rest.substr(0, rest.rfind(':'));
}

/// Where nothing else was said: what this process was started with, else the address of the API and the port
/// that clients know. A cluster that is joined has its address already.
void complete(HaState& wanted, const JoinRequest& request) {
  const HaSettings& settings = request.settings;
  const auto fill = [](std::string& field, const std::string& value) {
    if (field.empty()) field = value;
  };
  if (!joins(wanted) && wanted.virtual_address.empty()) {
    wanted.virtual_address = settings.virtual_address;
    wanted.load_balanced = wanted.load_balanced || settings.load_balanced;
  }
  if (!wanted.virtual_address.empty() && !wanted.load_balanced && !wanted.observer) {
    fill(wanted.virtual_interface, settings.virtual_interface);
    fill(wanted.virtual_interface_script, settings.virtual_interface_script);
  }
  fill(wanted.consensus_address, settings.consensus_address);
  if (wanted.consensus_address.empty())
    wanted.consensus_address = fmt::format("{}:{}", host_of(request.api_url), kDefaultPort);
}

bool is_program(const env::Path& path) {
  std::error_code failure;
  return path.is_absolute() && std::filesystem::is_regular_file(path, failure) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<void> check_port_is_free(env::Runtime& runtime, const std::string& address) {
  const Result<net::PeerKey> key = net::PeerKey::make();
  if (!key.ok()) return key.error();
  const auto listener = net::listen_keyed(runtime, {.address = address}, *key,
                                          [](net::KeyedStreamPtr) -> env::Task<void> { co_return; });
  if (!listener.ok()) return field_error("ConsensusAddr", listener.error().messages.front());
  return {};
}

Result<void> remember_token(store::Store& store, std::string_view token, env::WallTime now) {
  return change_tokens(
      store,
      [&](Tokens& tokens) -> Result<void> {
        while (tokens.size() >= kMostTokens)
          tokens.erase(std::ranges::min_element(tokens, {}, [](const auto& entry) { return entry.second; }));
        tokens[hash_of_token(token)] = (now + kTokenLife).time_since_epoch().count();
        return {};
      },
      now);
}

Result<void> check_token(const store::Snapshot& snapshot, std::string_view token, env::WallTime now) {
  const bool known = !token.empty() &&
                     decode_tokens(snapshot.secret(kSpace, kTokensKey), now).contains(hash_of_token(token));
  return known ? Result<void>() : Result<void>(bad_token());
}

Result<void> use_token(store::Store& store, std::string_view token, env::WallTime now) {
  return change_tokens(
      store,
      [&](Tokens& tokens) -> Result<void> {
        if (token.empty() || tokens.erase(hash_of_token(token)) == 0) return bad_token();
        return {};
      },
      now);
}

Result<void> check_candidate(const Candidate& candidate, const Roster& roster, std::string_view lost) {
  if (candidate.id.empty()) return field_error("ConsensusID", "is needed");
  if (!is_plain(candidate.id)) return field_error("ConsensusID", "is at most 256 printable ASCII characters");
  if (!is_plain(candidate.api_url)) return field_error("ApiUrl", "is at most 256 printable ASCII characters");
  if (candidate.key.size() != 64) return field_error("Key", "is an Ed25519 key in hex");
  if (!net::is_ip_and_port(candidate.address)) return field_error("ConsensusAddr", "is IP:port");
  for (const RosterMember& member : roster.members) {
    if (member.id == lost && candidate.id == lost) continue;
    if (member.id != candidate.id && member.address != candidate.address && member.key != candidate.key)
      continue;
    return Error(ErrorCode::kConflict,
                 fmt::format("member {} has this ConsensusID, key or ConsensusAddr already", member.id));
  }
  return {};
}

Result<void> check_wanted(const HaState& wanted, const JoinRequest& request) {
  if (!net::is_ip_and_port(wanted.consensus_address)) return field_error("ConsensusAddr", "is IP:port");
  return check_address(wanted, facts_of_machine(wanted, request.settings.listens_everywhere));
}

AddressFacts facts_of_machine(const HaState& wanted, bool listens_everywhere) {
  AddressFacts facts;
  facts.interface_exists = env::has_interface(wanted.virtual_interface);
  facts.address_here = env::has_address(bare_address(wanted.virtual_address));
  facts.script_runs = is_program(wanted.virtual_interface_script);
  facts.listens_everywhere = listens_everywhere;
  facts.may_move = env::may_move_addresses();
  return facts;
}

env::Task<Result<HaState>> join(env::Runtime& runtime, JoinRequest request, HaState wanted) {
  complete(wanted, request);
  if (const Result<void> fine = check_wanted(wanted, request); !fine.ok()) co_return fine.error();
  if (wanted.token.empty() || wanted.consensus_join.empty())
    co_return field_error("Token", "an introduction of the active member is needed");
  Result<net::PeerKey> key = net::PeerKey::make();
  if (!key.ok()) co_return key.error();
  Candidate candidate{wanted.token,    request.consensus_id, key->public_key(), wanted.consensus_address,
                      request.api_url, wanted.observer};
  if (wanted.consensus_address != request.listens_on) {
    std::optional<Result<void>> free;
    co_await env::run_blocking([&] { free = check_port_is_free(runtime, wanted.consensus_address); });
    if (!free->ok()) co_return free->error();
  }
  const Result<Admission> admitted = co_await ask(runtime, wanted, candidate);
  if (!admitted.ok()) co_return admitted.error();
  Result<HaState> state = Error(ErrorCode::kInternal, "");
  co_await env::run_blocking([&] { state = settle(request, *key, *admitted, std::move(wanted)); });
  co_return state;
}

Result<HaState> settle(const JoinRequest& request, const net::PeerKey& key, const Admission& admitted,
                       HaState wanted) {
  const Result<Roster> roster = decode_roster(admitted.roster);
  if (!roster.ok()) return roster.error();
  const HaState state = member_state(request, std::move(wanted), *roster);
  Result<void> done = fresh_folder(request.places);
  if (done.ok()) done = key.store(request.places.key());
  if (done.ok()) done = write_membership(request.places, admitted.number, admitted.roster);
  if (done.ok()) done = env::write_file_atomic(request.places.set_aside(), "", 0600);
  // From here on the next start is that of a member.
  if (done.ok()) done = env::write_file_atomic(request.places.state(), encode_state(state), 0600);
  if (!done.ok()) return done.error();
  return state;
}

Result<HaState> found(const JoinRequest& request, store::Store& store, HaState wanted) {
  complete(wanted, request);
  if (const Result<void> fine = check_wanted(wanted, request); !fine.ok()) return fine.error();
  Result<net::PeerKey> key = net::PeerKey::make();
  if (!key.ok()) return key.error();
  Roster roster{wanted.ha_id, 2, {}};
  roster.by_hand = by_hand(wanted);
  roster.members.push_back({1, request.consensus_id, key->public_key(), wanted.consensus_address,
                            request.api_url, wanted.observer, true});
  if (wanted.observer) return field_error("Observer", "the first member cannot be an observer");
  Result<void> done = fresh_folder(request.places);
  if (done.ok()) done = key->store(request.places.key());
  if (done.ok()) done = write_membership(request.places, 1, encode_roster(roster));
  if (done.ok()) done = forget_agreed_address(store);
  store::AgreedPlace place = store.agreed().place;
  place = {place.index + 1, place.term + 1};
  const auto decide = [&]() -> Result<store::AgreedStep> {
    return store::AgreedStep{place, encode_conf({1}, {}), encode_roster(roster)};
  };
  if (done.ok()) done = store.step(decide);
  if (!done.ok()) return done.error();
  Result<std::unique_ptr<Journal>> journal = open_journal(request.places.journal());
  if (!journal.ok()) return journal.error();
  if (Result<void> begun = (*journal)->begin_at(place.index, place.term); !begun.ok()) return begun.error();
  const HaState state = member_state(request, std::move(wanted), roster);
  if (Result<void> written = env::write_file_atomic(request.places.state(), encode_state(state), 0600);
      !written.ok()) {
    return written.error();
  }
  return state;
}

}  // namespace mullion::cluster
