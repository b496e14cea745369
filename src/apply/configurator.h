// Keeps the plan of every own Endpoint object current, and carries plans out.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/auth.h"
#include "catalog/catalog.h"
#include "env/pools.h"
#include "env/timers.h"
#include "manager/manager.h"
#include "plan/plan.h"

namespace mullion::apply {

namespace json = boost::json;
using env::Task;

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  catalog::Catalog& catalog;
  files::Blobs& blobs;
  manager::Manager& manager;
  std::string own_id;
  const env::Clock& clock;
  const env::Timers& timers;
  std::function<std::string()> static_url, api_url;  // for templates in sources of files
  size_t apply_concurrency = 32;                     // endpoints at once
};

/// How far a plan that is being carried out has come.
struct ApplyProgress {
  size_t done = 0;   // actions carried out since there was something to do
  size_t total = 0;  // those, and what is left
  /// Of this manager's lease; 0 while it has none.
  std::chrono::seconds lease_left{0};
};

/// What stands beside an endpoint's plan.
struct Explained {
  plan::Plan plan;
  versionset::Wanted wanted;
  bool apply = false;         // Endpoint.Apply and the sets'
  std::string configured_by;  // holder of the lease; "" nobody
  /// idle | waiting | applying | stopped | disabled | not connected | not managing
  std::string state;
  std::string next_attempt;  // RFC 3339, when stopped
  ApplyProgress progress;
};

/// A VersionSet object of what an endpoint runs, and what was not taken, and why.
struct Baseline {
  json::object set;
  std::vector<std::string> left_out;
};

/// Thread-safe. Works while the manager is active.
class Configurator {
 public:
  virtual ~Configurator() = default;
  virtual void start() = 0;
  virtual Task<void> stop() = 0;
  /// The plan of an own Endpoint object, made now on the account of `caller`. kNotFound.
  virtual Task<Result<Explained>> explain(std::string endpoint, env::Caller caller) = 0;
  /// The plan an endpoint would have with these sets instead (dry runs). kNotFound names a missing set.
  virtual Task<Result<Explained>> preview(std::string endpoint, std::vector<std::string> sets,
                                          env::Caller caller) = 0;
  /// What an own endpoint runs, as the version set `name`. kNotFound; kConflict before the endpoint has told
  /// of itself.
  virtual Task<Result<Baseline>> baseline(std::string endpoint, std::string name, env::Caller caller) = 0;
  struct Statistics {
    uint64_t plans = 0, actions_done = 0, actions_failed = 0;
    size_t endpoints = 0;  // that name sets
    size_t with_actions = 0, applying = 0;
  };
  virtual Statistics statistics() const = 0;
};
std::unique_ptr<Configurator> make_configurator(Dependencies dependencies);

}  // namespace mullion::apply
