// Preferences of a running server.
#include "prefs/preferences.h"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>

#include "base/json.h"
#include "base/mutex.h"
#include "env/random.h"
#include "model/object.h"
#include "prefs/internal/log.h"
#include "prefs/preference_table.h"
#include "store/commit_async.h"
#include "store/follower.h"

namespace mullion::prefs {

namespace {

namespace json = boost::json;
constexpr std::string_view kPreferenceType = "preferences";

/// Checked values, ready to be stored.
using Values = std::map<std::string, std::string, std::less<>>;

std::optional<std::string> value_in(std::string_view body) {
  const auto parsed = parse_json(body);
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  const json::value* value = object != nullptr ? object->if_contains("Val") : nullptr;
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(std::string_view(value->get_string()));
}

/// A listener that hangs holds up nobody for longer.
constexpr auto kTellLimit = std::chrono::seconds(5);

store::Interest of_this_server() {
  return {.rules = {{std::string(kPreferenceType), store::Interest::Owners::kOwn}}};
}

/// The preferences that a commit sets or resets, without secret ones.
Values changed_values(const store::Commit& commit) {
  Values out;
  for (const store::AppliedChange& change : commit.changes) {
    if (change.id.type != kPreferenceType || change.id.owner != store::kOwn) continue;
    const PreferenceRule* rule = find_preference(change.id.key);
    if (rule == nullptr || rule->secret()) continue;
    const std::optional<std::string> stored = change.body ? value_in(*change.body) : std::nullopt;
    out[change.id.key] = stored.value_or(std::string(rule->default_value));
  }
  return out;
}

class StorePreferences final : public Preferences {
 public:
  StorePreferences(store::Store& store, env::Runtime& runtime)
      : store_(store), feed_(store::attach_feed(store, "preferences", of_this_server())) {
    make_secrets();
    const Lock lock(mutex_);
    read_all();
    follower_ =
        store::Follower(store, runtime,
                        {"listeners of preferences", of_this_server(),
                         [this](const auto& commit) { tell_changes(*commit); }, [this] { tell_all(); }});
  }

  std::vector<std::pair<std::string, std::string>> all() const override {
    const Lock lock(mutex_);
    refresh();
    return {values_.begin(), values_.end()};
  }

  std::string get(std::string_view name) const override {
    const Lock lock(mutex_);
    refresh();
    const auto found = values_.find(name);
    return found == values_.end() ? std::string() : found->second;
  }

  Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> values,
                         std::string principal) override;

  void set_gate(Gate gate) override {
    const Lock lock(mutex_);
    gate_ = std::move(gate);
  }

  void on_change(std::function<void(std::string_view, std::string_view)> listener) override {
    const Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }

 private:
  void make_secrets();
  void tell_secrets_changed(const std::vector<std::string>& names) const;
  void read_all() const REQUIRES(mutex_);
  void refresh() const REQUIRES(mutex_);
  void tell(std::string_view name, std::string_view value) const;
  void tell_changes(const store::Commit& commit) const;
  void tell_all() const;
  Task<void> listeners_told();
  Result<Values> checked(const std::vector<std::pair<std::string, std::string>>& wanted) const;
  store::Batch batch_of(const Values& values, std::string principal) const;

