// What the rest of a server knows of the cluster that it is, or could be, a member of.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cluster/types.h"
#include "env/clock.h"
#include "env/runtime.h"

namespace mullion::cluster {

/// What members are told of the cluster and of themselves; `ha-state.json`, and the body of an enrolment.
struct HaState {
  bool load_balanced = false;
  bool enabled = false;
  bool consensus_enabled = false;
  std::string consensus_join;  // URL of the API of the active member
  std::string virtual_address;
  std::string server_hostname;
  std::string active_uri;
  std::string token;  // lets its bearer in once
  std::string ha_id;
  bool valid = false;
  std::string root;  // the certificate of the active member's API in DER form, base64; "" for none

  std::string consensus_id;
  std::string virtual_interface, virtual_interface_script;
  std::string consensus_address;  // IP:port
  std::string api_url;
  bool passive = false;
  bool observer = false;
  bool operator==(const HaState&) const = default;
};

/// One member as clients are shown it.
struct NodeView {
  std::string id;
  std::string address;
  std::string api_url;
  std::string version;  // "" when it was not heard of
  bool passive = true;
  bool observer = false;
  bool voter = false;
  bool in_step = false;  // could take over now, losing nothing: as the active member knows
  bool offline = false;
  uint64_t matched = 0;  // up to where it holds the agreed order and all files, as far as this member knows
  std::optional<uint64_t> log_behind;  // entries of the agreed order that it lacks, where this member knows
  std::optional<uint64_t> files_missing;  // of those that all members are to have, as it reports
  std::string upgrade;  // what it says of an upgrade of the members, see Node::tell_upgrade()
};

/// What a member that took over has shown of itself and the others: that they hold the same, all of it, up to
/// one commit.
struct TakeOver {
  uint64_t term = 0;               // 0: it has not, yet
  uint64_t seq = 0;                // the newest commit of those that served before
  std::string digest;              // of all objects then, hex
  std::vector<std::string> equal;  // ConsensusIDs of members that have compared theirs with it, this one too
  bool operator==(const TakeOver&) const = default;
};

struct ClusterView {
  bool enrolled = false;
  std::string own_id;     // ConsensusID
  std::string leader_id;  // "" while there is none
  std::string active_id;  // "" while nobody serves
  bool active = false;    // this member serves, and its lease holds
  uint64_t term = 0;
  uint64_t agreed = 0;   // end of the agreed order
  uint64_t applied = 0;  // as far as the database here
  bool by_hand = false;  // the lead is switched by hand, see Roster::by_hand
  std::string trouble;   // why it takes no part; of one that serves: what is wrong all the same
  HaState state;         // of this member; no token
  std::vector<NodeView> nodes;
};

/// Where requests are passed on to.
struct ActiveMember {
  std::string api_url, static_url;
  std::string fingerprint;  // of its certificate
  bool operator==(const ActiveMember&) const = default;
};

/// Whether an enrolment with this state joins a cluster, rather than to found one.
bool joins(const HaState& state);
/// Whether a cluster that is founded with it is switched by hand.
bool by_hand(const HaState& state);

/// Who asks to be let in.
struct Candidate {
  std::string token;
  std::string id;
  std::string key;      // hex
  std::string address;  // IP:port
  std::string api_url;
  bool observer = false;
};
struct Admission {
  MemberId number = 0;
  std::string ha_id;
  std::string roster;  // see roster.h
};

/// What a request changes about where the cluster's address is; what is absent stays.
struct AddressChange {
  std::optional<std::string> virtual_address;  // the cluster's; "": it has none any more
  std::optional<bool> load_balanced;
  std::optional<std::string> interface, script;  // of the member that is asked
  bool of_cluster() const { return virtual_address || load_balanced; }
  bool of_member() const { return interface || script; }
  bool operator==(const AddressChange&) const = default;
};

/// Thread-safe. What a server without a cluster does not do is answered kConflict or kInvalid with a
/// sentence.
class Cluster {
 public:
  virtual ~Cluster() = default;
  /// Never changes while the process runs.
  virtual bool enrolled() const = 0;
  virtual ClusterView view() const = 0;
  /// Whether what was read, or refused by what was read, before this call may be answered: nobody else can
  /// have agreed on anything before it. Always true without a cluster.
  virtual bool may_answer() const = 0;
  /// Absent while nobody is known to serve, or this member does.
  virtual std::optional<ActiveMember> active_elsewhere() const = 0;
  /// Notified when the answers of active_elsewhere() or view().active have changed.
  virtual env::Signal changes() const = 0;

  /// Lets somebody in: a state with a fresh token when this member serves a cluster; without a cluster one
  /// that the server itself may be enrolled with.
  virtual env::Task<Result<HaState>> introduce() = 0;
  /// Makes this server a member: of a cluster of its own when the state names none, else of the one whose
  /// introduction it holds. When this answers, the server is about to start anew.
  virtual env::Task<Result<HaState>> enroll(HaState wanted) = 0;
  /// At the active member.
  virtual env::Task<Result<Admission>> admit(Candidate candidate) = 0;
  virtual env::Task<Result<NodeView>> remove(std::string id) = 0;
  /// The lead to the member of this ConsensusID, or to the one that is furthest. Answers once it is gone.
  virtual env::Task<Result<void>> hand_over(std::string id) = 0;
  /// In a cluster whose lead is switched by hand, when the member that serves is gone for good or cannot be
  /// asked: this one goes on alone. Answers what may be missing; the process is about to start anew then.
  /// kConflict: another member serves, and can be reached.
  virtual env::Task<Result<std::string>> take_over() = 0;
  /// Whether a member that could take over has everything that is agreed, within `patience`.
  virtual env::Task<Result<bool>> fail_over_safe(env::Duration patience) = 0;

  /// Another key for a passive member, which is told so by the member that serves and comes back as another
  /// one, with a copy and the same ConsensusID; its former key is good for nothing from then on. Answers once
  /// it is back in the list. At the active member.
  virtual env::Task<Result<NodeView>> replace_key(std::string id) = 0;
  /// This member listens for the others at "IP:port" from its next start on, which is about to come when this
  /// answers; the others follow. The lead is handed over first. kInvalid: no address of this machine.
  virtual env::Task<Result<HaState>> move_to(std::string address) = 0;
  /// The cluster's part is agreed on, at the member that serves, after each member that can be reached has
  /// said that it could hold the address, and this one holds it; the member's part is its own. kInvalid names
  /// the field, and the member; whatever is refused has changed nothing.
  virtual env::Task<Result<HaState>> change_address(AddressChange change) = 0;
  /// Of the member that serves; else nothing.
  virtual TakeOver comparison() const { return {}; }
};

/// `ha-state.json`. kCorrupt.
Result<HaState> decode_state(std::string_view json);
boost::json::object state_object(const HaState& state);
std::string encode_state(const HaState& state);

}  // namespace mullion::cluster
