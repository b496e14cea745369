// Waiting for plugins: what starts one is answered when it can be used.
#include "api/internal/plugin_providers.h"
#include "model/members.h"
#include "plugins/providers.h"

namespace mullion::api {
namespace {

bool is_starting(std::string_view body) {
  const std::vector<std::string> errors = model::texts_member(model::parse_object(body), "PluginErrors");
  return errors == std::vector<std::string>{std::string(plugins::kPluginStarting)};
}

}  // namespace

env::Task<std::optional<std::string>> plugin_state(Services& services, std::string name) {
  const env::SteadyTime deadline = services.clock.steady() + services.limits.plugin_start;
  const std::shared_ptr<env::Signal> signal = services.events.watch("plugins", name);
  while (true) {
    const uint64_t seen = signal->version();
    const std::optional<store::StoredObject> plugin = services.store.snapshot()->get_local("plugins", name);
    if (!plugin) co_return std::nullopt;
    const env::Duration left = deadline - services.clock.steady();
    if (!is_starting(plugin->body) || left <= env::Duration::zero()) co_return plugin->body;
    co_await signal->wait(seen, left);
  }
}

env::Task<Result<std::optional<std::string>>> plugin_started(Services& services, std::string key,
                                                             std::string body) {
  using Outcome = Result<std::optional<std::string>>;
  if (!is_starting(body)) co_return Outcome(std::optional<std::string>());
  std::optional<std::string> now = co_await plugin_state(services, std::move(key));
  co_return Outcome(std::move(now));
}

}  // namespace mullion::api
