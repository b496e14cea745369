// Bodies that are held in memory while a client sends or takes them: together no more than there is memory
// for them, however many clients take their time.
#pragma once

#include <string>
#include <vector>

#include "env/memory_budget.h"
#include "net/http.h"

namespace mullion::net {

/// What is held for one request.
using HeldShares = std::vector<env::MemoryBudget::Share>;

/// As read_all(). `caller`: env::Caller::name. What is read beyond the first 16 KiB is counted in `budget` as
/// it comes, for as long as `held` lives; kUnavailable when there is no room for it.
env::Task<Result<std::string>> read_held(BodySource& source, uint64_t limit, env::MemoryBudget& budget,
                                         std::string caller, HeldShares& held);

/// An answer of more than 64 KiB is counted in `budget` until it was sent; kUnavailable when there is no
/// room.
Result<void> hold_answer(Response& response, env::MemoryBudget& budget, const std::string& caller);

}  // namespace mullion::net
