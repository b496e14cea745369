// What a scenario gives a simulated server besides objects and a manager.
#pragma once

#include <optional>

#include "manager/manager.h"
#include "net/http.h"
#include "simulation/world_testing.h"
#include "store/store.h"

namespace mullion::simulation {

/// One life of a server, as its parts see it.
struct Surroundings {
  Host& host;
  env::Runtime& runtime;
  store::Store& store;    // as it is
  store::Store& failing;  // as the product reads it: now and then a read fails
  manager::Manager& manager;
  const env::Clock& clock;
  const env::Timers& timers;
};

/// Lives as long as its server, which is what is on its disk; begins and ends with each life of it.
class Part {
 public:
  Part() = default;
  virtual ~Part() = default;
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  virtual void begin(const Surroundings& surroundings) = 0;
  virtual void end() = 0;
  /// What the server tells managers of itself besides objects.
  virtual void tell(model::EndpointState&) const {}
  /// Absent: the request is somebody else's.
  virtual Task<std::optional<net::Response>> answer(net::Request&) { co_return std::nullopt; }
};

}  // namespace mullion::simulation
