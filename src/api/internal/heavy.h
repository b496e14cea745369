// Work of a request that takes its time: beside the threads that serve, and on the account of who asked.
#pragma once

#include "api/internal/call.h"
#include "env/pools.h"

namespace mullion::api {

/// On whose account the work of this request is done: the principal's, or, before a login, the address's.
env::Caller caller_of(const Call& call);

/// The body of this request, held on its caller's account until it is answered; kTooLarge beyond `limit`.
env::Task<Result<std::string>> read_held_body(Call& call, uint64_t limit);

/// What an answer of another server says, which is read whole, held on the account of `caller` while `held`
/// lives. kTooLarge beyond `limit`, kTimeout when it takes longer than `net::kLongestFetch` however steadily
/// it comes, kUnavailable when there is no room for it.
env::Task<Result<std::string>> read_held_answer(const Services& services, net::Response& answer,
                                                uint64_t limit, std::string caller, net::HeldShares& held);

/// Runs `function` in `pool`; the error of a pool that has too much to do (503) when it was not run.
env::Task<Result<void>> run_heavy(const Call& call, env::Pool pool, std::function<void()> function);

/// The same for a function that makes a Result.
template <typename Function>
auto heavy(const Call& call, env::Pool pool, Function function) -> env::Task<decltype(function())> {
  std::optional<decltype(function())> outcome;
  Result<void> run = co_await run_heavy(call, pool, [&] { outcome = function(); });
  if (!run) co_return run.error();
  co_return std::move(*outcome);
}

}  // namespace mullion::api
