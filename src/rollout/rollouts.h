// Carries rollouts out: watches Endpoint objects, stores each step, changes version sets where their owners
// are.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "auth/auth.h"
#include "env/runtime.h"
#include "env/timers.h"
#include "manager/manager.h"
#include "rollout/rollout.h"
#include "store/store.h"

namespace mullion::rollout {

/// What is wrong with the queries of a plan beside their form: unknown indexes, arguments that do not fit.
std::vector<std::string> query_faults(const store::Snapshot& snapshot, const RolloutPlan& plan);

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  manager::Manager& manager;
  auth::Authenticator& authenticator;
  std::string own_id;
  const env::Clock& clock;
  const env::Timers& timers;
  /// How queries of a collection see parameters (gates); may be empty.
  std::function<store::ParamResolver(std::string_view type, std::shared_ptr<const store::Snapshot>)> params;
  /// The actions an own Endpoint object would have with these sets, as JSON for dry runs; may be empty.
  std::function<env::Task<Result<json::array>>(std::string endpoint, std::vector<std::string> sets)> preview;
};

/// Thread-safe. Works while the manager is active; everything it knows is in the store, so a killed server
/// goes on where it was. It acts with the rights, as they are now, of who gave the last command that lends
/// them.
class Rollouts {
 public:
  virtual ~Rollouts() = default;
  virtual void start() = 0;
  virtual env::Task<void> stop() = 0;
  /// start, pause, resume, abort or return: answers the object; dryrun: what each wave would do. `principal`
  /// must see the targets, and may change them, to start. kNotFound, kInvalid (why not, what to do),
  /// kConflict (this server is no manager), kForbidden.
  virtual env::Task<Result<std::string>> command(std::string id, std::string command,
                                                 auth::Principal principal) = 0;
  /// A rollout was written with Start: begins it, or says in its Reason why not. Answers its body as it is
  /// then.
  virtual env::Task<Result<std::string>> begin_written(std::string id, auth::Principal principal) = 0;

  /// Rollouts that are not over, and their endpoints.
  struct Statistics {
    size_t rollouts = 0, waiting = 0, under_way = 0, done = 0, failed = 0;
  };
  virtual Statistics statistics() const = 0;
};
std::unique_ptr<Rollouts> make_rollouts(Dependencies dependencies);

}  // namespace mullion::rollout
