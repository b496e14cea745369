// Who comes, goes, moves and gets another key.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/internal/admission.h"
#include "cluster/internal/member_address.h"
#include "cluster/internal/node_impl.h"
#include "env/interface_address.h"
#include "env/pools.h"
#include "env/random.h"

namespace mullion::cluster {
namespace {

/// Until a member is back with another key; it goes on trying afterwards.
constexpr auto kReplacePatience = std::chrono::seconds(30);

}  // namespace

env::Task<Result<HaState>> NodeImpl::introduce() {
  Result<HaState> out = not_serving();
  co_await env::run_blocking([&] { out = introduction(); });
  co_return out;
}

Result<HaState> NodeImpl::introduction() {
  if (!may_answer()) return not_serving();
  HaState out = view().state;
  out.token = env::random_uuid() + env::random_uuid();
  {
    const Lock lock(mutex_);
    out.root = api_.certificate;
    out.consensus_join = api_.api_url;
  }
  const Result<void> kept = remember_token(*store_, out.token, env::system_clock().wall());
  if (!kept.ok()) return kept.error();
  out.consensus_id.clear();
  return out;
}

env::Task<Result<HaState>> NodeImpl::enroll(HaState wanted) {
  if (!removed_ && !keyless_)
    co_return Error(ErrorCode::kConflict, "this server is a member of a cluster; remove it there first");
  JoinRequest request;
  request.places = options_.places;
  request.settings = options_.settings;
  // One that was removed is known to be another one; of one that has lost its key the place is taken.
  request.consensus_id = removed_ ? env::random_uuid() : own_state().consensus_id;
  request.api_url = view().state.api_url;
  request.hostname = own_state().server_hostname;
  request.listens_on = listens_at_;
  Result<HaState> joined = co_await join(runtime_, std::move(request), std::move(wanted));
  if (joined.ok()) options_.restart("this server has joined a cluster");
  co_return joined;
}

env::Task<Result<Admission>> NodeImpl::admit(Candidate candidate) {
  Result<Admission> out = not_serving();
  co_await env::run_blocking([&] { out = admission(candidate); });
  co_return out;
}

Result<Admission> NodeImpl::admission(const Candidate& candidate) {
  if (!may_answer()) return not_serving();
  // Who has no token learns nothing of the members.
  const env::WallTime now = env::system_clock().wall();
  if (Result<void> known = check_token(*store_->snapshot(), candidate.token, now); !known.ok())
    return known.error();
  const Result<MemberId> lost = place_of_lost(candidate);
  if (!lost.ok()) return lost.error();
  if (Result<void> used = use_token(*store_, candidate.token, now); !used.ok()) return used.error();
  if (*lost != 0) {
    if (Result<void> gone = change(ChangeKind::kRemove, *lost, ""); !gone.ok()) return gone.error();
    kLog.info("member {} has lost its key and is enrolled again id={}", *lost, candidate.id);
  }
  RosterMember member{roster().next,     candidate.id,       candidate.key, candidate.address,
                      candidate.api_url, candidate.observer, false};
  if (Result<void> added = change(ChangeKind::kAddLearner, member.number, encode_roster_member(member));
      !added.ok()) {
    return added.error();
  }
  kLog.info("member {} admitted id={} address={}", member.number, member.id, member.address);
  return Admission{member.number, roster().ha_id, encode_roster(roster())};
}

/// The number of the member whose place the candidate takes, because nobody hears that one any more: it has
/// lost its key, or never got to know that it was admitted. 0: it is a new one.
Result<MemberId> NodeImpl::place_of_lost(const Candidate& candidate) {
  const Roster now = roster();
  const RosterMember* member = now.find_id(candidate.id);
  const std::vector<NodeView> nodes = view().nodes;
  const auto seen = std::ranges::find(nodes, candidate.id, &NodeView::id);
  const bool lost = member != nullptr && member->number != number_ && seen != nodes.end() && seen->offline;
  Result<void> fine = check_candidate(candidate, now, lost ? std::string_view(member->id) : "");
  if (!fine.ok()) return fine.error();
  return lost ? member->number : MemberId{0};
}

/// The member that is meant, unless it is this one: `refusal` says why that cannot be.
Result<RosterMember> NodeImpl::another(const std::string& id, std::string_view refusal) const {
  const Roster now = roster();
  const RosterMember* member = now.find_id(id);
  if (member == nullptr) return Error(ErrorCode::kNotFound, id + " is no member of this cluster");
  if (member->number == number_) return Error(ErrorCode::kConflict, fmt::format("{} {}", id, refusal));
  return *member;
}

/// As it is shown; empty when it has just gone.
NodeView NodeImpl::node_called(std::string_view id) const {
  const std::vector<NodeView> nodes = view().nodes;
  const auto found = std::ranges::find(nodes, id, &NodeView::id);
  return found == nodes.end() ? NodeView{} : *found;
}

env::Task<Result<NodeView>> NodeImpl::remove(std::string id) {
  Result<NodeView> out = not_serving();
  co_await env::run_blocking([&] { out = removal(id); });
  co_return out;
}

Result<NodeView> NodeImpl::removal(const std::string& id) {
  if (!may_answer()) return not_serving();
  const Result<RosterMember> member = another(id, "is not passive: only passive members can be removed");
  if (!member.ok()) return member.error();
  NodeView gone = node_called(id);
  if (Result<void> done = change(ChangeKind::kRemove, member->number, ""); !done.ok()) return done.error();
  kLog.info("member {} removed id={}", member->number, id);
  return gone;
}

// ----------------------------------------------------------------------- other keys and other addresses

env::Task<Result<NodeView>> NodeImpl::replace_key(std::string id) {
  Result<NodeView> out = not_serving();
  co_await env::run_blocking(env::Pool::kLong, [&] { out = key_replaced(id); });
  co_return out;
}

Result<NodeView> NodeImpl::key_replaced(const std::string& id) {
  if (!may_answer()) return not_serving();
  const Result<RosterMember> member =
      another(id, "serves: hand the lead over first (`mullion system passive`)");
  if (!member.ok()) return member.error();
  if (Result<void> told = order_another_key(member->number); !told.ok()) return told.error();
  const auto deadline = std::chrono::steady_clock::now() + kReplacePatience * options_.pace;
  while (std::chrono::steady_clock::now() < deadline && !stopping_) {
    const Roster now = roster();
    const RosterMember* back = now.find_id(id);
    if (back != nullptr && back->key != member->key) {
      kLog.info("member {} has another key and is member {} now id={}", member->number, back->number, id);
      return node_called(id);
    }
    if (!may_answer()) return not_serving();
    std::this_thread::sleep_for(kTick);
  }
  return Error(ErrorCode::kTimeout, id + " is not back with another key yet; it goes on trying");
}

Result<void> NodeImpl::order_another_key(MemberId member) {
  Result<void> told = ask(member, kReplaceKeyTalk, kReplaceKeyTalk);
  if (told.ok() || told.error().code == ErrorCode::kConflict) return told;
  return Error(ErrorCode::kConflict,
               fmt::format("{}: remove it, and enroll it again", told.error().messages.front()));
}

/// kConflict: what the member has against it; kUnreachable: it cannot be asked.
Result<void> NodeImpl::ask(MemberId member, const char* kind, std::string text) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> future = answer->get_future();
  link_->talk(
      member, kind,
      [text = std::move(text)](net::KeyedStream& stream) -> env::Task<Result<void>> {
        Result<void> asked = co_await write_text(stream, text);
        if (!asked) co_return asked;
        const Result<std::string> said = co_await read_text(stream, kLongestOrder, kOrderPatience);
        if (!said) co_return said.error();
        if (*said != kAccepted) co_return Error(ErrorCode::kConflict, *said);
        co_return Result<void>();
      },
      [answer](const Result<void>& done) { answer->set_value(done); });
  answer.reset();
  Result<void> told = Error(ErrorCode::kCancelled, "stopping");
  try {
    told = future.get();
  } catch (const std::future_error&) {  // the work was dropped: the link stops
  }
  if (told.ok() || told.error().code == ErrorCode::kConflict) return told;
  return Error(ErrorCode::kUnreachable,
               fmt::format("member {} cannot be told ({})", member, told.error().text()));
}

