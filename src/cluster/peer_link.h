// The lines to the other members: two connections for each direction of each pair, TLS both ways.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/member.h"
#include "env/runtime.h"
#include "net/keyed_stream.h"
#include "net/peer_key.h"
#include "store/sequencer.h"

namespace mullion::cluster {

/// How far a member is with the files that all of them are to have.
struct FileStanding {
  uint64_t missing = 0;  // files
  uint64_t index = 0;    // of the agreed order: up to there it has had all of them
  std::string revision;  // of the records that it has compared with; "" before it has
  bool operator==(const FileStanding&) const = default;
};

/// What a member says of itself on each connection; it is believed because of the key.
struct PeerFacts {
  std::string api_url;      // of its API, as others reach it
  std::string static_url;   // of its port of files
  std::string fingerprint;  // of the API's certificate, hex
  std::string version;
  bool active = false;  // it serves
  uint64_t term = 0;    // of which it says so
  FileStanding files = {};
  std::string upgrade = {};  // what it says of an upgrade of the members; "" when there is none
  uint64_t compared = 0;     // the newest term at whose beginning its database was found equal; 0: none
  std::string address = {};  // "IP:port" where it listens for other members; "" when it does not say
  bool operator==(const PeerFacts&) const = default;
};

/// Where a member listens, and the key that it must show.
struct PeerAddress {
  MemberId number = 0;
  std::string key;
  std::string address;
  bool former = false;  // was removed: heard, and answered, when it comes
};

/// A database that was fetched: `data.mdb` in the folder asked for.
using FetchedCopy = store::AgreedState;

/// Thread-safe. Frames wait for at most a few seconds and are lost then: who sends them sends them again.
class PeerLink final : public Link {
 public:
  struct Options {
    MemberId own = 0;
    std::string address;  // "IP:port" to listen on
    uint64_t queue_bytes = uint64_t{64} << 20;
    uint64_t small_frame = uint64_t{1} << 20;
    uint64_t bulk_frame = uint64_t{640} << 20;
    env::Path scratch;       // folder for copies on their way out
    uint64_t copy_rate = 0;  // bytes a second of a copy on its way out; 0: any
    std::function<env::Task<bool>(env::Duration)> rest = env::sleep_for;  // until the next piece may leave
  };
  /// Called on threads of the link's own runtime; must not block.
  struct Events {
    std::function<void(MemberId from, std::string frame)> frame;
    std::function<void(MemberId to)> broken;                     // the bulk connection ended
    std::function<void(MemberId from, const PeerFacts&)> facts;  // also when the peer is gone: not active
    /// Makes a copy of the database in the folder; on a thread that may block.
    std::function<Result<store::AgreedState>(const env::Path&)> make_copy;
    /// A piece of it has left; at most once a second.
    std::function<void(MemberId to)> copy_goes_on = [](MemberId) {};
    /// A member has connected to speak of something else, as `kind` says. May wait.
    std::function<env::Task<void>(MemberId from, std::string kind, net::KeyedStream& stream)> talk = {};
  };
  /// What is said on a connection of its own.
  using Talk = std::function<env::Task<Result<void>>(net::KeyedStream& stream)>;

  /// kInvalid, kConflict: the address cannot be listened on.
  static Result<std::unique_ptr<PeerLink>> open(const Options& options, net::PeerKey key, Events events);
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;
  /// Ends all connections and waits: not from its own threads.
  ~PeerLink() override;

  void send(MemberId to, bool bulk, std::string frame) override;
  /// Members are added and get other addresses. One that says of itself where it listens is looked for there
  /// and at its address by turns. Who is left out is still heard and answered as long as this
  /// process runs, and who is listed as former for ever, so that it can be told that it was removed.
  void set_peers(const std::vector<PeerAddress>& peers);
  void set_facts(const PeerFacts& facts);
  /// Whether frames of the member come on a connection now, and frames for it leave on one.
  bool connected(MemberId member) const;
  /// What peers said last, also those that are gone.
  std::map<MemberId, PeerFacts> facts() const;
  uint16_t port() const;
  /// Blocks until the peer's database is in `directory`, synced; what fails leaves what there is.
  Result<FetchedCopy> fetch_copy(MemberId from, const env::Path& directory);
  /// Connects to a member to speak of `kind`, and answers on a thread of the link how it ended; kCancelled,
  /// on this thread, when the link stops. Never blocks; it is not told when the link stops meanwhile.
  void talk(MemberId to, std::string kind, Talk talk, std::function<void(Result<void>)> done);
  /// Breaks off fetch_copy() and serves no more.
  void stop();

 private:
  class Implementation;
  explicit PeerLink(std::shared_ptr<Implementation> implementation);
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace mullion::cluster
