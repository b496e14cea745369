// A member of a cluster: what its parts (node_*.cc) share.
#pragma once

#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "cluster/file_plan.h"
#include "cluster/internal/call_queue.h"
#include "cluster/internal/heard_lately.h"
#include "cluster/internal/log.h"
#include "cluster/internal/own_members.h"
#include "cluster/internal/take_over.h"
#include "cluster/internal/texts.h"
#include "cluster/journal_thread.h"
#include "cluster/member.h"
#include "cluster/node.h"
#include "cluster/peer_link.h"
#include "cluster/readmission.h"
#include "cluster/roster.h"
#include "cluster/virtual_address.h"
#include "net/keyed_stream.h"

namespace mullion::cluster {

inline constexpr auto kTick = std::chrono::milliseconds(10);
inline constexpr auto kRetryPause = std::chrono::milliseconds(500);
inline constexpr auto kChangePatience = std::chrono::seconds(10);
/// What a conversation is about in which the member that serves orders another key for a member.
inline constexpr const char* kReplaceKeyTalk = "replace-key";
/// What a conversation is about in which it asks whether a member could hold an address.
inline constexpr const char* kAddressTalk = "address";
/// What a member answers to an order, or a question, that it has nothing against.
inline constexpr std::string_view kAccepted = "accepted";
inline constexpr uint64_t kLongestOrder = 1 << 10;
inline constexpr auto kOrderPatience = std::chrono::seconds(5);

inline Error not_serving() {
  return Error(ErrorCode::kUnavailable, "this server does not serve the cluster now");
}

/// Where the members, and those that were, are to be found.
std::vector<PeerAddress> addresses(const Roster& roster);

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

/// One thread drives `member_` (the cluster thread), one applies what is agreed, one does the chores;
/// requests come on any other.
class NodeImpl final : public Node, private Applier, private Host, private FileHost {
 public:
  NodeImpl(env::Runtime& runtime, NodeOptions options, HaState state, OwnMembers own)
      : runtime_(runtime),
        options_(std::move(options)),
        number_(own.number),
        state_(std::move(state)),
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
  std::optional<uint64_t> serving_term() const override;
  bool may_answer() const override { return member_ && member_->may_read(); }
  std::optional<ActiveMember> active_elsewhere() const override;
  env::Signal changes() const override { return changes_; }
  env::Task<Result<HaState>> introduce() override;
  env::Task<Result<HaState>> enroll(HaState wanted) override;
  env::Task<Result<Admission>> admit(Candidate candidate) override;
  env::Task<Result<NodeView>> remove(std::string id) override;
  env::Task<Result<NodeView>> replace_key(std::string id) override;
  env::Task<Result<HaState>> move_to(std::string address) override;
  env::Task<Result<HaState>> change_address(AddressChange change) override;
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
  // The cluster's address
  void hold_address();
  void take_address();
  Result<void> write_state(const std::function<void(HaState&)>& change);
  Result<void> write_way(const HaState& wanted);
  HaState own_state() const;
  std::shared_ptr<AddressKeeper> address() const;
  Result<HaState> address_changed(const AddressChange& change);
  Result<void> address_moves(const HaState& wanted, const AddressChange& change);
  Result<void> check_address_here(const HaState& wanted) const;
  Result<void> ask_others_about(const HaState& wanted);
  Result<void> try_address(const AddressTarget& target);
  env::Task<void> serve_address_question(net::KeyedStream& stream);
  void open_files();
  void run_cluster();
  void run_chores();
  void run_checks();
  void remember_met();
  void fetch_another_database();

  // On the cluster thread
  void tick_as_due();
  std::map<MemberId, MemberProgress> progress_of_members(const Member::View& view) REQUIRES(mutex_);
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
  bool is_by_hand() const;
  Outcome outcome_of(const std::function<void(Member&, Member::Done)>& ask);
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
  Result<RosterMember> another(const std::string& id, std::string_view refusal) const;
  NodeView node_called(std::string_view id) const;
  Result<NodeView> removal(const std::string& id);
  Result<void> order_another_key(MemberId member);
  Result<void> ask(MemberId member, const char* kind, std::string text);
  Result<NodeView> key_replaced(const std::string& id);
  Result<HaState> moved_to(const std::string& address);
  Result<void> leadership_to(const std::string& id, env::Duration patience);

  env::Runtime& runtime_;
  const NodeOptions options_;
  const MemberId number_;
  std::string listens_at_;  // from the start on
  bool keyless_ = false;    // from the start on: the others do not know the key that it shows
  mutable env::Signal changes_;

  mutable Mutex mutex_;               // guards what follows
  HaState state_ GUARDED_BY(mutex_);  // as in its file; but for what is said of the API
  OwnMembers own_ GUARDED_BY(mutex_);
  ApiPlace api_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);
  std::string upgrade_ GUARDED_BY(mutex_);  // what this member says of an upgrade
  std::string forgot_ GUARDED_BY(mutex_);   // why this member is to come back as another one
  std::map<std::string, env::SteadyTime> taken_off_ GUARDED_BY(mutex_);  // by ConsensusID
  Shown shown_ GUARDED_BY(mutex_);
  TakeOver take_over_ GUARDED_BY(mutex_);
  std::shared_ptr<AddressKeeper> address_ GUARDED_BY(mutex_);

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
  std::atomic<bool> moving_{false};          // the address is being changed
  std::atomic<bool> copy_installed_{false};  // since the start: its giver waits to hear of it
  bool told_ = false;                        // cluster thread
  env::SteadyTime next_tick_{};              // cluster thread
  HeardLately heard_{kTick * CoreOptions{}.election_ticks * options_.pace};  // cluster thread
  uint64_t seen_applied_ = 0, durable_applied_ = 0;                          // chores
  std::map<MemberId, env::SteadyTime> in_step_since_;                        // chores
  std::string met_written_;                                                  // chores

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
  std::unique_ptr<Member> member_;  // cluster thread, but for may_read()
  Mutex state_mutex_;               // before mutex_: the state and its file change together
  std::thread cluster_thread_, apply_thread_, chore_thread_, check_thread_, fetch_thread_, return_thread_;
  std::atomic<bool> stopping_{false};
};

}  // namespace mullion::cluster