/// At a passive member.
env::Task<void> NodeImpl::serve_order(MemberId from, net::KeyedStream& stream) {
  const Result<std::string> order = co_await read_text(stream, kLongestOrder, kOrderPatience);
  if (!order) co_return;
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const auto said = facts.find(from);
  const bool serves = said != facts.end() && said->second.active;
  if (serves) calls_.put([this] { come_back_with_another_key(); });
  const std::string_view answer = serves ? kAccepted : "this is ordered by the member that serves alone";
  (void)co_await write_text(stream, answer);
}

/// On the cluster thread. It has forgotten nothing, and goes on voting until it is taken off the list.
void NodeImpl::come_back_with_another_key() {
  if (forgot() || removed_ || stopping_) return;
  kLog.warn("this member comes back with another key, as somebody has ordered");
  trouble("it comes back with another key, as somebody has ordered");
  {
    const Lock lock(mutex_);
    forgot_ = "it has been ordered to come back with another key";
  }
  return_thread_ = std::thread([this] { return_as_another(); });
}

env::Task<Result<HaState>> NodeImpl::move_to(std::string address) {
  Result<HaState> out = not_serving();
  co_await env::run_blocking(env::Pool::kLong, [&] { out = moved_to(address); });
  co_return out;
}

Result<HaState> NodeImpl::moved_to(const std::string& address) {
  const auto refused = [](ErrorCode code, std::string_view why) {
    return Error(code, fmt::format("ConsensusAddr: {}", why));
  };
  if (!net::is_ip_and_port(address)) return refused(ErrorCode::kInvalid, "is IP:port");
  HaState wanted = view().state;
  if (address == listens_at_ && address == own_state().consensus_address) return wanted;
  if (!is_of_this_machine(address, env::has_address))
    return refused(ErrorCode::kInvalid, ip_of(address) + " is no address of this machine");
  for (const RosterMember& member : roster().members) {
    if (member.number != number_ && member.address == address)
      return refused(ErrorCode::kConflict, fmt::format("member {} has this address", member.id));
  }
  if (address != listens_at_) {
    if (Result<void> free = check_port_is_free(runtime_, address); !free.ok()) return free.error();
  }
  wanted.consensus_address = address;
  Result<void> written = write_state([&address](HaState& state) { state.consensus_address = address; });
  if (!written.ok()) return written.error();
  leave(kChangePatience);  // nobody can take over: then nobody serves while it starts anew
  options_.restart(fmt::format("it listens for the other members at {}", address));
  return wanted;
}

}  // namespace mullion::cluster
