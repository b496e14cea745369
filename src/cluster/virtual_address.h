// The address of the cluster, which is where the member that serves is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "cluster/cluster.h"
#include "env/clock.h"
#include "env/file.h"
#include "env/interface_address.h"

namespace mullion::cluster {

// ------------------------------------------------------------------------------------------- decisions, pure

enum class AddressStep { kNothing, kTake, kRenew, kAnnounce, kDrop };

struct AddressTimes {
  env::Duration renewal = std::chrono::milliseconds(500);
  env::Duration retry = std::chrono::seconds(1);
};

/// What is known of the address here.
struct AddressHold {
  enum class Where {
    kUnknown,  // an earlier process may have left it behind
    kHere,
    kAway,
  } where = Where::kUnknown;
  env::SteadyTime taken{}, renewed{};
  size_t announced = 0;                   // times since it was taken
  size_t failures = 0;                    // in a row
  std::optional<env::SteadyTime> failed;  // when the last of them was
};

/// What to do now. `serves`: this member serves and its lease holds. `renews`: the address goes by itself
/// when it is not renewed, and neighbours have to be told of it.
AddressStep next_step(const AddressHold& hold, bool serves, bool renews, env::SteadyTime now,
                      const AddressTimes& times = {});
/// What is known after a step that was no kNothing.
AddressHold after_step(AddressHold hold, AddressStep step, bool done, env::SteadyTime now);

/// What the machine says of an address that is to move to it.
struct AddressFacts {
  bool interface_exists = false;
  bool address_here = false;
  bool script_runs = false;
  bool listens_everywhere = true;  // the ports of this server are reached at any address
  Result<void> may_move;
};
/// Whether a member of this state could hold the cluster's address: kInvalid names the field.
Result<void> check_address(const HaState& wanted, const AddressFacts& facts);

/// Of a member's own part alone, while there is no address: the same.
Result<void> check_way(const HaState& wanted, const AddressFacts& facts);

/// The address without its prefix, "" for none.
std::string bare_address(const std::string& virtual_address);
/// The URL at the cluster's address of what is at `api_url`.
std::string url_at_address(const std::string& virtual_address, const std::string& api_url);

// ----------------------------------------------------------------------------------------------- doing it

/// Moves one address. One thread's. Blocks.
class AddressMover {
 public:
  virtual ~AddressMover() = default;
  virtual bool renews() const = 0;
  virtual Result<void> take() = 0;
  virtual Result<void> renew() = 0;
  virtual Result<void> announce() = 0;
  virtual Result<void> drop() = 0;
};

/// The kernel drops the address by itself `lifetime` after the last renewal.
std::unique_ptr<AddressMover> kernel_mover(env::InterfaceAddress address, std::chrono::seconds lifetime);
/// Runs `SCRIPT add|remove INTERFACE ADDRESS`, for at most some seconds.
std::unique_ptr<AddressMover> script_mover(env::Path script, std::string interface, std::string address);
/// Where an address goes on this machine, and who moves it there; without an address there is none.
struct AddressTarget {
  std::string address;  // with its prefix
  std::string interface;
  std::string script;  // "": the kernel moves it
  bool operator==(const AddressTarget&) const = default;
};
/// Of a member's state: none when it never holds the address, or a balancer has it.
AddressTarget target_of(const HaState& state);
/// By script or by kernel; null when it cannot be moved.
std::unique_ptr<AddressMover> mover_of(const AddressTarget& target, uint32_t pace);
/// A list of targets as a text; what cannot be read has none.
std::string encode_targets(const std::vector<AddressTarget>& targets);
std::vector<AddressTarget> decode_targets(std::string_view text);

/// Holds the address while this member serves, and lets go of addresses that it had before. Its step is one
/// thread's; the rest is thread-safe.
class AddressKeeper {
 public:
  struct Ways {
    std::function<std::unique_ptr<AddressMover>(const AddressTarget&)> mover;
    std::function<bool()> serves;  // asked by the thread of the keeper
    /// Told what may be on this machine, before it is there; `before` of the next process. May be null.
    std::function<void(const std::vector<AddressTarget>&)> remember = {};
  };
  enum class Standing { kNotYet, kHere, kFailed };

  /// `before`: what an earlier process may have left behind.
  AddressKeeper(Ways ways, const env::Clock& clock, AddressTimes times = {},
                const std::vector<AddressTarget>& before = {});
  ~AddressKeeper() { stop(); }
  AddressKeeper(const AddressKeeper&) = delete;
  AddressKeeper& operator=(const AddressKeeper&) = delete;

  /// This is the address from now on. What was held before stays until it is held, unless it is the same
  /// address by another way: that one goes first.
  void move_to(const AddressTarget& target);
  /// The same, and what was held before stays until move_to() says which of them counts.
  void try_out(const AddressTarget& target);
  /// Steps on a thread of its own from now on.
  void start();
  /// Gives everything away, and does nothing more.
  void stop();
  /// One look and at most one step; false: there was nothing to do.
  bool step();
  /// Of a target; of one that is not wanted any more kFailed.
  Standing standing(const AddressTarget& target) const;
  /// Whether an address, given without its prefix, is here because of this.
  bool has(const std::string& address) const;
  /// Why it is not as it should be; "" when it is.
  std::string trouble() const;

 private:
  struct Kept {
    AddressTarget target;
    std::unique_ptr<AddressMover> mover;
    AddressHold hold;
    std::string trouble;
  };
  using KeptPtr = std::shared_ptr<Kept>;  // its mover is the thread's, the rest is guarded

  void want(const AddressTarget& target, bool trial);
  std::vector<AddressTarget> targets() const;
  void remember();
  bool wanted(const Kept& kept) const REQUIRES(mutex_);
  bool wanted_is_here() const REQUIRES(mutex_);
  bool another_way_is_left(const Kept& kept) const REQUIRES(mutex_);
  AddressStep step_of(const Kept& kept, bool serves) const REQUIRES(mutex_);
  void note(Kept& kept, AddressStep step, const Result<void>& done) REQUIRES(mutex_);
  void run();

  const Ways ways_;
  const env::Clock& clock_;
  const AddressTimes times_;
  Mutex remember_mutex_;  // before mutex_: what is remembered is in the order of what happens
  mutable Mutex mutex_;
  std::vector<KeptPtr> kept_ GUARDED_BY(mutex_);
  AddressTarget wanted_ GUARDED_BY(mutex_);
  bool trial_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  ConditionVariable stop_;
  std::thread thread_;
};

}  // namespace mullion::cluster