  store::Store& store_;
  const std::shared_ptr<store::CommitFeed> feed_;
  mutable Mutex mutex_;
  mutable Values values_ GUARDED_BY(mutex_);  // as of what was taken from the feed
  mutable bool all_stale_ GUARDED_BY(mutex_) = true;
  Gate gate_ GUARDED_BY(mutex_);
  std::vector<std::function<void(std::string_view, std::string_view)>> listeners_ GUARDED_BY(mutex_);
  store::Follower follower_;  // ends before what it uses
};

/// The same names and form as the authenticator makes when it is there first.
void StorePreferences::make_secrets() {
  store::Batch batch;
  batch.principal = "system";
  const auto snapshot = store_.snapshot();
  for (const PreferenceRule& rule : preference_table()) {
    if (!rule.secret() || snapshot->secret("state", rule.name)) continue;
    batch.secrets.push_back({"state", std::string(rule.name), env::random_text(24)});  // 32 characters
  }
  if (batch.secrets.empty()) return;
  if (auto committed = store_.commit_sync(std::move(batch)); !committed) {
    kLog.error("cannot store secrets error={}", committed.error().text());
  }
}

void StorePreferences::read_all() const {
  const auto snapshot = store_.snapshot();
  for (const PreferenceRule& rule : preference_table()) {
    values_[std::string(rule.name)] =
        rule.secret() ? std::string(kMaskedPreference) : stored_preference(*snapshot, rule);
  }
  all_stale_ = false;
}

void StorePreferences::refresh() const {
  const store::CommitFeed::Taken taken = feed_->take();
  all_stale_ = all_stale_ || !taken.whole;  // until they could be read
  if (all_stale_) return read_all();
  for (const auto& commit : taken.commits)
    for (auto& [name, value] : changed_values(*commit)) values_[name] = value;
}

void StorePreferences::tell(std::string_view name, std::string_view value) const {
  Lock lock(mutex_);
  const auto listeners = listeners_;
  lock.unlock();
  for (const auto& listener : listeners) listener(name, value);
}

void StorePreferences::tell_changes(const store::Commit& commit) const {
  for (const auto& [name, value] : changed_values(commit)) tell(name, value);
}

void StorePreferences::tell_all() const {
  for (const auto& [name, value] : all()) tell(name, value);
}

/// Commits do not carry secrets: whoever must know is told here, without the value.
void StorePreferences::tell_secrets_changed(const std::vector<std::string>& names) const {
  for (const std::string& name : names) tell(name, "");
}

Result<Values> StorePreferences::checked(
    const std::vector<std::pair<std::string, std::string>>& wanted) const {
  Values values;
  std::vector<std::string> problems;
  Lock lock(mutex_);
  const Gate gate = gate_;
  lock.unlock();
  const auto snapshot = store_.snapshot();
  for (const auto& [name, text] : wanted) {
    const PreferenceRule* rule = find_preference(name);
    if (rule == nullptr) {
      problems.push_back("Unknown Preference " + name.substr(0, 128));
      continue;
    }
    if (rule->secret() && text == kMaskedPreference) continue;  // what was shown is written back
    auto value = check_preference(*rule, text, *snapshot);
    if (!value) {
      problems.push_back(value.error().messages.front());
      continue;
    }
    if (gate) {
      if (auto allowed = gate(name, *value); !allowed) return allowed.error();
    }
    values[name] = std::move(*value);
  }
  if (problems.empty()) return values;
  return Error(ErrorCode::kInvalid, "POST", "prefs", "", std::move(problems));
}

store::Batch StorePreferences::batch_of(const Values& values, std::string principal) const {
  store::Batch batch;
  batch.principal = std::move(principal);
  const auto snapshot = store_.snapshot();
  for (const auto& [name, value] : values) {
    const PreferenceRule* rule = find_preference(name);
    if (rule->secret()) {
      batch.secrets.push_back({"state", name, value});
      continue;
    }
    batch.changes.push_back(
        {{std::string(kPreferenceType), std::string(store::kOwn), name}, preference_body(name, value)});
    if (rule->kind != PreferenceKind::kReference || value.empty()) continue;
    if (const auto target = snapshot->get_local(rule->object_type, value))
      batch.guards.push_back({target->id});
  }
  return batch;
}

Task<Result<void>> StorePreferences::set(std::vector<std::pair<std::string, std::string>> values,
                                         std::string principal) {
  auto good = checked(values);
  if (!good) co_return good.error();
  std::vector<std::string> secrets;
  for (const auto& [name, value] : *good) {
    if (find_preference(name)->secret()) secrets.push_back(name);
  }
  store::Batch batch = batch_of(*good, std::move(principal));
  if (batch.changes.empty() && batch.secrets.empty()) co_return Result<void>();
  auto committed = co_await store::commit_async(store_, std::move(batch));
  if (!committed) co_return committed.error();
  tell_secrets_changed(secrets);
  co_await listeners_told();
  co_return Result<void>();
}

/// A preference is in force once it is answered: listeners have heard of what was committed so far.
Task<void> StorePreferences::listeners_told() {
  const auto told = std::make_shared<env::Signal>();
  const uint64_t seen = told->version();
  follower_.in_order([told] { told->notify_all(); });
  co_await told->wait(seen, kTellLimit);
}

}  // namespace

std::unique_ptr<Preferences> make_preferences(store::Store& store, env::Runtime& runtime) {
  return std::make_unique<StorePreferences>(store, runtime);
}

}  // namespace mullion::prefs
