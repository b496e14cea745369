#include "api/internal/heavy.h"

#include "env/network.h"

namespace mullion::api {

env::Caller caller_of(const Call& call) {
  env::Caller caller;
  caller.local = call.request.peer_is_loopback;
  caller.name = call.principal.name.empty() ? env::network_of(call.request.peer_address).host
                                            : call.principal.audit_name();
  return caller;
}

env::Task<Result<std::string>> read_held_body(Call& call, uint64_t limit) {
  env::MemoryBudget& budget = env::memory_for(env::Memory::kRequests);
  co_return co_await net::read_held(*call.request.body, limit, budget, caller_of(call).name, call.held);
}

env::Task<Result<void>> run_heavy(const Call& call, env::Pool pool, std::function<void()> function) {
  env::Caller caller = caller_of(call);
  Result<void> run = co_await env::run_blocking(pool, std::move(caller), [&] {
    const LogScope scope(call.log);
    function();
  });
  co_return run;
}

}  // namespace mullion::api
