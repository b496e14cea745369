// Carries out for one plugin what plugin_state.h decides.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "plugins/internal/plugin_child.h"
#include "plugins/internal/plugin_state.h"
#include "plugins/providers.h"
#include "store/store.h"

namespace mullion::plugins {

inline constexpr std::string_view kPlugins = "plugins";

/// What the providers want of a plugin.
struct PluginOrder {
  PluginWish wish;
  std::string provider;
  env::Path program;
  std::optional<TokenScope> token;
  bool has_publish = false;
  std::vector<std::string> shown;  // PluginErrors as the object says now
  bool operator==(const PluginOrder&) const = default;
};

/// Thread-safe.
class PluginRunner : public std::enable_shared_from_this<PluginRunner> {
 public:
  PluginRunner(PluginHost& host, store::Store& store, std::string plugin)
      : host_(host), store_(store), plugin_(std::move(plugin)) {}

  /// One task for the life of the runner; ends some time after end().
  Task<void> run();
  void order(PluginOrder order);
  /// The plugin is to be stopped for good.
  void end();
  bool ending() const;

  const std::string& plugin() const { return plugin_; }
  /// The provider whose actions may be asked for; empty while the plugin is not in service.
  std::string serving_provider() const;
  Task<Result<std::string>> run_action(std::string action_json);
  bool wants_events() const;
  void tell_event(EventText event);

 private:
  PluginOrder current_order() const;

  std::shared_ptr<PluginChild> serving_child() const;
  Task<void> start(const PluginOrder& order);
  Task<void> configure(const PluginOrder& order);
  Task<void> stop_child();
  Task<void> bury(std::string reason);
  void publish_state(const PluginOrder& order);
  /// Brings PluginErrors and Available of the plugin object up to date.
  Task<void> report(const PluginOrder& order);

  PluginHost& host_;
  store::Store& store_;
  const std::string plugin_;
  env::Signal changed_;
  // Of the task alone.
  PluginState state_;
  std::shared_ptr<PluginChild> child_;
  mutable Mutex mutex_;  // guards everything below
  PluginOrder order_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
  std::string serving_ GUARDED_BY(mutex_);  // provider
  bool publishes_ GUARDED_BY(mutex_) = false;
  std::shared_ptr<PluginChild> serving_child_ GUARDED_BY(mutex_);
  std::string not_serving_ GUARDED_BY(mutex_);  // why
};

/// The body of a plugin object with these PluginErrors; absent when it says so already.
Result<std::optional<std::string>> plugin_body_with(std::string_view body,
                                                    const std::vector<std::string>& errors);

}  // namespace mullion::plugins
