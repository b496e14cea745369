// Large bodies that are held in memory while a client sends or takes them: together no more than there is
// memory for them, however many clients take their time.
#pragma once

#include <string>
#include <vector>

#include "api/internal/memory_budget.h"
#include "net/http.h"

namespace mullion::api {

/// What is held for one request.
using HeldShares = std::vector<MemoryBudget::Share>;

/// As net::read_all(). `caller`: env::Caller::name. What is read beyond a first MiB is counted in `budget` as
/// it comes, for as long as `held` lives; kUnavailable when there is no room for it.
env::Task<Result<std::string>> read_held(net::BodySource& source, uint64_t limit, MemoryBudget& budget,
                                         std::string caller, HeldShares& held);

/// An answer of more than a MiB is counted in `budget` until it was sent; kUnavailable when there is no room.
Result<void> hold_answer(net::Response& response, MemoryBudget& budget, const std::string& caller);

}  // namespace mullion::api
