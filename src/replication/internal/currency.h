// How old the replicas behind one stream are: what a source's words prove, and when.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "replication/sink.h"

namespace mullion::replication {

/// A moment T is known of each owner such that its replica here holds everything that the owner had committed
/// by T: its age is the time since T. Pings prove it. A ping sends back a number that was sent at a moment S,
/// so what the source says in it was true at S or later, however long it was on its way; once everything up
/// to the commit that it names is stored here, the replicas are as new as it said at S.
///
/// All times are of one steady clock. Not thread-safe.
class Currency {
 public:
  /// `begun`: before the stream was asked for. `as_of` and `held_up`: what earlier streams proved, and what
  /// this one will; they must outlive this object.
  Currency(std::string source, env::SteadyTime begun, AsOf& as_of, HeldUpOwners& held_up);

  /// The number for a ping that is composed after `now`.
  uint64_t stamp(env::SteadyTime now);
  /// The first words of a stream prove what they say as pings do: it was asked for before they were said.
  void take_hello(uint64_t newest);
  void take_owners(const std::vector<Announcement>& announced);
  void take_ping(const Ping& ping, env::SteadyTime now);

  /// Everything up to `seq` of the source's log arrived and is part of the first `batches` batches.
  void received(uint64_t seq, uint64_t batches);
  /// Whether stored() would have something to say.
  bool proves(uint64_t batches) const;
  /// The first `batches` batches are stored. `follows`: whose replicas are complete; `holds`: whether one is
  /// equal as far as is known.
  void stored(uint64_t batches, const std::set<std::string, std::less<>>& follows,
              const std::function<bool(const std::string&)>& holds);

  /// Another replica is followed, or the log from another place: what was said so far, also what was proven
  /// of the others already, holds once everything is stored that has arrived by now.
  void begin_anew();

  /// As of when the source's replica of `owner` was, by its last word. Absent: it does not announce it.
  std::optional<env::SteadyTime> told(std::string_view owner) const;
  /// Which of its collections were older than told().
  HeldUpCollections told_held_up(std::string_view owner) const;

 private:
  struct Stamp {
    uint64_t number = 0;
    env::SteadyTime sent;
  };
  struct Claim {  // of an announcement
    bool in_touch = false;
    env::SteadyTime as_of;
    uint64_t since = 0;  // the first of the source's words that may be about it
    HeldUpCollections held_up;
    uint64_t word = 0;  // the last of the source's words before the announcement
  };
  struct Proof {
    uint64_t word = 0;  // which of the source's words: hello, then pings
    uint64_t seq = 0;
    env::SteadyTime base;
    std::optional<double> age;
    std::map<std::string, double, std::less<>> ages;
    HeldUpOwners held_up;
    std::optional<uint64_t> batches;  // absent: not everything up to `seq` has arrived
    bool first = false;               // what the stream began with: ages are those of the announcement
  };
  env::SteadyTime claimed(const Proof& proof, std::string_view owner) const;
  /// Which of the owner's collections were older than claimed().
  HeldUpCollections held_up_then(const Proof& proof, std::string_view owner) const;

  const std::string source_;
  uint64_t words_ = 0;
  env::SteadyTime word_;  // whatever the source says next was true at this moment or later
  uint64_t last_stamp_ = 0;
  std::deque<Stamp> under_way_;
  std::map<std::string, Claim, std::less<>> announced_;
  Proof newest_;
  std::deque<Proof> proofs_;
  std::optional<Proof> proven_;  // the last one
  AsOf& as_of_;
  HeldUpOwners& held_up_;
};

}  // namespace mullion::replication
