// The providers of a running server: uploads, and one runner for each plugin.
#include "plugins/providers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/mutex.h"
#include "env/attempt.h"
#include "env/pools.h"
#include "env/process_family.h"
#include "files/sharing.h"
#include "model/object.h"
#include "packs/layers.h"
#include "plugins/internal/busy_names.h"
#include "plugins/internal/log.h"
#include "plugins/internal/plugin_runner.h"
#include "plugins/internal/plugin_wishes.h"
#include "plugins/internal/provider_definition.h"
#include "plugins/internal/provider_files.h"
#include "plugins/internal/provider_intake.h"
#include "plugins/shared_providers.h"
#include "prefs/preferences.h"

namespace mullion::plugins {

namespace {

namespace json = boost::json;
constexpr size_t kLongestName = 64;  // it becomes the name of files and sockets
constexpr env::Duration kLookAgain = std::chrono::minutes(1);

constexpr std::string_view kProviders = "plugin_providers";
constexpr auto kCollectInterval = std::chrono::seconds(30);
constexpr auto kStopAllLimit = std::chrono::milliseconds(900);

Error about_provider(Error error, std::string_view method, std::string_view name) {
  if (error.type.empty()) error.type = method;
  error.model = kProviders;
  error.key = name;
  return error;
}

class StoreProviders final : public SharedProviders {
 public:
  StoreProviders(env::Runtime& runtime, store::Store& store, packs::Layers& layers,
                 prefs::Preferences& preferences, files::Sharing* sharing, const env::Clock& clock,
                 std::function<double()> chance)
      : store_(store),
        layers_(layers),
        preferences_(preferences),
        sharing_(sharing),
        host_(runtime, clock, std::move(chance)) {}

  Result<void> start(ProviderServices services, ProviderOptions options) override;
  Task<void> stop() override;
  Task<Result<Upload>> upload(std::string name, net::BodySource& program, uint64_t max_bytes,
                              bool replace_writable, std::string principal) override;
  Task<Result<void>> remove(std::string name, std::string principal) override;
  Result<env::Path> program(std::string_view name) const override;
  std::vector<Program> programs() const override;
  void program_arrived(const std::string&) override { dirty_->notify_all(); }
  void on_change(std::function<void()> listener) override { listeners_.push_back(std::move(listener)); }
  std::vector<OfferedAction> actions(std::string_view model, std::string_view plugin) const override;
  Task<Result<std::string>> run_action(std::string plugin, std::string action_json) override;
  bool wants_events() const override;
  void tell_event(EventText event) override;
  Counts counts() const override;

 private:
  using RunnerPtr = std::shared_ptr<PluginRunner>;

  void load_entries();
  void find_programs();
  void tell() const {
    for (const auto& listener : listeners_) listener();
  }
  void declare_collections();
  Task<void> keep_reconciled();
  Task<void> collect_adopted();
  Task<void> reconcile();
  RunnerPtr runner_of(const std::string& plugin);
  std::vector<RunnerPtr> runners() const;
  ProviderMap entries() const;

  Result<void> check_collections(const ProviderDefinition& definition) const;
  packs::Layers::Along along(const ProviderDefinition& definition, const json::object& pack_meta,
                             const StagedProgram& program) const;
  Task<Result<files::FileChanges>> share(const Intake& intake);
  files::FileChanges files_gone(const std::string& name) const;
  Task<Result<void>> accept(Intake& intake, const files::FileChanges& files, bool replace_writable,
                            const std::string& principal);

