// One member of a cluster as a process: its database, its journal, its lines and its threads.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "cluster/cluster.h"
#include "cluster/file_keeper.h"
#include "store/store.h"

namespace mullion::cluster {

/// Folders and files below the base root.
struct Places {
  env::Path base_root;
  env::Path data() const { return base_root / "data"; }
  env::Path fetched() const { return base_root / "data.new"; }
  env::Path state() const { return base_root / "ha-state.json"; }
  env::Path own() const { return base_root / "cluster"; }
  env::Path journal() const { return own() / "journal"; }
  env::Path key() const { return own() / "key.pem"; }
  env::Path members() const { return own() / "members.json"; }
  /// Addresses that this member may have put on the machine.
  env::Path addresses() const { return base_root / "ha-addresses.json"; }
  env::Path known_files() const { return own() / "known-files"; }
  /// What other members have shown of themselves.
  env::Path met() const { return own() / "met"; }
  /// What takes the place of own() once this member is admitted as another one.
  env::Path returning() const { return base_root / "cluster.new"; }
  /// There: this member is to go on alone, see Cluster::take_over().
  env::Path take_over() const { return own() / "take-over"; }
  /// There: what is in data() is not of this cluster.
  env::Path set_aside() const { return own() / "set-aside"; }
};

/// What the process was started with for its place in a cluster: it counts where an enrolment says nothing.
struct HaSettings {
  std::string consensus_address;
  std::string virtual_address;
  std::string virtual_interface, virtual_interface_script;
  bool load_balanced = false;
  std::string outside_address;     // IP by which others reach this machine, as far as is known
  bool listens_everywhere = true;  // the ports of the server are reached at any address of the machine
};

struct NodeOptions {
  Places places;
  HaSettings settings;
  store::Options store;  // but for its sequencer
  std::string version;
  uint32_t pace = 1;                                    // multiplies all times, for long lines
  env::Duration voter_after = std::chrono::seconds(2);  // that a learner has kept up
  /// Where the lead is switched by hand: a passive member that is away for so long (5 s) is left behind.
  uint64_t in_step_ticks = 500;
  /// This program has yet to show that it serves, and may be taken back: it votes and stores, and does not
  /// serve while there are other members.
  bool on_trial = false;
  KeeperOptions files = {};
  /// Asks for a start anew of the whole process; may be called by any thread, more than once.
  std::function<void(std::string why)> restart;
};

/// How the API is reached, once that is known.
struct ApiPlace {
  std::string api_url, static_url;
  std::string fingerprint;  // of its certificate
  std::string certificate;  // DER, base64
};

/// An enrolled server's side of the cluster. The store lives as long as the node.
class Node : public Cluster {
 public:
  virtual store::Store& store() = 0;
  virtual void set_api(const ApiPlace& place) = 0;
  /// The files that all members are to have; lives as long as the node.
  virtual FileKeeper& files() = 0;
  /// The term in which this member serves, as view() tells it; absent while it does not. Cheap.
  virtual std::optional<uint64_t> serving_term() const = 0;
  /// Tells the others, as NodeView::upgrade, how far this member is with an upgrade; up to 1 KiB.
  virtual void tell_upgrade(std::string note) = 0;
  /// Leaves: gives the lead away when it has it and somebody can take it, then takes no part any more. Blocks
  /// for at most `patience`.
  virtual void leave(env::Duration patience) = 0;
};

/// Whether the base root belongs to a member. An error: it cannot be known, and nothing may be started.
Result<bool> is_enrolled(const Places& places);

/// What the opening of a node uses, and nothing keeps: it is handed on as an argument, from call to call.
struct Opening {
  /// Asked before the database in a folder is opened: kCorrupt when that would end the process. Null: all are
  /// sound.
  std::function<Result<void>(const env::Path& directory)> examine = {};
  /// The process is to end: what waits gives up.
  std::stop_token stop = {};
};

/// Opens what enroll() has made. Without a database of the cluster it blocks until a copy was fetched.
/// kCorrupt: state, key or members cannot be read; kConflict: the address is in use; kCancelled: it was to
/// stop.
Result<std::unique_ptr<Node>> open_node(env::Runtime& runtime, NodeOptions options,
                                        const Opening& opening = {});

/// A server without a cluster, which can be made a member.
struct AloneOptions {
  Places places;
  HaSettings settings;
  std::string consensus_id;
  std::string ha_id;
  std::string hostname;
  std::string version;
  std::function<void(std::string why)> restart;  // null: this process cannot, and is not enrolled
};

/// What a server is started with that is to be a member of a cluster whose lead is switched by hand.
struct ByHandStart {
  std::string api_url;  // of this server
  bool passive = false;
  std::string join;         // of a passive one: the URL of the active one's API,
  std::string token;        // of somebody who may make members there,
  std::string fingerprint;  // and its certificate; "": one that this machine's authorities have signed
};
/// kInvalid: what is missing.
Result<void> check_by_hand(const ByHandStart& start);
/// Makes a member of a server that is none, before it serves anything: the first one of a cluster of its own
/// `store`, or a passive one, which asks until the active one admits it. kInvalid: it never will be;
/// kCancelled: it was to stop. Blocks.
Result<void> enter_by_hand(env::Runtime& runtime, store::Store* store, const AloneOptions& options,
                           const ByHandStart& start, std::stop_token stop = {});

class Alone : public Cluster {
 public:
  virtual void set_api(const ApiPlace& place) = 0;
};
std::unique_ptr<Alone> make_alone(env::Runtime& runtime, store::Store& store, AloneOptions options);

}  // namespace mullion::cluster
