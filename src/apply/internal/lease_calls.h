// Requests about who configures an endpoint: its configuration lease.
#pragma once

#include <chrono>
#include <string>

#include "manager/endpoint_calls.h"

namespace mullion::apply {

using env::Task;

inline constexpr std::chrono::seconds kLeaseTime{60};

/// A server of another make has no place for a lease: there a profile says who has it and until when
/// (mirror/lease_marker.h). Where the account may not write profiles nothing is said, and the lease counts as
/// taken.
///
/// Takes or renews the lease for kLeaseTime. The error has status 409 when somebody else has it.
Task<Result<void>> take_lease_there(manager::EndpointCalls& calls, std::string holder,
                                    const env::Clock& clock);

struct LeaseThere {
  std::string holder;              // "" nobody
  std::optional<int64_t> seconds;  // how long it lasts
};
Task<Result<LeaseThere>> lease_there(manager::EndpointCalls& calls, const env::Clock& clock);

/// Nothing happens when somebody else has it.
Task<Result<void>> release_lease_there(manager::EndpointCalls& calls, std::string holder);

}  // namespace mullion::apply
