// What is to be done about one plugin: the whole life of its process as pure functions.
#pragma once

#include <string>
#include <vector>

#include "env/clock.h"

namespace mullion::plugins {

/// What should be, made from the plugin object and its provider.
struct PluginWish {
  bool run = false;
  std::string problem;     // why it cannot run, as the object shows it
  std::string generation;  // of program and token: another one means a fresh process
  std::string config;      // JSON of its parameters
  bool operator==(const PluginWish&) const = default;
};

/// What is.
struct PluginState {
  bool running = false;  // the process has said READY!
  std::string generation;
  bool configured = false;
  std::string config;   // the last one it was given
  std::string refusal;  // what it said against that; empty: accepted
  env::SteadyTime serving_since{};
  unsigned failures = 0;  // in a row
  std::string failure;    // the last one
  env::SteadyTime not_before{};
};

enum class PluginStep {
  kRest,       // nothing to do until something changes
  kWait,       // the same, but not beyond not_before
  kStart,      // start a process of the wished generation and wait for READY!
  kConfigure,  // give it the wished configuration
  kStop,       // end the process
};
PluginStep next_step(const PluginState& state, const PluginWish& wish, env::SteadyTime now);

/// What happened. Each gives the state that follows.
PluginState after_start(PluginState state, const PluginWish& wish);
PluginState after_stop(PluginState state);
/// `refusal` empty: the plugin took the configuration.
PluginState after_configure(PluginState state, const std::string& config, std::string refusal,
                            env::SteadyTime now);
/// A process of `generation` crashed, hung, or did not start. `jitter` in [0, 1) spreads the next attempts of
/// many plugins.
PluginState after_failure(PluginState state, const std::string& generation, std::string reason,
                          env::SteadyTime now, double jitter);

/// In service: it may be asked for actions.
bool is_serving(const PluginState& state, const PluginWish& wish);
/// PluginErrors of the object; empty exactly when it is serving.
std::vector<std::string> plugin_errors(const PluginState& state, const PluginWish& wish);

/// The pause before another attempt after so many failures in a row: from 1 s, doubled up to a minute, up to
/// half of it taken off by `jitter`.
env::Duration restart_pause(unsigned failures, double jitter);

}  // namespace mullion::plugins