  store::Store& store_;
  packs::Layers& layers_;
  prefs::Preferences& preferences_;
  files::Sharing* const sharing_;  // null: programs are this server's alone
  PluginHost host_;
  std::unique_ptr<ProviderFiles> files_;
  std::vector<std::function<void()>> listeners_;
  const std::shared_ptr<env::Signal> dirty_ = std::make_shared<env::Signal>();
  std::shared_ptr<store::CommitFeed> feed_;
  BusyNames busy_{*dirty_};  // one change of a provider at a time
  std::atomic<uint64_t> token_epoch_{0};
  std::atomic<bool> started_{false};
  mutable Mutex mutex_;  // guards everything below
  ProviderMap entries_ GUARDED_BY(mutex_);
  std::map<std::string, RunnerPtr, std::less<>> runners_ GUARDED_BY(mutex_);
};

Result<void> StoreProviders::start(ProviderServices services, ProviderOptions options) {
  host_.services = std::move(services);
  host_.options = std::move(options);
  files_ = std::make_unique<ProviderFiles>(host_.options.base_root);
  files_->recover(*store_.snapshot());
  (void)env::remove_tree(host_.temporary_root());
  load_entries();
  declare_collections();
  started_ = true;
  preferences_.on_change([this](std::string_view name, std::string_view) {
    if (name != "systemGrantorSecret" && name != "baseTokenSecret") return;
    ++token_epoch_;  // the tokens of running plugins have just ended
    dirty_->notify_all();
  });
  feed_ = store::attach_signal(store_, "plugins", {.rules = {{std::string(kPlugins)}, {"params"}}}, dirty_);
  host_.tasks.spawn("providers", [this] { return keep_reconciled(); });
  host_.tasks.spawn("adopted processes", [this] { return collect_adopted(); });
  tell();
  return {};
}

void StoreProviders::load_entries() {
  const auto snapshot = store_.snapshot();
  snapshot->scan_owner(kProviders, store::kOwn, "", [&](std::string_view key, std::string_view body) {
    auto definition = read_definition(body, key);
    if (!definition) {
      kLog.error("stored plugin provider cannot be used name={} error={}", key, definition.error().text());
      return true;
    }
    auto entry = std::make_shared<ProviderEntry>();
    entry->definition = std::move(*definition);
    entry->sha256 = snapshot->secret(kProgramSums, key).value_or("");
    std::error_code ignored;
    entry->has_program = std::filesystem::is_regular_file(files_->program(key), ignored);
    Lock lock(mutex_);
    entries_[std::string(key)] = std::move(entry);
    return true;
  });
}

/// Those that are declared and no longer ours are withdrawn; their objects stay.
void StoreProviders::declare_collections() {
  std::set<std::string, std::less<>> wanted;
  for (const auto& [name, entry] : entries()) {
    for (const auto& [prefix, schema] : entry->definition.collections) {
      store_.types().declare(prefix, schema);
      wanted.insert(prefix);
    }
  }
  for (const model::ObjectType* type : store_.types().declared()) {
    if (!wanted.contains(type->prefix)) store_.types().withdraw(type->prefix);
  }
}

Task<void> StoreProviders::keep_reconciled() {
  while (!host_.stopping) {
    const uint64_t seen = dirty_->version();
    const bool done = co_await env::attempt(kLog, "following the plugins", reconcile());
    const env::Duration pause = done ? kLookAgain : env::kTryAgain;
    co_await dirty_->wait(seen, pause);
  }
}

/// What plugins leave to this server would fill the table of processes.
Task<void> StoreProviders::collect_adopted() {
  while (!host_.stopping) {
    const bool slept = co_await env::sleep_for(kCollectInterval);
    if (!slept) co_return;
    co_await env::run_blocking([] { env::ProcessFamilies::instance().collect(); });
  }
}

/// Those that have come meanwhile (program_arrived()).
void StoreProviders::find_programs() {
  bool found = false;
  {
    const Lock lock(mutex_);
    for (auto& [name, entry] : entries_) {
      std::error_code ignored;
      if (entry->has_program || !std::filesystem::is_regular_file(files_->program(name), ignored)) continue;
      auto with_program = std::make_shared<ProviderEntry>(*entry);
      with_program->has_program = found = true;
      entry = std::move(with_program);
    }
  }
  if (found) tell();
}

Task<void> StoreProviders::reconcile() {
  find_programs();
  const auto snapshot = store_.snapshot();
  const auto orders =
      plugin_orders({*snapshot, entries(), *files_, host_.services, token_epoch_, busy_.names()});
  for (const RunnerPtr& runner : runners()) {
    if (!orders.contains(runner->plugin())) runner->end();
  }
  for (const auto& [plugin, order] : orders) {
    if (const RunnerPtr runner = runner_of(plugin)) runner->order(order);
  }
  co_return;
}

/// The runner of a plugin, made when there is none. Absent while an earlier one is still ending.
StoreProviders::RunnerPtr StoreProviders::runner_of(const std::string& plugin) {
  Lock lock(mutex_);
  RunnerPtr& place = runners_[plugin];
  if (place && place->ending()) return nullptr;
  if (place) return place;
  place = std::make_shared<PluginRunner>(host_, store_, plugin);
  host_.tasks.spawn("plugin " + plugin, [this, runner = place]() -> Task<void> {
    co_await runner->run();
    {
      Lock forget(mutex_);
      runners_.erase(runner->plugin());
    }
    dirty_->notify_all();
  });
  return place;
}

std::vector<StoreProviders::RunnerPtr> StoreProviders::runners() const {
  Lock lock(mutex_);
  std::vector<RunnerPtr> out;
  out.reserve(runners_.size());
  for (const auto& [plugin, runner] : runners_) out.push_back(runner);
  return out;
}

ProviderMap StoreProviders::entries() const {
  Lock lock(mutex_);
  return entries_;
}

Task<void> StoreProviders::stop() {
  host_.stopping = true;
  for (const RunnerPtr& runner : runners()) runner->end();
  const env::SteadyTime deadline = host_.clock.steady() + kStopAllLimit;
  while (true) {
    const uint64_t seen = dirty_->version();
    const env::Duration left = deadline - host_.clock.steady();
    if (runners().empty() || left <= env::Duration::zero()) break;
    co_await dirty_->wait(seen, left);
  }
  co_await host_.tasks.async_stop();
}

Result<void> StoreProviders::check_collections(const ProviderDefinition& definition) const {
  for (const auto& [name, entry] : entries()) {
    if (name == definition.name) continue;
    for (const auto& [prefix, schema] : entry->definition.collections) {
      const bool same_prefix = std::any_of(definition.collections.begin(), definition.collections.end(),
                                           [&](const auto& own) { return own.first == prefix; });
      if (!same_prefix) continue;
      return Error(ErrorCode::kConflict,
                   fmt::format("StoreObjects {}: declared by plugin provider {} already", prefix, name));
    }
  }
  return {};
}

/// What changes in the store together with the layer: definition, checksum, and the plugin of AutoStart.
packs::Layers::Along StoreProviders::along(const ProviderDefinition& definition,
                                           const json::object& pack_meta,
                                           const StagedProgram& program) const {
  const std::string own(store::kOwn);
  packs::Layers::Along along;
  along.secrets.push_back({std::string(kProgramSums), definition.name, program.sha256});
  along.changes.push_back(
      {{std::string(kProviders), own, definition.name},
       model::canonical_body(*model::find_object_type(kProviders), shown_provider(definition, pack_meta))});
  if (!definition.auto_start || store_.snapshot()->get_local(kPlugins, definition.name)) return along;
  const model::ObjectType& type = *model::find_object_type(kPlugins);
  auto plugin = model::normalise(type, auto_start_plugin(definition), nullptr);
  if (!plugin) return along;
  auto body = plugin_body_with(model::canonical_body(type, *plugin), plugin_errors({}, {.run = true}));
  if (!body || !*body) return along;
  along.changes.push_back(
      {{std::string(kPlugins), own, definition.name}, std::move(**body), store::Expect::kAbsent});
  return along;
}

/// What the other servers are to have of a provider, once a majority has the bytes: program and what it
/// unpacked, in the place of what its former program did.
Task<Result<files::FileChanges>> StoreProviders::share(const Intake& intake) {
  files::FileChanges changes;
  if (sharing_ == nullptr) co_return changes;
  Result<std::vector<files::OfferedFile>> offers = Error(ErrorCode::kInternal, "");
  co_await env::run_blocking(env::Pool::kLong, [&] {
    offers = offered_files(intake.program, intake.definition.name, intake.unpacked);
    for (std::string& path : sharing_->names(files_prefix(intake.definition.name)))
      changes.remove.push_back(files_prefix(intake.definition.name) + path);
  });
  if (!offers) co_return offers.error();
  for (const files::OfferedFile& offer : *offers) changes.put.push_back(offer.record);
  Result<void> held = co_await sharing_->hold(std::move(*offers));
  if (!held) co_return held.error();
  co_return changes;
}

Task<Result<void>> StoreProviders::accept(Intake& intake, const files::FileChanges& files,
                                          bool replace_writable, const std::string& principal) {
  auto document = layer_document(intake.definition);
  if (!document) co_return document.error();
  Result<void> done;
  co_await env::run_blocking([&] {
    packs::Layers::Along with = along(intake.definition, document->at("meta").as_object(), intake.program);
    if (sharing_ != nullptr)
      std::ranges::move(files::secret_changes(files), std::back_inserter(with.secrets));
    done = layers_.load_provider(json::serialize(*document), replace_writable, principal, std::move(with));
    if (done) done = intake.place();
  });
  if (!done) co_return done;
  auto entry = std::make_shared<ProviderEntry>();
  entry->definition = std::move(intake.definition);
  entry->sha256 = intake.program.sha256;
  {
    Lock lock(mutex_);
    entries_[entry->definition.name] = entry;
  }
  declare_collections();
  dirty_->notify_all();
  tell();
  co_return Result<void>();
}

Task<Result<Providers::Upload>> StoreProviders::upload(std::string name, net::BodySource& program,
                                                       uint64_t max_bytes, bool replace_writable,
                                                       std::string principal) {
  if (!model::matches_name_rule("name", name) || name.size() > kLongestName) {
    co_return about_provider(Error(ErrorCode::kInvalid, fmt::format("Invalid Name `{}`", name)), "POST",
                             name);
  }
  if (!started_ || host_.stopping)
    co_return about_provider(Error(ErrorCode::kUnavailable, "The server is starting or stopping"), "POST",
                             name);
  const BusyNames::Claim busy(busy_, name);
  if (!busy.mine()) {
    co_return about_provider(Error(ErrorCode::kConflict, "Another change of this provider is under way"),
                             "POST", name);
  }
  Result<std::unique_ptr<Intake>> intake =
      co_await take_in(host_, *files_, name, program, std::min(max_bytes, host_.options.max_program));
  if (!intake) co_return about_provider(intake.error(), "POST", name);
  Result<void> good = check_collections((*intake)->definition);
  if (!good) co_return about_provider(good.error(), "POST", name);
  const Result<files::FileChanges> files = co_await share(**intake);
  if (!files) co_return about_provider(files.error(), "POST", name);
  good = co_await accept(**intake, *files, replace_writable, principal);
  if (!good) co_return about_provider(good.error(), "POST", name);
  const uint64_t size = (*intake)->program.size;
  kLog.info("plugin provider in service name={} bytes={} principal={}", name, size, principal);
  co_return Upload{std::move(name), size};
}

files::FileChanges StoreProviders::files_gone(const std::string& name) const {
  files::FileChanges gone;
  gone.remove.push_back(program_record(name));
  for (const std::string& path : sharing_->names(files_prefix(name)))
    gone.remove.push_back(files_prefix(name) + path);
  return gone;
}

Task<Result<void>> StoreProviders::remove(std::string name, std::string principal) {
  const BusyNames::Claim busy(busy_, name);
  if (!busy.mine()) {
    co_return about_provider(Error(ErrorCode::kConflict, "Another change of this provider is under way"),
                             "DELETE", name);
  }
  if (!entries().contains(name))
    co_return about_provider(Error(ErrorCode::kNotFound, "Not Found"), "DELETE", name);
  packs::Layers::Along along;
  along.changes.push_back({{std::string(kProviders), std::string(store::kOwn), name}, std::nullopt});
  along.secrets.push_back({std::string(kProgramSums), name, std::nullopt});
  Result<void> done;
  co_await env::run_blocking([&] {
    if (sharing_ != nullptr)
      std::ranges::move(files::secret_changes(files_gone(name)), std::back_inserter(along.secrets));
    done = layers_.remove_provider(name, principal, std::move(along));
    if (done) files_->remove(name);
  });
  if (!done) co_return about_provider(done.error(), "DELETE", name);
  {
    Lock lock(mutex_);
    entries_.erase(name);
  }
  declare_collections();
  dirty_->notify_all();
  tell();
  co_return Result<void>();
}

Result<env::Path> StoreProviders::program(std::string_view name) const {
  const ProviderMap known = entries();
  const auto found = known.find(name);
  if (found != known.end() && found->second->has_program) return files_->program(name);
  return about_provider(Error(ErrorCode::kNotFound, "Not Found"), "GET", name);
}

std::vector<Providers::Program> StoreProviders::programs() const {
  std::vector<Program> out;
  for (const auto& [name, entry] : entries()) {
    if (entry->has_program) out.push_back({name, entry->definition.version, entry->sha256});
  }
  return out;
}

std::vector<OfferedAction> StoreProviders::actions(std::string_view model, std::string_view plugin) const {
  std::vector<OfferedAction> out;
  const ProviderMap known = entries();
  for (const RunnerPtr& runner : runners()) {
    if (!plugin.empty() && runner->plugin() != plugin) continue;
    const auto provider = known.find(runner->serving_provider());
    if (provider == known.end()) continue;
    for (const ProviderAction& action : provider->second->definition.actions) {
      if (action.model == model) out.push_back({runner->plugin(), action});
    }
  }
  return out;
}

Task<Result<std::string>> StoreProviders::run_action(std::string plugin, std::string action_json) {
  RunnerPtr runner;
  {
    Lock lock(mutex_);
    const auto found = runners_.find(plugin);
    if (found != runners_.end()) runner = found->second;
  }
  if (!runner) co_return Error(ErrorCode::kUnavailable, fmt::format("Plugin {} is not in service", plugin));
  co_return co_await runner->run_action(std::move(action_json));
}

bool StoreProviders::wants_events() const {
  const std::vector<RunnerPtr> all = runners();
  return std::any_of(all.begin(), all.end(), [](const RunnerPtr& runner) { return runner->wants_events(); });
}

void StoreProviders::tell_event(EventText event) {
  for (const RunnerPtr& runner : runners()) runner->tell_event(event);
}

Providers::Counts StoreProviders::counts() const {
  Counts counts{.starts = host_.starts, .failures = host_.failures, .missed_events = host_.missed_events};
  for (const RunnerPtr& runner : runners()) {
    ++counts.plugins;
    if (!runner->serving_provider().empty()) ++counts.serving;
  }
  return counts;
}

}  // namespace

std::unique_ptr<Providers> make_providers(env::Runtime& runtime, store::Store& store, packs::Layers& layers,
                                          prefs::Preferences& preferences, const env::Clock& clock,
                                          std::function<double()> chance) {
  return std::make_unique<StoreProviders>(runtime, store, layers, preferences, nullptr, clock,
                                          std::move(chance));
}

std::unique_ptr<SharedProviders> make_shared_providers(env::Runtime& runtime, store::Store& store,
                                                       packs::Layers& layers, prefs::Preferences& preferences,
                                                       files::Sharing& sharing, const env::Clock& clock,
                                                       std::function<double()> chance) {
  return std::make_unique<StoreProviders>(runtime, store, layers, preferences, &sharing, clock,
                                          std::move(chance));
}

}  // namespace mullion::plugins
