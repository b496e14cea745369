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

env::Task<Result<std::string>> read_held_answer(const Services& services, net::Response& answer,
                                                uint64_t limit, std::string caller, net::HeldShares& held) {
  if (auto* text = std::get_if<std::string>(&answer.body)) co_return std::move(*text);
  net::BodySourcePtr& body = std::get<net::BodySourcePtr>(answer.body);
  if (body == nullptr) co_return std::string();
  env::MemoryBudget& budget = env::memory_for(env::Memory::kAnswers);
  std::optional<Result<std::string>> text = co_await env::within(
      services.timers, net::kLongestFetch, net::read_held(*body, limit, budget, std::move(caller), held));
  if (text) co_return std::move(*text);
  co_return Error(ErrorCode::kTimeout, "it came too slowly");
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
