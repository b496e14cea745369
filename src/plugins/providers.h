// Plugin providers: programs that users upload, and the plugins they run (contract content.md section 6).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/file.h"
#include "env/process.h"
#include "env/runtime.h"
#include "net/http.h"
#include "packs/layers.h"
#include "prefs/preferences.h"
#include "store/store.h"

namespace mullion::plugins {

using env::Task;

/// An action that the plugins of a provider offer.
struct ProviderAction {
  std::string provider;
  std::string model;  // prefix of the objects it is for; "" is the system
  std::string command;
  std::vector<std::string> required, optional;  // names of parameters
};
/// The same, with the plugin that would run it.
struct OfferedAction {
  std::string plugin;
  ProviderAction action;
};

/// PluginErrors of a plugin that is neither in service yet nor known to be in trouble.
inline constexpr std::string_view kPluginStarting = "The plugin is starting";

/// The JSON of an event, made when somebody is going to send it.
using EventText = std::function<std::shared_ptr<const std::string>()>;

/// The one claim that a provider asks for; each part a word, a comma list or "*".
struct TokenScope {
  std::string scope, action, specific;
  bool operator==(const TokenScope&) const = default;
};

/// What providers and plugins need from rooms that this one must not know. All are thread-safe.
struct ProviderServices {
  /// A fresh token with every right, or those of `scope`. It ends after `life`, and when the system's secrets
  /// are renewed.
  std::function<Result<std::string>(const std::optional<TokenScope>& scope, env::Duration life)> make_token;
  /// Clear JSON of a sealed parameter of object (prefix, key).
  std::function<Result<std::string>(std::string_view prefix, std::string_view key, std::string_view sealed)>
      open_sealed;
  /// A plugin publishes an event: the body it sent, a JSON object with Type and Action. `principal` names it.
  std::function<Result<void>(std::string event_json, std::string principal)> publish;
  /// JSON array of the local objects of a collection.
  std::function<Result<std::string>(std::string prefix)> objects;
};

struct ProviderOptions {
  env::Path base_root;
  env::Path comm_root;  // folder of the unix sockets; made with mode 0700
  /// What plugins are told: the API, and the static file server.
  std::string api_url, file_url;
  /// For each of: define, unpack, READY!, the answer to a configuration.
  env::Duration start_limit = std::chrono::seconds(30);
  /// For an action. A plugin that takes longer hangs, and is started anew.
  env::Duration action_limit = std::chrono::minutes(10);
  uint64_t max_program = uint64_t{1} << 30;  // bytes
  env::ProcessLimits process_limits;
};

/// The providers of this server and the processes of their plugins. Thread-safe. Plugin objects decide which
/// plugins run; what becomes of them is told in PluginErrors and Available of the object.
class Providers {
 public:
  virtual ~Providers() = default;
  /// Finishes uploads that a crash cut off, declares the collections of all providers, starts their plugins.
  virtual Result<void> start(ProviderServices services, ProviderOptions options) = 0;
  /// Ends all plugins: politely for a moment, then at once.
  virtual Task<void> stop() = 0;

  struct Upload {
    std::string name;
    uint64_t size = 0;
  };
  /// Takes a program, asks it what it is, and puts it in the place of the one of that name: program, content
  /// layer, definition and unpacked files change together, then its plugins start anew. Refused as a whole:
  /// kInvalid (what it says of itself, or its content), kConflict, kTooLarge, kTimeout.
  virtual Task<Result<Upload>> upload(std::string name, net::BodySource& program, uint64_t max_bytes,
                                      bool replace_writable, std::string principal) = 0;
  /// Ends the plugins and removes layer, program and files. Plugin objects stay, not Available; so do objects
  /// of its collections. kNotFound, kConflict when others require its content.
  virtual Task<Result<void>> remove(std::string name, std::string principal) = 0;
  /// The program's file; kNotFound.
  virtual Result<env::Path> program(std::string_view name) const = 0;
  /// A program in its place: the file NAME of bucket "plugins".
  struct Program {
    std::string name, version, sha256;
  };
  virtual std::vector<Program> programs() const = 0;
  /// Called after programs() changed; on any thread, be short. To be called before start().
  virtual void on_change(std::function<void()> listener) = 0;

  /// Actions of plugins in service for objects of `model`, by plugin name; `plugin` may choose one.
  virtual std::vector<OfferedAction> actions(std::string_view model, std::string_view plugin) const = 0;
  /// Runs an action: `action_json` is the contract's Action. Answers the plugin's JSON. The plugin's own
  /// errors pass through with their code; kUnavailable when it is not in service, kTimeout.
  virtual Task<Result<std::string>> run_action(std::string plugin, std::string action_json) = 0;

  /// Whether some plugin in service wants events.
  virtual bool wants_events() const = 0;
  /// Tells an event to the plugins that want them; never waits. A plugin that does not keep up misses some.
  virtual void tell_event(EventText event) = 0;

  struct Counts {
    uint64_t plugins = 0, serving = 0, starts = 0, failures = 0, missed_events = 0;
  };
  virtual Counts counts() const = 0;
};
std::unique_ptr<Providers> make_providers(env::Runtime& runtime, store::Store& store, packs::Layers& layers,
                                          prefs::Preferences& preferences, const env::Clock& clock,
                                          std::function<double()> chance);

}  // namespace mullion::plugins
