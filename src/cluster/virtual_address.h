// The address of the cluster, which is where the member that serves is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

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
/// Of a member's state, by script or by kernel; null when it moves none.
std::unique_ptr<AddressMover> mover_of(const HaState& state, uint32_t pace);

/// Holds the address while this member serves. Its step is one thread's; what it says is thread-safe.
class AddressKeeper {
 public:
  /// `serves` is asked by the thread of the keeper.
  AddressKeeper(std::unique_ptr<AddressMover> mover, std::function<bool()> serves, const env::Clock& clock,
                AddressTimes times = {});
  /// Gives the address away.
  ~AddressKeeper();
  AddressKeeper(const AddressKeeper&) = delete;
  AddressKeeper& operator=(const AddressKeeper&) = delete;

  /// Steps on a thread of its own from now on.
  void start();
  /// One look and at most one step; false: there was nothing to do.
  bool step();
  bool holds() const;
  /// Why it is not as it should be; "" when it is.
  std::string trouble() const;

 private:
  Result<void> carry_out(AddressStep step);
  void run();

  const std::unique_ptr<AddressMover> mover_;
  const std::function<bool()> serves_;
  const env::Clock& clock_;
  const AddressTimes times_;
  mutable Mutex mutex_;
  AddressHold hold_ GUARDED_BY(mutex_);
  std::string trouble_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  ConditionVariable stop_;
  std::thread thread_;
};

}  // namespace mullion::cluster
