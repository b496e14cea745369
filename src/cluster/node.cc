#include "cluster/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <deque>
#include <filesystem>
#include <future>
#include <thread>

#include "base/mutex.h"
#include "cluster/database_check.h"
#include "cluster/file_plan.h"
#include "cluster/group.h"
#include "cluster/internal/admission.h"
#include "cluster/internal/log.h"
#include "cluster/internal/member_address.h"
#include "cluster/internal/own_members.h"
#include "cluster/internal/returning.h"
#include "cluster/internal/take_over.h"
#include "cluster/internal/texts.h"
#include "cluster/journal_thread.h"
#include "cluster/member.h"
#include "cluster/peer_link.h"
#include "cluster/readmission.h"
#include "cluster/recovery.h"
#include "cluster/roster.h"
#include "cluster/virtual_address.h"
#include "env/disk.h"
#include "env/interface_address.h"
#include "env/pools.h"
#include "env/random.h"
#include "env/stop_wish.h"
#include "net/keyed_stream.h"
#include "store/lmdb_file.h"

namespace mullion::cluster {
namespace {

constexpr auto kTick = std::chrono::milliseconds(10);
constexpr auto kLease = std::chrono::milliseconds(400);
/// Ticks that a thread which came late makes up for; more would be time that nobody had to act in.
constexpr int kMostTicksAtOnce = 5;
constexpr auto kChorePause = std::chrono::milliseconds(100);
constexpr auto kRetryPause = std::chrono::milliseconds(500);
/// A learner that kept up for so long becomes a voter.
constexpr auto kInStep = std::chrono::seconds(2);
constexpr uint64_t kInStepEntries = 64;
/// Entries that stay in the journal behind what the database holds: of the last commit the database may
/// forget, and members that were away catch up from there.
constexpr uint64_t kKeptEntries = 20'000;
constexpr uint64_t kKeptBytes = uint64_t{256} << 20;
constexpr uint64_t kJournalBytes = uint64_t{4} << 30;
/// What a group may have; the journal and the lines take no more in one piece.
constexpr uint64_t kLargestGroup = uint64_t{512} << 20;
constexpr auto kChangePatience = std::chrono::seconds(10);
/// Between two times that one member is taken off the list in order to come back.
constexpr auto kReadmissionPause = std::chrono::seconds(60);
constexpr uint64_t kLongestReadmission = 1 << 20;
constexpr auto kReadmissionPatience = std::chrono::seconds(30);
constexpr int kMostReadmissionSteps = 3;  // taken off, added, found there
/// The whole database is read after a start, and again after so long; so fast at most, bytes a second.
constexpr auto kCheckPause = std::chrono::hours(6);
constexpr uint64_t kCheckRate = uint64_t{64} << 20;
constexpr int kMetRounds = 20;    // of chores, between two times that what was met is written
constexpr int kFetchRounds = 10;  // and that another database is asked for
constexpr int kMostNotes = 20;    // attempts to say in one term what is there at its beginning
constexpr int kPlaceRounds = 10;  // and that the list is compared with where members say that they are
/// What a conversation is about in which the member that serves orders another key for a member.
constexpr const char* kReplaceKeyTalk = "replace-key";
constexpr std::string_view kAccepted = "accepted";
constexpr uint64_t kLongestOrder = 1 << 10;
constexpr auto kOrderPatience = std::chrono::seconds(5);
/// Until a member is back with another key; it goes on trying afterwards.
constexpr auto kReplacePatience = std::chrono::seconds(30);

Error not_serving() { return Error(ErrorCode::kUnavailable, "this server does not serve the cluster now"); }

std::vector<PeerAddress> addresses(const Roster& roster) {
  std::vector<PeerAddress> out;
  out.reserve(roster.members.size() + roster.former.size());
  for (const RosterMember& member : roster.members)
    out.push_back({member.number, member.key, member.address});
  for (const RosterMember& member : roster.former)
    out.push_back({member.number, member.key, member.address, true});
  return out;
}

/// Where the database stands against the journal, when a process starts.
enum class Standpoint {
  kFits,    // entries lead on from it
  kBegins,  // a copy that the journal has yet to begin at
  kBehind,  // needs a copy: the journal begins later
};

Standpoint standpoint(const store::AgreedPlace& place, const Journal::Contents& journal) {
  if (place.index < journal.base_index || place.index == 0) return Standpoint::kBehind;
  if (place.index == journal.base_index)
    return place.term == journal.base_term ? Standpoint::kFits : Standpoint::kBegins;
  const uint64_t offset = place.index - journal.base_index - 1;
  if (offset >= journal.entries.size()) return Standpoint::kBegins;
  return journal.entries[offset].term == place.term ? Standpoint::kFits : Standpoint::kBegins;
}

/// Calls on one thread, in the order in which they came.
class CallQueue {
 public:
  void put(std::function<void()> call) {
    {
      const Lock lock(mutex_);
      calls_.push_back(std::move(call));
    }
    filled_.notify_one();
  }
  /// What waits, or nothing at `until`.
  std::deque<std::function<void()>> take(std::chrono::steady_clock::time_point until) {
    Lock lock(mutex_);
    filled_.wait_until(lock, until, [this]() REQUIRES(mutex_) { return stopping_ || !calls_.empty(); });
    return std::exchange(calls_, {});
  }
  void stop() {
    {
      const Lock lock(mutex_);
      stopping_ = true;
    }
    filled_.notify_all();
  }
  bool stopping() const {
    const Lock lock(mutex_);
    return stopping_;
  }

