// Preferences of a running server.
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <mutex>

#include "content/content.h"
#include "content/internal/log.h"
#include "content/internal/preference_table.h"
#include "content/internal/random_text.h"
#include "model/object.h"
#include "store/commit_async.h"

namespace mullion::content {

namespace {

namespace json = boost::json;
constexpr std::string_view kPreferenceType = "preferences";

/// Checked values, ready to be stored.
using Values = std::map<std::string, std::string, std::less<>>;

std::optional<std::string> value_in(std::string_view body) {
  const auto parsed = model::parse_json(body);
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  const json::value* value = object != nullptr ? object->if_contains("Val") : nullptr;
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(std::string_view(value->get_string()));
}

class StorePreferences final : public Preferences {
 public:
  explicit StorePreferences(store::Store& store) : store_(store) {
    make_secrets();
    subscription_ = store::Subscription(store_, [this](const auto& commit) { follow(*commit); });
    const std::lock_guard lock(mutex_);
    const auto snapshot = store_.snapshot();
    for (const PreferenceRule& rule : preference_table()) {
      values_[std::string(rule.name)] =
          rule.secret() ? std::string(kMaskedPreference) : stored_preference(*snapshot, rule);
    }
  }

  std::vector<std::pair<std::string, std::string>> all() const override {
    const std::lock_guard lock(mutex_);
    return {values_.begin(), values_.end()};
  }

  std::string get(std::string_view name) const override {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(name);
    return found == values_.end() ? std::string() : found->second;
  }

  Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> values,
                         std::string principal) override;

  void set_gate(Gate gate) override {
    const std::lock_guard lock(mutex_);
    gate_ = std::move(gate);
  }

  void on_change(std::function<void(std::string_view, std::string_view)> listener) override {
    const std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
  }

 private:
  void make_secrets();
  void tell_secrets_changed(const std::vector<std::string>& names) const;
  void follow(const store::Commit& commit);
  Result<Values> checked(const std::vector<std::pair<std::string, std::string>>& wanted) const;
  store::Batch batch_of(const Values& values, std::string principal) const;

  store::Store& store_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> values_;
  Gate gate_;
  std::vector<std::function<void(std::string_view, std::string_view)>> listeners_;
  store::Subscription subscription_;  // ends before what its listener uses
};

/// The same names and form as the authenticator makes when it is there first.
void StorePreferences::make_secrets() {
  store::Batch batch;
  batch.principal = "system";
  const auto snapshot = store_.snapshot();
  for (const PreferenceRule& rule : preference_table()) {
    if (!rule.secret() || snapshot->secret("state", rule.name)) continue;
    batch.secrets.push_back({"state", std::string(rule.name), random_text(24)});  // 32 characters
  }
  if (batch.secrets.empty()) return;
  if (auto committed = store_.commit_sync(std::move(batch)); !committed) {
    kLog.error("cannot store secrets error={}", committed.error().text());
  }
}

void StorePreferences::follow(const store::Commit& commit) {
  for (const store::AppliedChange& change : commit.changes) {
    if (change.id.type != kPreferenceType || change.id.owner != store::kOwn) continue;
    const PreferenceRule* rule = find_preference(change.id.key);
    if (rule == nullptr || rule->secret()) continue;
    const std::optional<std::string> stored = change.body ? value_in(*change.body) : std::nullopt;
    const std::string value = stored.value_or(std::string(rule->default_value));
    std::unique_lock lock(mutex_);
    values_[change.id.key] = value;
    const auto listeners = listeners_;
    lock.unlock();
    for (const auto& listener : listeners) listener(change.id.key, value);
  }
}

/// Commits do not carry secrets: whoever must know is told here, without the value.
void StorePreferences::tell_secrets_changed(const std::vector<std::string>& names) const {
  std::unique_lock lock(mutex_);
  const auto listeners = listeners_;
  lock.unlock();
  for (const std::string& name : names) {
    for (const auto& listener : listeners) listener(name, "");
  }
}

Result<Values> StorePreferences::checked(
    const std::vector<std::pair<std::string, std::string>>& wanted) const {
  Values values;
  std::vector<std::string> problems;
  std::unique_lock lock(mutex_);
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
  co_return Result<void>();
}

}  // namespace

std::unique_ptr<Preferences> make_preferences(store::Store& store) {
  return std::make_unique<StorePreferences>(store);
}

}  // namespace mullion::content
