#include "plugins/internal/plugin_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "plugins/providers.h"

namespace mullion::plugins {

namespace {

constexpr auto kFirstPause = std::chrono::seconds(1);
constexpr auto kLongestPause = std::chrono::seconds(60);
/// After this much good service earlier failures do not count any more.
constexpr auto kGoodService = std::chrono::seconds(60);
/// From so many failures in a row on, the object says that it keeps failing.
constexpr unsigned kManyFailures = 5;

}  // namespace

env::Duration restart_pause(unsigned failures, double jitter) {
  const unsigned doublings = std::min(failures == 0 ? 0U : failures - 1, 6U);
  const auto whole = std::min<env::Duration>(kFirstPause * (1U << doublings), kLongestPause);
  return std::chrono::duration_cast<env::Duration>(whole * (1.0 - jitter / 2));
}

PluginStep next_step(const PluginState& state, const PluginWish& wish, env::SteadyTime now) {
  if (state.running && (!wish.run || wish.generation != state.generation)) return PluginStep::kStop;
  if (!wish.run) return PluginStep::kRest;
  if (!state.running) {
    // Another program deserves a chance at once.
    const bool fresh = wish.generation != state.generation;
    return fresh || now >= state.not_before ? PluginStep::kStart : PluginStep::kWait;
  }
  return state.configured && state.config == wish.config ? PluginStep::kRest : PluginStep::kConfigure;
}

PluginState after_start(PluginState state, const PluginWish& wish) {
  state.running = true;
  state.generation = wish.generation;
  state.configured = false;
  return state;
}

PluginState after_stop(PluginState) { return {}; }

PluginState after_configure(PluginState state, const std::string& config, std::string refusal,
                            env::SteadyTime now) {
  if (!state.configured) state.serving_since = now;
  state.configured = true;
  state.config = config;
  state.refusal = std::move(refusal);
  return state;
}

PluginState after_failure(PluginState state, const std::string& generation, std::string reason,
                          env::SteadyTime now, double jitter) {
  const bool served_well = state.running && state.configured && now - state.serving_since >= kGoodService;
  state.failures = served_well ? 1 : state.failures + 1;
  state.failure = std::move(reason);
  state.running = false;
  state.generation = generation;
  state.configured = false;
  state.not_before = now + restart_pause(state.failures, jitter);
  return state;
}

bool is_serving(const PluginState& state, const PluginWish& wish) {
  return wish.run && state.running && state.configured && state.refusal.empty();
}

std::vector<std::string> plugin_errors(const PluginState& state, const PluginWish& wish) {
  if (is_serving(state, wish)) return {};
  if (!wish.problem.empty()) return {wish.problem};
  if (state.running && state.configured) return {fmt::format("Configuration refused: {}", state.refusal)};
  if (state.failures >= kManyFailures) {
    return {state.failure,
            fmt::format("Failed {} times in a row; tried again at most once a minute", state.failures)};
  }
  if (state.failures > 0) return {state.failure};
  return {std::string(kPluginStarting)};
}

}  // namespace mullion::plugins
