#include <fmt/format.h>

#include <algorithm>

#include "cluster/group.h"
#include "cluster/internal/node_impl.h"
#include "cluster/internal/returning.h"
#include "cluster/recovery.h"

namespace mullion::cluster {
namespace {

/// What a group may have; the journal and the lines take no more in one piece.
constexpr uint64_t kLargestGroup = uint64_t{512} << 20;

/// Entries up to `agreed` that a member does not hold, who holds those up to `held`.
uint64_t lacking(uint64_t agreed, uint64_t held) { return held < agreed ? agreed - held : 0; }

}  // namespace

std::vector<PeerAddress> addresses(const Roster& roster) {
  std::vector<PeerAddress> out;
  out.reserve(roster.members.size() + roster.former.size());
  for (const RosterMember& member : roster.members)
    out.push_back({member.number, member.key, member.address});
  for (const RosterMember& member : roster.former)
    out.push_back({member.number, member.key, member.address, true});
  return out;
}

// --------------------------------------------------------------------------------------------- the sequencer

Result<store::AgreedPlace> ClusterSequencer::agree(const std::vector<store::Command>& group) {
  if (group.empty()) {
    if (node_.may_answer()) return store::AgreedPlace{};
    return not_serving();
  }
  std::string payload = encode_group(group);
  if (payload.size() > kLargestGroup)
    return Error(ErrorCode::kTooLarge, fmt::format("a commit of {} bytes is too large", payload.size()));
  const Outcome outcome = node_.propose(std::move(payload));
  if (outcome.fate != Outcome::Fate::kAgreed) return outcome.error;
  return store::AgreedPlace{outcome.entry.index, outcome.entry.term};
}

void ClusterSequencer::committed(const store::AgreedPlace& place) { node_.committed(place.index); }

Outcome NodeImpl::propose(std::string payload) {
  return outcome_of(
      [&payload](Member& member, Member::Done done) { member.propose(std::move(payload), std::move(done)); });
}

/// What comes of a proposal that `ask` makes on the cluster thread. Where the lead is switched by hand, what
/// is shown of the others is renewed before an agreement is known: nobody is shown in step who lacks what was
/// answered.
Outcome NodeImpl::outcome_of(const std::function<void(Member&, Member::Done)>& ask) {
  auto promise = std::make_shared<std::promise<Outcome>>();
  std::future<Outcome> future = promise->get_future();
  calls_.put([this, promise, &ask] {
    if (!member_) return promise->set_value({Outcome::Fate::kRefused, not_serving(), {}});
    ask(*member_, [this, promise](Outcome outcome) {
      if (outcome.fate == Outcome::Fate::kAgreed && is_by_hand()) look();
      promise->set_value(std::move(outcome));
    });
  });
  return future.get();
}

void NodeImpl::committed(uint64_t index) {
  calls_.put([this, index] {
    if (member_) member_->applied(index);
  });
}

Roster NodeImpl::roster() const {
  const Lock lock(mutex_);
  return own_.roster;
}

bool NodeImpl::is_by_hand() const {
  const Lock lock(mutex_);
  return own_.roster.by_hand;
}

void NodeImpl::take_roster(const Roster& roster) {
  OwnMembers own;
  {
    const Lock lock(mutex_);
    own_.roster = roster;
    own = own_;
  }
  if (const Result<void> written = write_members(options_.places, own); !written.ok())
    kLog.warn("the list of members is not kept beside the database: {}", written.error().text());
  link_->set_peers(addresses(roster));
  calls_.put([this, others = roster.others(own.number)] {
    if (member_) member_->set_others(others);
  });
  changes_.notify_all();
}

void NodeImpl::trouble(const std::string& why) {
  const Lock lock(mutex_);
  trouble_ = why;
}

void NodeImpl::was_removed(const std::string& why) {
  removed_ = true;
  trouble(why);
}

bool NodeImpl::forgot() const {
  const Lock lock(mutex_);
  return !forgot_.empty();
}

NodeImpl::Shown NodeImpl::shown() const {
  const Lock lock(mutex_);
  return shown_;
}

/// Agreed like a commit, at its place between commits.
Result<void> NodeImpl::change(ChangeKind kind, MemberId id, const std::string& context) {
  std::optional<Roster> after;
  const auto decide = [&]() -> Result<store::AgreedStep> {
    const Outcome outcome = outcome_of(
        [&](Member& member, Member::Done done) { member.change(kind, id, context, std::move(done)); });
    if (outcome.fate != Outcome::Fate::kAgreed) return outcome.error;
    after = changed(roster(), outcome.entry.change);
    return store::AgreedStep{
        {outcome.entry.index, outcome.entry.term}, outcome.entry.conf, encode_roster(*after)};
  };
  Result<void> done = store_->step(decide);
  if (done.ok() && after) take_roster(*after);
  return done;
}

// --------------------------------------------------------------------------------------------- what is shown

void NodeImpl::set_api(const ApiPlace& place) {
  {
    const Lock lock(mutex_);
    api_ = place;
  }
  show();
}

void NodeImpl::tell_upgrade(std::string note) {
  {
    const Lock lock(mutex_);
    if (upgrade_ == note) return;
    upgrade_ = std::move(note);
  }
  show();
}

NodeView NodeImpl::node_view(const RosterMember& member, const Shown& shown,
                             const std::map<MemberId, PeerFacts>& facts) const {
  NodeView out;
  out.id = member.id;
  out.address = member.address;
  out.api_url = member.api_url;
  out.observer = member.observer;
  out.voter = member.voter;
  out.in_step = shown.member.in_step.contains(member.number);
  const bool own = member.number == number_;
  const auto said = facts.find(member.number);
  const FileStanding files = standing_of(member.number, facts);
  if (said != facts.end() && !said->second.api_url.empty()) out.api_url = said->second.api_url;
  if (said != facts.end()) out.version = said->second.version;
  if (!files.revision.empty()) out.files_missing = files.missing;
  if (said != facts.end()) out.upgrade = said->second.upgrade;
  if (own) {
    out.upgrade = upgrade_;
    if (!api_.api_url.empty()) out.api_url = api_.api_url;
    out.version = options_.version;
    out.matched = shown.member.applied;
    out.log_behind = lacking(shown.member.commit, out.matched);
    if (!has_all_files(files)) out.matched = std::min(out.matched, files.index);
    out.passive = !shown.active;
    out.offline = !trouble_.empty();
    return out;
  }
  out.passive = said == facts.end() || !said->second.active || said->second.term < shown.member.term;
  const auto progress = shown.progress.find(member.number);
  if (progress != shown.progress.end()) {
    out.matched = progress->second.matched;
    out.log_behind = lacking(shown.member.commit, out.matched);
    out.offline = !progress->second.active;
  } else {
    out.offline = said == facts.end();
  }
  if (!has_all_files(files)) out.matched = std::min(out.matched, files.index);
  return out;
}

FileStanding NodeImpl::standing_of(MemberId number, const std::map<MemberId, PeerFacts>& facts) const {
  if (number == number_) return keeper_->standing();
  const auto said = facts.find(number);
  return said == facts.end() ? FileStanding{} : said->second.files;
}

/// As far as this member knows the records.
bool NodeImpl::has_all_files(const FileStanding& standing) const {
  const FileStanding own = keeper_->standing();
  return standing.missing == 0 && standing.index != 0 && standing.revision == own.revision;
}

std::vector<FilePeer> NodeImpl::peers() const {
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster all = roster();
  const std::set<MemberId> waited_for = shown().member.waited_for;
  std::vector<FilePeer> out;
  for (const RosterMember& member : all.members) {
    if (member.number == number_) continue;
    FilePeer peer;
    peer.number = member.number;
    peer.voter = all.by_hand ? waited_for.contains(member.number) : member.voter;
    const auto said = facts.find(member.number);
    peer.reachable = said != facts.end();
    peer.serves = peer.reachable && said->second.active;
    peer.complete = peer.reachable && has_all_files(said->second.files);
    out.push_back(peer);
  }
  return out;
}

std::optional<uint64_t> NodeImpl::serving_term() const {
  const Lock lock(mutex_);
  if (!shown_.active || !may_answer()) return std::nullopt;
  return shown_.member.term;
}

ClusterView NodeImpl::view() const {
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Lock lock(mutex_);
  ClusterView out;
  out.enrolled = true;
  out.own_id = state_.consensus_id;
  out.active = shown_.active && may_answer();
  out.by_hand = own_.roster.by_hand;
  out.term = shown_.member.term;
  out.agreed = shown_.member.commit;
  out.applied = shown_.member.applied;
  out.trouble = trouble_;
  if (const RosterMember* leader = own_.roster.find(shown_.member.leader)) out.leader_id = leader->id;
  for (const RosterMember& member : own_.roster.members) {
    out.nodes.push_back(node_view(member, shown_, facts));
    if (!out.nodes.back().passive) out.active_id = member.id;
  }
  out.state = state_;
  out.state.consensus_address = listens_at_;
  out.state.ha_id = own_.roster.ha_id;
  out.state.passive = !out.active;
  if (!api_.api_url.empty()) out.state.api_url = api_.api_url;
  for (const NodeView& node : out.nodes) {
    if (node.id == out.active_id) out.state.active_uri = out.state.consensus_join = node.api_url;
  }
  if (!state_.virtual_address.empty())
    out.state.active_uri = url_at_address(state_.virtual_address, out.state.api_url);
  if (address_ && out.active && out.trouble.empty()) out.trouble = address_->trouble();
  return out;
}

std::optional<ActiveMember> NodeImpl::active_elsewhere() const {
  if (shown().active) return std::nullopt;
  std::optional<PeerFacts> newest;
  for (const auto& [number, facts] : link_->facts()) {
    if (facts.active && (!newest || facts.term > newest->term)) newest = facts;
  }
  if (!newest || newest->api_url.empty()) return std::nullopt;
  return ActiveMember{newest->api_url, newest->static_url, newest->fingerprint};
}

Result<bool> is_enrolled(const Places& places) {
  const Result<std::string> text = env::read_file(places.state());
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return false;
  if (!text.ok()) return text.error();
  const Result<HaState> state = decode_state(*text);
  if (!state.ok()) return Error(ErrorCode::kCorrupt, places.state().string() + ": " + state.error().text());
  return state->valid && (state->consensus_enabled || by_hand(*state));
}

namespace {

/// What take_over() left to do. What cannot be done changes nothing.
void go_on_alone_if_asked(const Places& places) {
  if (!std::filesystem::exists(places.take_over())) return;
  const Result<MemberRemains> remains = inspect_member(places);
  const Result<void> done = remains.ok() ? recover_alone(places, *remains) : Result<void>(remains.error());
  if (!done.ok()) kLog.error("this member cannot go on alone: {}", done.error().text());
  if (done.ok()) kLog.warn("this member goes on alone, from entry {}", remains->last.index);
  std::error_code failure;
  std::filesystem::remove(places.take_over(), failure);
}

}  // namespace

Result<std::unique_ptr<Node>> open_node(env::Runtime& runtime, NodeOptions options, const Opening& opening) {
  const Result<std::string> text = env::read_file(options.places.state());
  if (!text.ok()) return text.error();
  Result<HaState> state = decode_state(*text);
  if (!state.ok()) return state.error();
  go_on_alone_if_asked(options.places);
  while (true) {
    if (Result<void> finished = finish_return(options.places); !finished.ok()) return finished.error();
    Result<OwnMembers> own = read_members(options.places);
    if (!own.ok()) return own.error();
    auto node = std::make_unique<NodeImpl>(runtime, options, *state, std::move(*own));
    const Result<void> opened = node->open(opening);
    if (opened.ok()) return std::unique_ptr<Node>(std::move(node));
    if (!node->opens_again()) return opened.error();
  }
}

}  // namespace mullion::cluster
