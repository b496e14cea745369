// Who failed to log in lately, and how long they have to wait.
#pragma once

#include <array>
#include <list>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "env/network.h"

namespace mullion::auth {

/// Failures per pair of user and address (of IPv6: /64): a few are free, then each doubles the time until the
/// next try. Nobody else behind the address is slowed down. Thread-safe.
///
/// Bounded, and cannot be made to forget: when the table or the share of one network is full, only a pair
/// with a single failure makes room, and what finds no room is counted for its network as a whole. That count
/// slows down pairs without an entry of their own, but none that logged in before.
class FailedLogins {
 public:
  /// `most`: entries of the table.
  explicit FailedLogins(const env::Clock& clock, size_t most = 32768);
  FailedLogins(const FailedLogins&) = delete;
  FailedLogins& operator=(const FailedLogins&) = delete;

  /// How long this caller has to wait; absent when it may try now.
  std::optional<env::Duration> wait(std::string_view user, const env::Network& from) const;
  void failed(std::string_view user, const env::Network& from);
  /// Takes the failures of the pair back.
  void succeeded(std::string_view user, const env::Network& from);
  size_t size() const;

 private:
  using Key = uint64_t;  // keyed hash: nobody can choose who shares one
  struct Counter {
    uint32_t failures = 0;
    env::SteadyTime last;
    env::SteadyTime not_before;
  };
  struct Entry {
    Counter counter;
    Key site = 0;
    std::list<Key>::iterator age;
  };
  using Entries = std::unordered_map<Key, Entry>;
  using Rank = std::tuple<uint32_t, env::SteadyTime, Key>;

  Key hash(std::string_view user, std::string_view address) const;
  size_t slot_of(const env::Network& from) const REQUIRES(mutex_);
  Rank rank_of(Key key, const Entry& entry) const;
  std::optional<env::Duration> wait_of(const Counter& counter) const;
  void count(Counter& counter, uint32_t free_tries);
  void insert(Key key, Key site) REQUIRES(mutex_);
  void erase(Entries::iterator entry) REQUIRES(mutex_);
  void drop_forgotten() REQUIRES(mutex_);
  bool make_room(Key site, bool loopback) REQUIRES(mutex_);
  void trust(Key key) REQUIRES(mutex_);

  const env::Clock& clock_;
  const size_t most_;
  std::array<unsigned char, 16> secret_{};  // of this process only
  mutable Mutex mutex_;                     // guards everything below
  Entries entries_ GUARDED_BY(mutex_);
  std::list<Key> by_age_ GUARDED_BY(mutex_);       // the longest without a failure first
  std::set<Rank> by_failures_ GUARDED_BY(mutex_);  // the fewest failures first
  std::unordered_map<Key, size_t> of_site_ GUARDED_BY(mutex_);
  std::vector<Counter> overflow_ GUARDED_BY(mutex_);  // by network; the first one is for this machine alone
  std::list<Key> trusted_order_ GUARDED_BY(mutex_);   // the newest first
  std::unordered_map<Key, std::list<Key>::iterator> trusted_ GUARDED_BY(mutex_);
};

}  // namespace mullion::auth