 private:
  mutable Mutex mutex_;
  ConditionVariable filled_;
  std::deque<std::function<void()>> calls_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
};

/// The calls of a queue, until it is stopped and empty.
void run_calls(CallQueue& queue) {
  while (true) {
    const auto calls = queue.take(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    for (const auto& call : calls) call();
    if (calls.empty() && queue.stopping()) return;
  }
}

class NodeImpl;

/// What the writer thread of the store asks.
class ClusterSequencer final : public store::Sequencer {
 public:
  explicit ClusterSequencer(NodeImpl& node) : node_(node) {}
  Result<store::AgreedPlace> agree(const std::vector<store::Command>& group) override;
  void committed(const store::AgreedPlace& place) override;
  bool shared() const override { return true; }

 private:
  NodeImpl& node_;
};

class NodeImpl final : public Node, private Applier, private Host, private FileHost {
 public:
  NodeImpl(env::Runtime& runtime, NodeOptions options, HaState state, OwnMembers own)
      : runtime_(runtime),
        options_(std::move(options)),
        state_(std::move(state)),
        number_(own.number),
        own_(std::move(own)) {}
  NodeImpl(const NodeImpl&) = delete;
  NodeImpl& operator=(const NodeImpl&) = delete;
  ~NodeImpl() override;

  Result<void> open(const Opening& opening);
  /// open() did not go on because another start from the disk will do better.
  bool opens_again() const { return opens_again_; }

  // ------------------------------------------------------------------------------------------- Node
  store::Store& store() override { return *store_; }
  void set_api(const ApiPlace& place) override;
  FileKeeper& files() override { return *keeper_; }
  void tell_upgrade(std::string note) override;
  void leave(env::Duration patience) override;

  // ---------------------------------------------------------------------------------------- Cluster
  bool enrolled() const override { return true; }
  ClusterView view() const override;
  bool may_answer() const override { return member_ && member_->may_read(); }
  std::optional<ActiveMember> active_elsewhere() const override;
  env::Signal changes() const override { return changes_; }
  env::Task<Result<HaState>> introduce() override;
  env::Task<Result<HaState>> enroll(HaState wanted) override;
  env::Task<Result<Admission>> admit(Candidate candidate) override;
  env::Task<Result<NodeView>> remove(std::string id) override;
  env::Task<Result<NodeView>> replace_key(std::string id) override;
  env::Task<Result<HaState>> move_to(std::string address) override;
  TakeOver comparison() const override;
  env::Task<Result<void>> hand_over(std::string id) override;
  env::Task<Result<std::string>> take_over() override;
  env::Task<Result<bool>> fail_over_safe(env::Duration patience) override;

  // -------------------------------------------------------------------------------- for the sequencer
  Outcome propose(std::string payload);
  void committed(uint64_t index);

 private:
  struct Shown {
    Member::View member;
    bool active = false;  // and the lease holds
    std::map<MemberId, MemberProgress> progress;
    std::map<MemberId, Standing> met;
  };

  // Start
  Result<void> install_fetched();
  Result<void> open_journal_and_data(const Opening& opening);
  Result<void> wait_for_copy(const Opening& opening);
  Result<void> begin_journal(const store::AgreedPlace& place);
  Result<void> forget_mark();
  Result<void> fetch_from_anybody(const std::stop_token& stop);
  Result<void> fetch_from(MemberId from);
  Result<void> open_store(const Opening& opening);
  Result<void> replace_damaged(const Error& why, const std::stop_token& stop);
  // A member that has forgotten what it promised
  void forget(const std::string& why);
  Result<void> ask_to_return();
  Result<Admission> ask_to_return(MemberId at, const std::string& key);
  void return_as_another();
  void come_back_with_another_key();
  env::Task<void> serve_order(MemberId from, net::KeyedStream& stream);
  env::Task<void> serve_readmission(MemberId from, net::KeyedStream& stream);
  Result<Admission> readmission(MemberId from, const ReadmissionRequest& request);
  Result<void> take_off(MemberId member);
  Result<net::PeerKey> own_key();
  Result<void> open_link(net::PeerKey key);
  Result<void> open_member();
  void hold_address();
  void open_files();
  void run_cluster();
  void run_chores();
  void run_checks();
  void remember_met();
  void fetch_another_database();

  // On the cluster thread
  void tick_as_due();
  void look();
  void show();

  // Applier, Host
  void apply(std::vector<AgreedEntry> entries) override;
  void apply_now(const std::vector<AgreedEntry>& entries);
  bool apply_piece(const std::vector<store::Command>& commands, const store::AgreedStep& step);
  bool holds_what_is_noted(const TakeOverNote& note);
  void database_differs(const std::string& why);
  void compare_all();
  void note_take_over();
  void note_once(const Shown& now);
  CopyOffer offer_copy(MemberId) override;
  void copy_ended(MemberId) override {}
  void fetch_copy(const CopyRequest& request) override;
  void abstains(const std::string& why, Abstention kind) override;
  void must_end(const Error& why) override;

  // FileHost
  bool serves() const override { return shown().active && may_answer(); }
  bool all_hold() const override { return roster().by_hand; }
  std::vector<FilePeer> peers() const override;
  void standing_changed() override { show(); }

  void take_roster(const Roster& roster);
  Roster roster() const;
  void trouble(const std::string& why);
  void was_removed(const std::string& why);
  bool forgot() const;
  Shown shown() const;
  Result<void> change(ChangeKind kind, MemberId id, const std::string& context);
  void follow_addresses();
  void promote_who_keeps_up();
  void keep_one_vote();
  Result<void> give_vote(MemberId to);
  Result<void> lead_goes_to(const std::string& id, env::Duration patience);
  Result<std::string> going_on_alone();
  void trim();
  Result<MemberId> next_number() const;
  std::vector<Successor> successors() const;
  Result<MemberId> successor(std::string_view id) const;
  FileStanding standing_of(MemberId number, const std::map<MemberId, PeerFacts>& facts) const;
  bool has_all_files(const FileStanding& standing) const;
  NodeView node_view(const RosterMember& member, const Shown& shown,
                     const std::map<MemberId, PeerFacts>& facts) const REQUIRES(mutex_);
  Result<HaState> introduction();
  Result<Admission> admission(const Candidate& candidate);
  Result<MemberId> place_of_lost(const Candidate& candidate);
  Result<NodeView> removal(const std::string& id);
  Result<void> order_another_key(MemberId member);
  Result<NodeView> key_replaced(const std::string& id);
  Result<HaState> moved_to(const std::string& address);
  Result<void> leadership_to(const std::string& id, env::Duration patience);

  env::Runtime& runtime_;
  const NodeOptions options_;
  HaState state_;  // but for what is said of the API
  const MemberId number_;
  std::string listens_at_;  // from the start on
  bool keyless_ = false;    // from the start on: the others do not know the key that it shows
  mutable env::Signal changes_;

  mutable Mutex mutex_;  // guards what follows
  OwnMembers own_ GUARDED_BY(mutex_);
  ApiPlace api_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);
  std::string upgrade_ GUARDED_BY(mutex_);  // what this member says of an upgrade
  std::string forgot_ GUARDED_BY(mutex_);   // why this member is to come back as another one
  std::map<std::string, env::SteadyTime> taken_off_ GUARDED_BY(mutex_);  // by ConsensusID
  Shown shown_ GUARDED_BY(mutex_);
  TakeOver take_over_ GUARDED_BY(mutex_);

  bool opens_again_ = false;  // while it opens
  std::atomic<bool> fetching_{false};
  std::atomic<bool> database_bad_{false};  // another one is to be fetched
  std::atomic<bool> readmitting_{false};
  std::atomic<bool> noting_{false};
  uint64_t noted_term_ = 0;  // in which it was tried, by whoever has noting_
  int note_attempts_ = 0;
  std::atomic<uint64_t> compared_{0};        // the newest term at whose beginning this database was the same
  std::atomic<bool> removed_{false};         // it is no member any more, and may be enrolled again
  std::atomic<bool> switching_{false};       // the lead is being handed over
  std::atomic<bool> copy_installed_{false};  // since the start: its giver waits to hear of it
  bool told_ = false;                        // cluster thread
  env::SteadyTime next_tick_{};              // cluster thread
  uint64_t seen_applied_ = 0, durable_applied_ = 0;    // chores
  std::map<MemberId, env::SteadyTime> in_step_since_;  // chores
  std::string met_written_;                            // chores

  std::unique_ptr<Journal> journal_;
  Mutex votes_mutex_;  // who has a vote stays while the lead is handed over
  Mutex copy_mutex_;   // while a copy is made the store stays
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<PeerLink> link_;
  FileServer file_server_;
  std::unique_ptr<files::FollowedTree> tree_;
  std::unique_ptr<FilePeers> file_peers_;
  std::shared_ptr<FileKeeper> keeper_;  // set under mutex_
  CallQueue calls_, applying_;
  std::unique_ptr<JournalThread> journal_thread_;
  std::unique_ptr<Member> member_;          // cluster thread, but for may_read()
  std::unique_ptr<AddressKeeper> address_;  // null: this member moves none
  std::thread cluster_thread_, apply_thread_, chore_thread_, check_thread_, fetch_thread_, return_thread_;
  std::atomic<bool> stopping_{false};
};

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
  auto promise = std::make_shared<std::promise<Outcome>>();
  std::future<Outcome> future = promise->get_future();
  calls_.put([this, promise, payload = std::move(payload)]() mutable {
    if (!member_) return promise->set_value({Outcome::Fate::kRefused, not_serving(), {}});
    member_->propose(std::move(payload),
                     [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
  });
  return future.get();
}

void NodeImpl::committed(uint64_t index) {
  calls_.put([this, index] {
    if (member_) member_->applied(index);
  });
}

// ------------------------------------------------------------------------------------------------- the start

Result<void> NodeImpl::open(const Opening& opening) {
  const Places& places = options_.places;
  (void)env::remove_tree(places.own() / "copies");
  Result<net::PeerKey> key = own_key();
  if (!key.ok()) return key.error();
  Result<void> opened = open_link(std::move(*key));
  if (opened.ok()) opened = open_journal_and_data(opening);
  if (opened.ok()) opened = open_store(opening);
  if (opened.ok()) opened = open_member();
  if (!opened.ok()) return opened;
  open_files();
  cluster_thread_ = std::thread([this] { run_cluster(); });
  apply_thread_ = std::thread([this] { run_calls(applying_); });
  chore_thread_ = std::thread([this] { run_chores(); });
  check_thread_ = std::thread([this] { run_checks(); });
  if (forgot() && !roster().others(number_).empty())
    return_thread_ = std::thread([this] { return_as_another(); });
  keeper_->start();
  hold_address();
  return {};
}

/// One that has lost its key is a stranger to the others, and can do nothing about it but say so.
Result<net::PeerKey> NodeImpl::own_key() {
  Result<net::PeerKey> key = net::PeerKey::load(options_.places.key());
  const Roster known = roster();
  const RosterMember* self = known.find(number_);
  if (key.ok() && (self == nullptr || self->key == key->public_key())) return key;
  const std::string why = key.ok() ? "is not the key of this member" : "is lost or damaged";
  keyless_ = true;
  kLog.error("{} {}: this member takes no part", options_.places.key().string(), why);
  trouble(fmt::format("its key ({}) {}: enroll this server again, which gives it another one",
                      options_.places.key().filename().string(), why));
  return net::PeerKey::make();
}

void NodeImpl::hold_address() {
  std::unique_ptr<AddressMover> mover = mover_of(state_, options_.pace);
  if (!mover) return;
  AddressTimes times;
  times.renewal *= options_.pace;
  address_ = std::make_unique<AddressKeeper>(
      std::move(mover), [this] { return shown().active && may_answer(); }, env::boot_clock(), times);
  address_->start();
}

void NodeImpl::open_files() {
  tree_ = files::make_followed_tree(options_.places.base_root, options_.places.known_files());
  file_peers_ = make_file_peers(*link_, env::system_clock());
  auto keeper = make_file_keeper(*store_, *tree_, *file_peers_, *this, env::system_clock(), options_.files);
  const Lock lock(mutex_);
  keeper_ = std::move(keeper);
}

Result<void> NodeImpl::open_link(net::PeerKey key) {
  listens_at_ = listening_address(state_.consensus_address, options_.settings, env::has_address);
  if (listens_at_ != state_.consensus_address)
    kLog.warn("{} is no address of this machine any more: this member listens at {}, and tells the others",
              state_.consensus_address, listens_at_);
  PeerLink::Options options;
  options.own = number_;
  options.address = listens_at_;
  options.scratch = options_.places.own() / "copies";
  options.copy_rate = options_.files.catch_up_rate;
  PeerLink::Events events;
  events.frame = [this](MemberId, std::string frame) {
    calls_.put([this, frame = std::move(frame)] {
      if (member_) member_->receive(frame);
    });
  };
  events.broken = [this](MemberId to) {
    calls_.put([this, to] {
      if (member_) member_->unreachable(to);
    });
  };
  events.facts = [this](MemberId, const PeerFacts&) { changes_.notify_all(); };
  events.make_copy = [this](const env::Path& folder) -> Result<store::AgreedState> {
    const Lock copying(copy_mutex_);
    if (!store_ || stopping_) return Error(ErrorCode::kUnavailable, "there is no database to copy");
    return store_->copy(folder);
  };
  events.copy_goes_on = [this](MemberId to) {
    calls_.put([this, to] {
      if (member_) member_->copy_goes_on(to);
    });
  };
  events.talk = [this](MemberId from, std::string kind, net::KeyedStream& stream) {
    if (kind == kReadmissionTalk) return serve_readmission(from, stream);
    if (kind == kReplaceKeyTalk) return serve_order(from, stream);
    std::shared_ptr<FileGiver> giver;
    {
      const Lock lock(mutex_);
      giver = keeper_;
    }
    return file_server_.serve(from, std::move(kind), stream, std::move(giver));
  };
  Result<std::unique_ptr<PeerLink>> link = PeerLink::open(options, std::move(key), std::move(events));
  if (!link.ok()) return link.error();
  link_ = std::move(*link);
  show();
  link_->set_peers(addresses(roster()));
  return {};
}

/// A copy that was fetched whole takes the place of the database. A crash between any two steps leaves
/// something that this begins with again.
Result<void> NodeImpl::install_fetched() {
  const Places& places = options_.places;
  if (!std::filesystem::exists(places.fetched() / kCompleteMark)) return {};
  std::error_code failure;
  const Result<std::string> aside = env::read_file(places.set_aside());
  if (aside.ok() && *aside != kDropped && std::filesystem::exists(places.data())) {
    const env::Path kept = places.base_root / fmt::format("data.before-cluster-{}", env::random_uuid());
    std::filesystem::rename(places.data(), kept, failure);
    if (failure) return Error(ErrorCode::kInternal, "the old data cannot be set aside: " + failure.message());
    kLog.warn("what this server had before it joined the cluster was set aside in {}", kept.string());
  }
  if (Result<void> removed = env::remove_tree(places.data()); !removed.ok()) return removed;
  std::filesystem::rename(places.fetched(), places.data(), failure);
  if (failure) return Error(ErrorCode::kInternal, "the copy cannot be put in place: " + failure.message());
  if (Result<void> synced = env::sync_directory(places.base_root); !synced.ok()) return synced;
  std::filesystem::remove(places.set_aside(), failure);
  copy_installed_ = true;
  return env::sync_directory(places.own());
}

Result<void> NodeImpl::open_journal_and_data(const Opening& opening) {
  const Places& places = options_.places;
  if (keyless_) return {};
  if (is_returning(places)) {
    forget("it has asked to come back as another one");
    return wait_for_copy(opening);
  }
  Result<std::unique_ptr<Journal>> journal = open_journal(places.journal(), {.max_bytes = kJournalBytes});
  if (!journal.ok()) {
    forget("its journal cannot be used (" + journal.error().text() + ")");
  } else {
    journal_ = std::move(*journal);
  }
  return wait_for_copy(opening);
}

/// Until there is a database that the journal leads on from.
Result<void> NodeImpl::wait_for_copy(const Opening& opening) {
  const Places& places = options_.places;
  while (true) {
    if (Result<void> done = install_fetched(); !done.ok()) return done;
    if (!std::filesystem::exists(places.set_aside())) {
      const Result<void> sound = opening.examine ? opening.examine(places.data()) : Result<void>{};
      if (!sound.ok()) return replace_damaged(sound.error(), opening.stop);
      const Result<store::AgreedState> state = store::read_agreed(places.data());
      if (!state.ok() && state.error().code != ErrorCode::kNotFound)
        return replace_damaged(store::when_opened(places.data(), state.error()), opening.stop);
      const store::AgreedPlace place = state.ok() ? state->place : store::AgreedPlace{};
      if (!journal_ && place.index != 0) return {};
      const Standpoint stands = journal_ ? standpoint(place, journal_->contents()) : Standpoint::kBehind;
      if (stands == Standpoint::kFits) return forget_mark();
      if (stands == Standpoint::kBegins) return begin_journal(place);
    }
    if (Result<void> fetched = fetch_from_anybody(opening.stop); !fetched.ok()) return fetched;
  }
}

Result<void> NodeImpl::forget_mark() {
  std::error_code failure;
  std::filesystem::remove(options_.places.data() / kCompleteMark, failure);
  return {};
}

/// The database is ahead of the journal, which is right for a copy alone: any other member's journal has lost
/// what it promised.
Result<void> NodeImpl::begin_journal(const store::AgreedPlace& place) {
  const Places& places = options_.places;
  if (!std::filesystem::exists(places.data() / kCompleteMark)) {
    journal_.reset();
    forget("its journal does not reach as far as its database");
    return {};
  }
  if (Result<void> begun = journal_->begin_at(place.index, place.term); !begun.ok()) return begun;
  journal_.reset();  // what it holds now is known when it is opened again
  Result<std::unique_ptr<Journal>> again = open_journal(places.journal(), {.max_bytes = kJournalBytes});
  if (!again.ok()) return again.error();
  journal_ = std::move(*again);
  return forget_mark();
}

/// From whoever gives one, until the process is to end.
Result<void> NodeImpl::fetch_from_anybody(const std::stop_token& stop) {
  kLog.info("this member has no database of the cluster yet and fetches a copy");
  const std::stop_callback cut(stop, [this] { link_->stop(); });
  for (int round = 0;; ++round) {
    const auto others = roster().others(number_);
    for (const auto& [number, observes] : others) {
      const Result<void> done = fetch_from(number);
      if (done.ok()) return {};
      if (round % 20 == 0) kLog.info("no copy from member {}: {}", number, done.error().text());
    }
    if (forgot() && ask_to_return().ok()) {  // nobody gives a copy to who was taken off the list
      opens_again_ = true;
      return Error(ErrorCode::kCancelled, "this member comes back as another one");
    }
    if (others.empty())
      return Error(ErrorCode::kCorrupt, "the database of this cluster is gone, and no other member has one");
    if (!env::pause(stop, kRetryPause))
      return Error(ErrorCode::kCancelled, "this member was to stop before it had a copy of the database");
  }
}

Result<void> NodeImpl::fetch_from(MemberId from) {
  const Places& places = options_.places;
  if (Result<void> removed = env::remove_tree(places.fetched()); !removed.ok()) return removed;
  if (Result<void> made = env::make_directories(places.fetched(), 0700); !made.ok()) return made;
  const Result<FetchedCopy> copy = link_->fetch_copy(from, places.fetched());
  if (!copy.ok()) return copy.error();
  const Result<Roster> roster = decode_roster(copy->members);
  if (!roster.ok()) return roster.error();
  if (roster->find(number_) == nullptr)
    return Error(ErrorCode::kUnavailable, "the copy does not know this member yet");
  // What ends its reader would end this member as soon as it were in place.
  if (Result<void> sound = store::check_pages(places.fetched() / "data.mdb"); !sound.ok()) return sound;
  kLog.info("copy fetched from member {} at entry {} of term {}", from, copy->place.index, copy->place.term);
  return env::write_file_atomic(places.fetched() / kCompleteMark, "", 0600);
}

Result<void> NodeImpl::open_store(const Opening& opening) {
  store::Options options = options_.store;
  options.sequencer = std::make_shared<ClusterSequencer>(*this);
  options.last_commit_may_go = true;
  Result<std::unique_ptr<store::Store>> store = store::open_store(options);
  if (!store.ok()) return replace_damaged(store.error(), opening.stop);
  store_ = std::move(*store);
  const Result<Roster> roster = decode_roster(store_->agreed().members);
  if (!roster.ok()) return roster.error();
  take_roster(*roster);
  if (const std::optional<TakeOverNote> note = note_in(*store_->snapshot())) compared_ = note->term;
  return {};
}

/// The database, not the journal: nothing that was promised is lost. It stays until a copy is whole.
Result<void> NodeImpl::replace_damaged(const Error& why, const std::stop_token& stop) {
  if (why.code != ErrorCode::kCorrupt || keyless_ || roster().others(number_).empty()) return why;
  kLog.error("the database of this member is damaged and is replaced by a copy: {}", why.text());
  if (Result<void> fetched = fetch_from_anybody(stop); !fetched.ok()) return fetched;
  opens_again_ = true;
  return Error(ErrorCode::kCancelled, "a copy takes the place of the database");
}

Result<void> NodeImpl::open_member() {
  if (!journal_) return {};
  const store::AgreedState agreed = store_->agreed();
  const Roster now = roster();
  if (now.find(number_) == nullptr) {
    was_removed("it was removed from the cluster");
    return {};
  }
  MemberOptions options;
  options.core.id = number_;
  options.core.seed = env::random_id();
  options.core.rank = static_cast<uint32_t>(number_ % 7);
  options.core.late_ticks = 50;
  options.observer = now.find(number_)->observer || (options_.on_trial && now.members.size() > 1);
  options.in_step_ticks = now.by_hand ? options_.in_step_ticks : 0;
  options.tick = kTick * options_.pace;
  options.lease = kLease * options_.pace;
  options.nonce = env::random_id();
  if (const Result<std::string> met = env::read_file(options_.places.met()); met.ok())
    options.met = decode_met(*met);
  journal_thread_ = std::make_unique<JournalThread>(
      *journal_, JournalThread::Events{[this](uint64_t number) {
                                         calls_.put([this, number] {
                                           if (member_) member_->synced(number);
                                         });
                                       },
                                       [this](const Error& why) { must_end(why); }});
  Result<std::unique_ptr<Member>> member =
      Member::open(options, journal_->contents(), {agreed.place.index, agreed.conf}, now.others(number_),
                   {&env::boot_clock(), journal_thread_.get(), this, link_.get(), this});
  if (!member.ok()) {
    journal_thread_.reset();
    forget("what it has stored does not fit together (" + member.error().text() + ")");
    return {};
  }
  member_ = std::move(*member);
  for (const RosterMember& former : now.former) member_->remember_removed(former.number, agreed.place.index);
  return {};
}

NodeImpl::~NodeImpl() {
  address_.reset();  // first: others take it while this process ends
  stopping_ = true;
  if (keeper_) keeper_->end();
  applying_.stop();
  if (chore_thread_.joinable()) chore_thread_.join();
  if (check_thread_.joinable()) check_thread_.join();
  if (apply_thread_.joinable()) apply_thread_.join();
  if (link_) link_->stop();
  if (keeper_) keeper_->stop();
  {
    const Lock copying(copy_mutex_);
    store_.reset();  // its writer asks the cluster thread to the end
  }
  calls_.stop();
  if (cluster_thread_.joinable()) cluster_thread_.join();
  if (fetch_thread_.joinable()) fetch_thread_.join();
  if (return_thread_.joinable()) return_thread_.join();
  journal_thread_.reset();
  member_.reset();
}

// ----------------------------------------------------------------------------------------- the cluster
// thread

void NodeImpl::run_cluster() {
  const auto period = kTick * options_.pace;
  next_tick_ = env::boot_clock().steady() + period;
  while (true) {
    const auto until = std::chrono::steady_clock::now() + (next_tick_ - env::boot_clock().steady());
    const auto calls = calls_.take(until);
    for (const auto& call : calls) call();
    if (member_) tick_as_due();
    look();
    if (calls.empty() && calls_.stopping()) return;
  }
}

void NodeImpl::tick_as_due() {
  const auto period = kTick * options_.pace;
  const env::SteadyTime now = env::boot_clock().steady();
  for (int i = 0; i < kMostTicksAtOnce && next_tick_ <= now; ++i) {
    member_->tick();
    next_tick_ += period;
  }
  if (next_tick_ <= now) next_tick_ = now + period;
}

/// What others are to be told of after something happened.
void NodeImpl::look() {
  if (!member_) {
    next_tick_ = env::boot_clock().steady() + kTick;
    return;
  }
  const Member::View view = member_->view();
  const bool active = view.active && member_->may_read();
  bool changed = false, begins = false;
  {
    const Lock lock(mutex_);
    begins = active && !shown_.active;
    changed = active != shown_.active || view.leader != shown_.member.leader ||
              view.term != shown_.member.term || view.abstains != shown_.member.abstains;
    shown_.member = view;
    shown_.met = member_->met();
    shown_.active = active;
    shown_.progress.clear();
    for (const RosterMember& one : own_.roster.members) {
      MemberProgress progress;
      if (view.role == Role::kLeader && member_->member(one.number, progress))
        shown_.progress[one.number] = progress;
    }
  }
  if (copy_installed_ && !told_ && view.leader != 0 && view.leader != number_) {
    told_ = true;
    member_->tell_copied(view.leader, true);
  }
  // Before anybody can write: the rooms that do open once this is known.
  if (begins) applying_.put([this] { note_take_over(); });
  if (!changed) return;
  kLog.info("role={} term={} leader={} serves={}", view.role == Role::kLeader ? "leader" : "follower",
            view.term, view.leader, active);
  show();
  changes_.notify_all();
}

/// To the other members.
void NodeImpl::show() {
  PeerFacts facts;
  {
    const Lock lock(mutex_);
    facts = {
        api_.api_url, api_.static_url, api_.fingerprint, options_.version, shown_.active, shown_.member.term,
        {},           upgrade_};
    if (keeper_) facts.files = keeper_->standing();
  }
  facts.address = listens_at_;
  facts.compared = compared_;
  link_->set_facts(facts);
}

void NodeImpl::apply(std::vector<AgreedEntry> entries) {
  auto shared = std::make_shared<std::vector<AgreedEntry>>(std::move(entries));
  applying_.put([this, shared] { apply_now(*shared); });
}

/// On the thread for that. An entry that cannot be applied stays unapplied: this member then never serves.
void NodeImpl::apply_now(const std::vector<AgreedEntry>& entries) {
  std::vector<store::Command> commands;
  store::AgreedStep step;
  std::optional<Roster> after;
  for (const AgreedEntry& entry : entries) {
    const store::AgreedPlace before = step.place;
    step.place = {entry.index, entry.term};
    if (entry.kind == EntryKind::kChange) {
      after = changed(after ? *after : roster(), entry.change);
      step.conf = entry.conf;
      step.members = encode_roster(*after);
    }
    if (entry.kind != EntryKind::kData) continue;
    Result<std::vector<store::Command>> group = decode_group(entry.payload);
    if (!group.ok()) return must_end(group.error());
    const std::optional<TakeOverNote> note = group->empty() ? std::nullopt : note_in(group->front());
    if (note) {  // what comes before it is applied by itself, and compared
      if (before.index != 0 && !apply_piece(commands, {before, step.conf, step.members})) return;
      commands.clear();
      if (!holds_what_is_noted(*note)) return;
    }
    std::ranges::move(*group, std::back_inserter(commands));
  }
  if (!apply_piece(commands, step)) return;
  if (after) take_roster(*after);
  committed(step.place.index);
}

/// False: it is not there, and nothing that follows is to be applied.
bool NodeImpl::apply_piece(const std::vector<store::Command>& commands, const store::AgreedStep& step) {
  bool waited = false;
  while (!stopping_) {
    const Result<void> applied = store_->apply(commands, step);
    if (applied.ok()) {
      if (waited) trouble("");
      return true;
    }
    if (applied.error().code == ErrorCode::kInsufficientStorage) {
      waited = true;
      trouble("its disk is full");
      std::this_thread::sleep_for(kRetryPause);
      continue;
    }
    database_differs(fmt::format("agreed entries up to {} cannot be applied here: {}", step.place.index,
                                 applied.error().text()));
    return false;
  }
  return false;
}

void NodeImpl::database_differs(const std::string& why) {
  kLog.error("{}", why);
  trouble("its database differs from that of the others; it fetches theirs");
  calls_.put([this] {
    if (member_) member_->may_lead(false);
  });
  database_bad_ = true;
}

/// Whether this database may go on: it is that of the member that has taken over, or cannot be compared.
bool NodeImpl::holds_what_is_noted(const TakeOverNote& note) {
  const Result<Comparison> found = store::as_result(
      [&]() -> Result<Comparison> { return compare_with(note, store_->newest().seq, *store_->snapshot()); });
  if (!found.ok() || *found == Comparison::kCannot) return true;
  if (*found == Comparison::kDiffers) {
    database_differs(
        fmt::format("what this member holds at commit {} is not what the member holds that has "
                    "taken over in term {}",
                    note.seq, note.term));
    return false;
  }
  compared_ = note.term;
  show();
  return true;
}

Host::CopyOffer NodeImpl::offer_copy(MemberId) {
  try {
    const store::AgreedState state = store_->agreed();
    return {state.place.index, state.place.term, state.conf};
  } catch (const store::ReadFailure&) {
    return {};
  }
}

void NodeImpl::fetch_copy(const CopyRequest& request) {
  if (fetching_.exchange(true)) return;
  if (fetch_thread_.joinable()) fetch_thread_.join();
  fetch_thread_ = std::thread([this, from = request.from] {
    const Result<void> done = fetch_from(from);
    if (done.ok()) return options_.restart("a copy of the database was fetched");
    kLog.warn("no copy from member {}: {}", from, done.error().text());
    calls_.put([this, from] {
      if (member_) member_->tell_copied(from, false);
    });
    std::this_thread::sleep_for(kRetryPause);
    fetching_ = false;
  });
}

void NodeImpl::abstains(const std::string& why, Abstention kind) {
  if (forgot()) return;
  if (kind == Abstention::kRemoved) return was_removed(why);
  forget(why);
  return_thread_ = std::thread([this] { return_as_another(); });
}

void NodeImpl::must_end(const Error& why) {
  kLog.error("the state of the disk is not known, the server ends: {}", why.text());
  std::_Exit(EXIT_FAILURE);
}

// ------------------------------------------------------------------------------------------------- members

Roster NodeImpl::roster() const {
  const Lock lock(mutex_);
  return own_.roster;
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
    auto promise = std::make_shared<std::promise<Outcome>>();
    std::future<Outcome> future = promise->get_future();
    calls_.put([this, promise, kind, id, context] {
      if (!member_) return promise->set_value({Outcome::Fate::kRefused, not_serving(), {}});
      member_->change(kind, id, context,
                      [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    });
    const Outcome outcome = future.get();
    if (outcome.fate != Outcome::Fate::kAgreed) return outcome.error;
    after = changed(roster(), outcome.entry.change);
    return store::AgreedStep{
        {outcome.entry.index, outcome.entry.term}, outcome.entry.conf, encode_roster(*after)};
  };
  Result<void> done = store_->step(decide);
  if (done.ok() && after) take_roster(*after);
  return done;
}

void NodeImpl::run_chores() {
  int round = 0;
  while (!stopping_) {
    std::this_thread::sleep_for(kChorePause);
    if (roster().by_hand) {
      keep_one_vote();
    } else {
      promote_who_keeps_up();
    }
    if (++round % 50 == 0) trim();
    if (round % kPlaceRounds == 0) follow_addresses();
    compare_all();
    if (round % kMetRounds == 0) remember_met();
    if (database_bad_ && round % kFetchRounds == 0) fetch_another_database();
  }
}

/// From whoever leads. One that serves gives the lead away first; when nobody can take it, most of what it
/// has is better than nothing.
void NodeImpl::fetch_another_database() {
  if (shown().active) return (void)leadership_to("", kChangePatience);
  calls_.put([this] {
    if (!member_) return;
    const MemberId leader = member_->view().leader;
    if (leader != 0 && leader != number_) fetch_copy({leader, 0, 0, {}});
  });
}

/// So that a member that was put back to an older state is known by those that have started since, too.
void NodeImpl::remember_met() {
  const std::string text = encode_met(shown().met);
  if (text.empty() || text == met_written_) return;
  const Result<void> written = env::write_file_atomic(options_.places.met(), text, 0600);
  if (written.ok()) met_written_ = text;
}

/// A flipped bit in what nobody reads would be found when this member serves.
void NodeImpl::run_checks() {
  env::SteadyTime due = env::boot_clock().steady();
  while (!stopping_) {
    std::this_thread::sleep_for(kChorePause);
    if (database_bad_ || env::boot_clock().steady() < due) continue;
    FilePace pace(kCheckRate);
    env::SteadyTime go_on_at{};
    const auto go_on = [&](uint64_t bytes) {
      const env::SteadyTime now = env::boot_clock().steady();
      go_on_at = now + pace.take(bytes, now);
      while (!stopping_ && env::boot_clock().steady() + kChorePause < go_on_at)
        std::this_thread::sleep_for(kChorePause);
      return !stopping_.load();
    };
    const Result<void> checked = check_database(*store_, go_on);
    due = env::boot_clock().steady() + kCheckPause;
    if (checked.ok() || checked.error().code != ErrorCode::kCorrupt) continue;
    kLog.error("the database of this member is damaged: {}", checked.error().text());
    if (roster().others(number_).empty()) continue;  // nobody has another one
    trouble("its database is damaged; it fetches another member's");
    database_bad_ = true;
  }
}

void NodeImpl::promote_who_keeps_up() {
  const Shown now = shown();
  const env::SteadyTime time = env::boot_clock().steady();
  if (!now.active) {
    in_step_since_.clear();
    return;
  }
  for (const RosterMember& member : roster().members) {
    const auto progress = now.progress.find(member.number);
    const bool in_step = progress != now.progress.end() && progress->second.active &&
                         progress->second.matched + kInStepEntries >= now.member.commit;
    if (member.voter || !in_step) {
      in_step_since_.erase(member.number);
      continue;
    }
    const auto since = in_step_since_.emplace(member.number, time).first;
    if (time - since->second < kInStep * options_.pace) continue;
    const Result<void> done = change(ChangeKind::kPromote, member.number, "");
    kLog.info("member {} becomes a voter: {}", member.number, done.ok() ? "agreed" : done.error().text());
    in_step_since_.erase(member.number);
    return;
  }
}

TakeOver NodeImpl::comparison() const {
  if (!may_answer()) return {};
  const Lock lock(mutex_);
  return take_over_.term == shown_.member.term ? take_over_ : TakeOver{};
}

/// At the member that serves: what the others hold is what it holds, shown once in its term.
void NodeImpl::compare_all() {
  const Shown now = shown();
  if (!now.active) return;
  TakeOver known;
  {
    const Lock lock(mutex_);
    known = take_over_;
  }
  if (known.term != now.member.term) return note_take_over();
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster all = roster();
  const size_t before = known.equal.size();
  for (const RosterMember& member : all.members) {
    const auto said = facts.find(member.number);
    if (said == facts.end() || said->second.compared != known.term) continue;
    if (std::ranges::find(known.equal, member.id) != known.equal.end()) continue;
    known.equal.push_back(member.id);
    kLog.info("member {} holds the same term={} seq={} digest={}", member.number, known.term, known.seq,
              known.digest);
  }
  if (known.equal.size() == before) return;
  kLog.info("{} of {} members hold the same up to commit {}: nothing is missing", known.equal.size(),
            all.members.size(), known.seq);
  const Lock lock(mutex_);
  take_over_ = std::move(known);
}

/// Its first commit carries the digest of all that was there before. When another commit comes between it is
/// done again.
void NodeImpl::note_take_over() {
  const Shown now = shown();
  if (!now.active || stopping_ || noting_.exchange(true)) return;
  if (noted_term_ != now.member.term) note_attempts_ = 0;
  noted_term_ = now.member.term;
  if (note_attempts_ < kMostNotes) note_once(now);
  ++note_attempts_;
  noting_ = false;
}

void NodeImpl::note_once(const Shown& now) {
  {
    const Lock lock(mutex_);
    if (take_over_.term == now.member.term) return;
  }
  TakeOverNote note{now.member.term, 0, {}};
  const Result<store::Cursor> noted = store::as_result([&]() -> Result<store::Cursor> {
    note.seq = store_->newest().seq;
    const auto snapshot = store_->snapshot();
    if (store_->newest().seq != note.seq) return Error(ErrorCode::kConflict, "a commit came between");
    note.digest = digest_of_all(*snapshot);
    store::Batch batch;
    batch.principal = "system";
    batch.secrets.push_back(note_change(note));
    return store_->commit_sync(std::move(batch));
  });
  if (!noted.ok() || noted->seq != note.seq + 1) return;
  kLog.info("this member has taken over term={} entry={} seq={} digest={}", note.term, now.member.commit,
            note.seq, note.digest);
  compared_ = note.term;
  const Lock lock(mutex_);
  take_over_ = {note.term, note.seq, note.digest, {state_.consensus_id}};
}

/// The list is for those that start: it follows what members say themselves of where they are.
void NodeImpl::follow_addresses() {
  if (!shown().active) return;
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster now = roster();
  for (const RosterMember& member : now.members) {
    const auto said = facts.find(member.number);
    RosterMember moved = member;
    if (member.number == number_) moved.address = listens_at_;
    if (said != facts.end() && !said->second.address.empty()) {
      moved.address = said->second.address;
      if (!said->second.api_url.empty()) moved.api_url = said->second.api_url;
    }
    const bool taken =
        std::ranges::find(now.members, moved.address, &RosterMember::address) != now.members.end();
    if (taken) continue;  // by itself, or by another one
    const ChangeKind as_it_is = member.voter ? ChangeKind::kPromote : ChangeKind::kAddLearner;
    const Result<void> done = change(as_it_is, member.number, encode_roster_member(moved));
    kLog.info("member {} is at {} now: {}", member.number, moved.address,
              done.ok() ? "agreed" : done.error().text());
    return;
  }
}

/// Where the lead is switched by hand it is this member's, once it serves. A vote that ended while the lead
/// goes to who had it would leave nobody to take it.
void NodeImpl::keep_one_vote() {
  if (switching_) return;
  const Lock lock(votes_mutex_);
  if (!shown().active) return;
  for (const RosterMember& member : roster().members) {
    if (!member.voter || member.number == number_) continue;
    const Result<void> done = change(ChangeKind::kAddLearner, member.number, "");
    kLog.info("member {} has no vote any more: {}", member.number,
              done.ok() ? "agreed" : done.error().text());
    return;
  }
}

/// What the database holds for good, nobody is about to fetch, and is more than what is kept for members that
/// were away.
void NodeImpl::trim() {
  calls_.put([this] {
    if (!member_) return;
    const uint64_t durable =
        std::exchange(durable_applied_, std::exchange(seen_applied_, member_->view().applied));
    // The database may have forgotten the last commit; what it is applied from stays.
    const uint64_t wanted = journal_thread_->beyond(kKeptBytes, kKeptEntries);
    if (const uint64_t index = std::min(wanted, durable); index != 0) member_->trim(index);
  });
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
  if (said != facts.end()) out.upgrade = said->second.upgrade;
  if (own) {
    out.upgrade = upgrade_;
    if (!api_.api_url.empty()) out.api_url = api_.api_url;
    out.version = options_.version;
    out.matched = shown.member.applied;
    if (!has_all_files(files)) out.matched = std::min(out.matched, files.index);
    out.passive = !shown.active;
    out.offline = !trouble_.empty();
    return out;
  }
  out.passive = said == facts.end() || !said->second.active || said->second.term < shown.member.term;
  const auto progress = shown.progress.find(member.number);
  if (progress != shown.progress.end()) {
    out.matched = progress->second.matched;
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

// -------------------------------------------------------------------------------------------------
// operations

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
  request.consensus_id = removed_ ? env::random_uuid() : state_.consensus_id;
  request.api_url = view().state.api_url;
  request.hostname = state_.server_hostname;
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

env::Task<Result<NodeView>> NodeImpl::remove(std::string id) {
  Result<NodeView> out = not_serving();
  co_await env::run_blocking([&] { out = removal(id); });
  co_return out;
}

Result<NodeView> NodeImpl::removal(const std::string& id) {
  if (!may_answer()) return not_serving();
  const Roster now = roster();
  const RosterMember* member = now.find_id(id);
  if (member == nullptr) return Error(ErrorCode::kNotFound, id + " is no member of this cluster");
  if (member->number == number_)
    return Error(ErrorCode::kConflict, id + " is not passive: only passive members can be removed");
  NodeView gone;
  for (const NodeView& node : view().nodes) {
    if (node.id == id) gone = node;
  }
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
  const Roster before = roster();
  const RosterMember* member = before.find_id(id);
  if (member == nullptr) return Error(ErrorCode::kNotFound, id + " is no member of this cluster");
  if (member->number == number_)
    return Error(ErrorCode::kConflict, id + " serves: hand the lead over first (`mullion system passive`)");
  if (Result<void> told = order_another_key(member->number); !told.ok()) return told.error();
  const auto deadline = std::chrono::steady_clock::now() + kReplacePatience * options_.pace;
  while (std::chrono::steady_clock::now() < deadline && !stopping_) {
    const Roster now = roster();
    const RosterMember* back = now.find_id(id);
    if (back != nullptr && back->key != member->key) {
      kLog.info("member {} has another key and is member {} now id={}", member->number, back->number, id);
      const std::vector<NodeView> nodes = view().nodes;
      return *std::ranges::find(nodes, id, &NodeView::id);
    }
    if (!may_answer()) return not_serving();
    std::this_thread::sleep_for(kTick);
  }
  return Error(ErrorCode::kTimeout, id + " is not back with another key yet; it goes on trying");
}

Result<void> NodeImpl::order_another_key(MemberId member) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> future = answer->get_future();
  link_->talk(
      member, kReplaceKeyTalk,
      [](net::KeyedStream& stream) -> env::Task<Result<void>> {
        Result<void> asked = co_await write_text(stream, kReplaceKeyTalk);
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
  return Error(ErrorCode::kConflict,
               fmt::format("member {} cannot be told ({}): remove it, and enroll it again", member,
                           told.error().text()));
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
  if (address == listens_at_ && address == state_.consensus_address) return wanted;
  if (!is_of_this_machine(address, env::has_address))
    return refused(ErrorCode::kInvalid, ip_of(address) + " is no address of this machine");
  for (const RosterMember& member : roster().members) {
    if (member.number != number_ && member.address == address)
      return refused(ErrorCode::kConflict, fmt::format("member {} has this address", member.id));
  }
  if (address != listens_at_) {
    if (Result<void> free = check_port_is_free(runtime_, address); !free.ok()) return free.error();
  }
  HaState kept = state_;
  kept.consensus_address = wanted.consensus_address = address;
  Result<void> written = env::write_file_atomic(options_.places.state(), encode_state(kept), 0600);
  if (!written.ok()) return written.error();
  leave(kChangePatience);  // nobody can take over: then nobody serves while it starts anew
  options_.restart(fmt::format("it listens for the other members at {}", address));
  return wanted;
}

// ------------------------------------------------------------------------------- members that forgot

/// It may have promised what it does not know: under its number it never votes again.
void NodeImpl::forget(const std::string& why) {
  const bool alone = roster().others(number_).empty();
  kLog.error("this member takes no part any more: {}", why);
  trouble(alone ? why + ": there is no other member to come back by; see `mullion cluster recover`"
                : why + ": it comes back by itself as another one, with a copy, as soon as a member serves");
  const Lock lock(mutex_);
  forgot_ = why;
}

/// Until it is admitted; then the process begins anew.
void NodeImpl::return_as_another() {
  for (int round = 0; !stopping_; ++round) {
    const Result<void> asked = ask_to_return();
    if (asked.ok()) return options_.restart("this member comes back as another one, with a copy");
    if (asked.error().code == ErrorCode::kForbidden)
      return was_removed("it was removed from the cluster; it may be enrolled again");
    if (round % 20 == 0) kLog.warn("this member cannot come back yet: {}", asked.error().text());
    std::this_thread::sleep_for(kRetryPause);
  }
}

/// Everybody, once: the one that serves knows.
Result<void> NodeImpl::ask_to_return() {
  const Result<std::string> key = prepare_return(options_.places);
  if (!key.ok()) return key.error();
  Error last(ErrorCode::kUnavailable, "no other member is known");
  for (const auto& [number, observes] : roster().others(number_)) {
    const Result<Admission> admitted = ask_to_return(number, *key);
    if (admitted.ok()) return settle_return(options_.places, *admitted);
    last = admitted.error();
    if (last.code == ErrorCode::kForbidden) break;
  }
  return last;
}

Result<Admission> NodeImpl::ask_to_return(MemberId at, const std::string& key) {
  std::string request;
  {
    const Lock lock(mutex_);
    request = encode_readmission({key, api_.api_url});
  }
  auto answer = std::make_shared<std::promise<Result<Admission>>>();
  std::future<Result<Admission>> future = answer->get_future();
  const auto said = std::make_shared<Result<Admission>>(Error(ErrorCode::kUnavailable, "no answer"));
  link_->talk(
      at, kReadmissionTalk,
      [request, said](net::KeyedStream& stream) -> env::Task<Result<void>> {
        Result<void> asked = co_await write_text(stream, request);
        if (!asked) co_return asked;
        const Result<std::string> text =
            co_await read_text(stream, kLongestReadmission, kReadmissionPatience);
        if (!text) co_return text.error();
        *said = decode_readmission_answer(*text);
        co_return Result<void>();
      },
      [answer, said](const Result<void>& done) {
        answer->set_value(done.ok() ? *said : Result<Admission>(done.error()));
      });
  answer.reset();
  try {
    return future.get();
  } catch (const std::future_error&) {  // the work was dropped: the link stops
    return Error(ErrorCode::kCancelled, "stopping");
  }
}

/// At the member that serves; one at a time.
env::Task<void> NodeImpl::serve_readmission(MemberId from, net::KeyedStream& stream) {
  const Result<std::string> text = co_await read_text(stream, kLongestReadmission, kReadmissionPatience);
  if (!text) co_return;
  const Result<ReadmissionRequest> request = decode_readmission(*text);
  if (!request) co_return;
  Result<Admission> out = Error(ErrorCode::kTooManyRequests, "another member is coming back");
  if (!readmitting_.exchange(true)) {
    co_await env::run_blocking(env::Pool::kLong, [&] { out = readmission(from, *request); });
    readmitting_ = false;
  }
  const std::string answer = encode_readmission_answer(out);
  (void)co_await write_text(stream, answer);
}

Result<Admission> NodeImpl::readmission(MemberId from, const ReadmissionRequest& request) {
  for (int step = 0; step < kMostReadmissionSteps; ++step) {
    if (!may_answer()) return not_serving();
    const Roster now = roster();
    ReadmissionFacts facts = readmission_facts(now, number_, from, request);
    const std::optional<RosterMember> member = returning_member(now, from, request);
    if (member) {
      const Lock lock(mutex_);
      const auto before = taken_off_.find(member->id);
      facts.just_came =
          before != taken_off_.end() && env::boot_clock().steady() - before->second < kReadmissionPause;
    }
    Result<void> done;
    switch (next_readmission_step(facts)) {
      case ReadmissionStep::kRefuse:
        return Error(ErrorCode::kForbidden, "this member was removed from the cluster");
      case ReadmissionStep::kLater:
        return Error(ErrorCode::kTooManyRequests, "this member came back a moment ago");
      case ReadmissionStep::kTakeOff:
        done = take_off(from);
        break;
      case ReadmissionStep::kAdd:
        done = change(ChangeKind::kAddLearner, member->number, encode_roster_member(*member));
        break;
      case ReadmissionStep::kDone:
        kLog.info("member {} has forgotten what it promised and comes back as member {}", from,
                  member->number);
        return Admission{member->number, now.ha_id, encode_roster(now)};
    }
    if (!done.ok()) return done.error();
  }
  return Error(ErrorCode::kUnavailable, "the list of members changes");
}

Result<void> NodeImpl::take_off(MemberId member) {
  Result<void> done = change(ChangeKind::kRemove, member, std::string(kReturns));
  if (!done.ok()) return done;
  const Roster now = roster();
  const auto former = std::ranges::find(now.former, member, &RosterMember::number);
  const Lock lock(mutex_);
  if (former != now.former.end()) taken_off_[former->id] = env::boot_clock().steady();
  return done;
}

/// Those that could take over.
std::vector<Successor> NodeImpl::successors() const {
  const Shown now = shown();
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster all = roster();
  const bool by_hand = all.by_hand;
  std::vector<Successor> out;
  for (const RosterMember& member : all.members) {
    const auto progress = now.progress.find(member.number);
    const bool known = member.number != number_ && !member.observer && progress != now.progress.end();
    const bool fits =
        known && link_->connected(member.number) &&
        (by_hand ? now.member.in_step.contains(member.number) : member.voter && progress->second.active);
    if (!fits) continue;
    const FileStanding files = standing_of(member.number, facts);
    out.push_back({member.number, progress->second.matched, has_all_files(files), files.missing});
  }
  return out;
}

/// The one that is asked for, or the one that holds most.
Result<MemberId> NodeImpl::successor(std::string_view id) const {
  const Error nobody(ErrorCode::kConflict, "no other member could take over now");
  const std::vector<Successor> fit = successors();
  if (id.empty()) {
    const std::optional<MemberId> best = most_complete(fit);
    if (!best) return nobody;
    return *best;
  }
  const Roster now = roster();
  const RosterMember* member = now.find_id(id);
  const auto found =
      std::ranges::find(fit, member == nullptr ? MemberId{0} : member->number, &Successor::number);
  if (found == fit.end()) return nobody;
  if (may_succeed(fit, found->number)) return found->number;
  return Error(ErrorCode::kConflict,
               fmt::format("member {} lacks files that another member has ({} are on their way)", id,
                           found->files_missing));
}

env::Task<Result<void>> NodeImpl::hand_over(std::string id) {
  Result<void> out;
  co_await env::run_blocking([&] { out = leadership_to(id, kChangePatience); });
  co_return out;
}

/// The lead goes to who has a vote. Where one member alone has one, the next to lead gets it for the time of
/// the change; keep_one_vote() ends that, here or there.
Result<void> NodeImpl::give_vote(MemberId to) {
  const Roster now = roster();
  if (!now.by_hand || now.find(to) == nullptr || now.find(to)->voter) return {};
  return change(ChangeKind::kPromote, to, "");
}

Result<void> NodeImpl::leadership_to(const std::string& id, env::Duration patience) {
  if (!shown().active) return not_serving();
  if (switching_.exchange(true)) return Error(ErrorCode::kConflict, "the lead is being handed over already");
  const Lock lock(votes_mutex_);
  Result<void> done = lead_goes_to(id, patience);
  switching_ = false;
  return done;
}

Result<void> NodeImpl::lead_goes_to(const std::string& id, env::Duration patience) {
  const Result<MemberId> to = successor(id);
  if (!to) return to.error();
  if (Result<void> ready = give_vote(*to); !ready.ok()) return ready;
  const Shown begun = shown();
  auto promise = std::make_shared<std::promise<CoreStatus>>();
  std::future<CoreStatus> future = promise->get_future();
  calls_.put([this, promise, to = *to] {
    promise->set_value(member_ ? member_->hand_over(to) : CoreStatus::kNotLeader);
  });
  if (future.get() != CoreStatus::kOk)
    return Error(ErrorCode::kConflict, "the lead cannot be handed over now: a change is under way");
  const Error nobody(ErrorCode::kTimeout, fmt::format("member {} did not take the lead", *to));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    const Shown now = shown();
    if (now.member.role != Role::kLeader && now.member.leader != 0 && now.member.leader != number_) return {};
    if (now.member.role == Role::kLeader && now.member.term > begun.member.term) return nobody;
    std::this_thread::sleep_for(kTick);
  }
  return nobody;
}

void NodeImpl::leave(env::Duration patience) {
  if (shown().active && !roster().by_hand) (void)leadership_to("", patience);
}

env::Task<Result<std::string>> NodeImpl::take_over() {
  Result<std::string> out = not_serving();
  co_await env::run_blocking([&] { out = going_on_alone(); });
  co_return out;
}

Result<std::string> NodeImpl::going_on_alone() {
  const Roster now = roster();
  const RosterMember* own = now.find(number_);
  if (!now.by_hand)
    return Error(ErrorCode::kInvalid,
                 "the members of this cluster agree on who serves; of a majority that is lost for good see "
                 "`mullion cluster recover`");
  if (shown().active) return std::string("this member serves already");
  if (own == nullptr || own->observer)
    return Error(ErrorCode::kConflict, "this server is no member that could serve");
  for (const auto& [number, facts] : link_->facts()) {
    if (facts.active)
      return Error(
          ErrorCode::kConflict,
          fmt::format("member {} serves and can be reached: hand over without force, or stop it first",
                      now.find(number) == nullptr ? "another one" : now.find(number)->id));
  }
  const uint64_t last = store_->agreed().place.index;
  if (Result<void> done = env::write_file_atomic(options_.places.take_over(), "", 0600); !done.ok())
    return done.error();
  options_.restart("it goes on alone, as somebody has ordered");
  return fmt::format(
      "this member goes on alone, from at least entry {}. What the former active member has acknowledged "
      "without "
      "it is lost. Keep that member off until it reaches this one: it is told then that it is none any more, "
      "and "
      "can be enrolled again",
      last);
}

env::Task<Result<bool>> NodeImpl::fail_over_safe(env::Duration patience) {
  const env::SteadyTime deadline = env::system_clock().steady() + patience;
  while (true) {
    if (!may_answer()) co_return not_serving();
    const Shown now = shown();
    for (const Successor& one : successors()) {
      if (one.matched >= now.member.commit && one.files_complete) co_return true;
    }
    if (env::system_clock().steady() >= deadline) co_return false;
    co_await env::sleep_for(kTick);
  }
}

}  // namespace

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
