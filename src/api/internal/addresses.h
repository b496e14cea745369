// Addresses of subnets that are handed out: which one is next.
#pragma once

#include <optional>
#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// The lowest address that `subnet` may hand out: nobody has a reservation or a lease that still holds for
/// it, no machine of this server has it, and the subnet does not name it as that of a server. kConflict when
/// there is none.
Result<uint32_t> free_address(const Services& services, const store::Snapshot& snapshot,
                              const boost::json::object& subnet);

/// kInvalid unless `address` is one of the subnet; kConflict while a device other than `token` has a lease
/// for it.
Result<void> check_address(const Services& services, const store::Snapshot& snapshot,
                           const boost::json::object& subnet, uint32_t address, std::string_view token);

}  // namespace mullion::api
