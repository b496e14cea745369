// The configuration lease: which manager configures this server. Kept by the server itself, so that two
// managers that know nothing of each other agree (docs/configuration.md).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "env/clock.h"
#include "env/runtime.h"
#include "env/timers.h"
#include "store/store.h"

namespace mullion::apply {

inline constexpr auto kLongestLease = std::chrono::seconds(300);
inline constexpr size_t kLongestHolder = 255;  // bytes

struct Lease {
  std::string holder;
  env::WallTime until;
  bool operator==(const Lease&) const = default;
};

// Pure.

/// The stored text of a lease, and back; absent for what is no lease.
std::string lease_text(const Lease& lease);
std::optional<Lease> parse_lease(std::string_view text);
/// `stored` while it counts. One that ends later than any lease may comes from a clock that was set back
/// since: it is over.
std::optional<Lease> lease_at(std::optional<Lease> stored, env::WallTime now);
/// The lease of `holder` from `now` on. kInvalid names the member that is wrong; kConflict while somebody
/// else holds it: Model configuration_lease, Key the holder, "configured by R1 until 2026-01-01T00:00:00Z".
Result<Lease> grant_lease(const std::optional<Lease>& current, std::string_view holder, int64_t seconds,
                          env::WallTime now);

/// The lease of this server. Lives in the store's secrets, so a restart does not free it. While the process
/// lives it ends by the steady clock, whatever becomes of the wall clock; the wall clock counts once, when a
/// process finds a lease that another one left. Thread-safe.
class LeaseKeeper {
 public:
  LeaseKeeper(store::Store& store, const env::Clock& clock, const env::Timers& timers);
  /// Calls `changed` whenever holder() answers something else, also when a lease runs out. Runs until
  /// cancelled.
  env::Task<void> watch(std::function<void()> changed);

  /// Who holds it, and until when by the wall clock of now.
  std::optional<Lease> current() const;
  /// "" when nobody holds it.
  std::string holder() const;
  /// Takes or renews it; durable when it returns. Errors of grant_lease().
  env::Task<Result<Lease>> take(std::string holder, int64_t seconds);
  /// Success when nobody holds it; kConflict when somebody else does.
  env::Task<Result<void>> release(std::string holder);

 private:
  /// A stored text, and when the lease in it ends.
  struct Known {
    std::string text;
    env::SteadyTime until;
  };
  env::Task<Result<store::Cursor>> exchange(const std::optional<std::string>& before,
                                            std::optional<std::string> after);
  std::optional<Lease> counting(const std::optional<std::string>& text) const;
  env::SteadyTime end_of(const std::string& text, const std::optional<Lease>& lease) const;
  void remember(const std::string& text, env::SteadyTime until);

  store::Store& store_;
  const env::Clock& clock_;
  const env::Timers& timers_;
  env::Signal changed_;
  mutable Mutex mutex_;
  mutable std::optional<Known> known_ GUARDED_BY(mutex_);
};

}  // namespace mullion::apply
