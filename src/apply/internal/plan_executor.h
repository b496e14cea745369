// Between the half of the configurator that plans and the half that carries plans out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apply/configurator.h"

namespace mullion::apply {

using plan::Plan;
using versionset::Wanted;

/// How it goes with carrying out an endpoint's plan.
struct ApplyState {
  std::string state = "idle";  // idle | waiting | applying | stopped | not connected
  std::string configured_by;   // holder of the lease; "" nobody
  std::string next_attempt;    // RFC 3339, when stopped
  uint64_t failed = 0;         // Endpoint.ActionErrorCount: actions that failed in the last pass
  std::vector<std::string>
      errors;  // for Endpoint.Errors: failed actions with reasons, who else configures it
  bool operator==(const ApplyState&) const = default;
};

/// An endpoint's newest plan and what it comes from.
struct Offer {
  std::string endpoint;  // id of an own Endpoint object
  std::shared_ptr<const Plan> plan;
  std::shared_ptr<const Wanted> wanted;
  /// Endpoint.Apply and the sets', and the plan is made from what the endpoint told on its present
  /// connection. False: nothing may be done, and what is under way ends after its action, or before it when
  /// its bytes are still on their way to this server.
  bool apply = false;
};

/// Carries plans out. Thread-safe.
class PlanExecutor {
 public:
  virtual ~PlanExecutor() = default;
  virtual void start() = 0;
  virtual Task<void> stop() = 0;

  /// After each plan, in order for one endpoint; also when it is equal to the last one. An offer replaces the
  /// one before. Never waits.
  virtual void offer(Offer offer) = 0;
  /// The Endpoint object is gone, or no plan is made for it any more.
  virtual void withdraw(const std::string& endpoint) = 0;
  virtual ApplyState state(const std::string& endpoint) const = 0;
  /// Nobody is told when it changes.
  virtual ApplyProgress progress(const std::string& endpoint) const = 0;

  /// PlanInputs::same_secret: what was sealed for the endpoint is known only to who sealed it.
  virtual bool same_secret(const std::string& endpoint, const std::string& place, const json::value& wanted,
                           const json::value& shown) const = 0;

  /// PlanInputs::seen_there: what was found equal without being sent.
  virtual bool seen_there(const std::string& endpoint, const std::string& path, const std::string& sha256,
                          const std::string& listing) const = 0;

  struct Counts {
    uint64_t done = 0, failed = 0;  // actions since start
    size_t applying = 0;            // endpoints at present
  };
  virtual Counts counts() const = 0;
};

/// state() of this endpoint changed: its Endpoint object is brought up to date. On any thread; never waits.
using ApplyNews = std::function<void(const std::string& endpoint)>;
using MakeExecutor = std::function<std::unique_ptr<PlanExecutor>(const Dependencies&, ApplyNews)>;

/// `make` may be empty: plans are made and shown, and nobody carries them out.
std::unique_ptr<Configurator> make_configurator(Dependencies dependencies, const MakeExecutor& make);

}  // namespace mullion::apply
