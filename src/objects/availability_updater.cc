#include "objects/availability_updater.h"

#include <algorithm>

#include "base/mutex.h"
#include "env/attempt.h"
#include "model/bounded_work.h"
#include "model/index_value.h"
#include "model/json_schema.h"
#include "objects/internal/log.h"
#include "objects/lookup.h"
#include "objects/references.h"
#include "objects/stored.h"
#include "objects/turns.h"
#include "store/commit_async.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

bool is_available(const std::optional<std::string>& body) {
  return body && model::raw_member(*body, "Available") == "true";
}

bool is_target(std::string_view type) {
  return std::ranges::any_of(references(), [&](const Reference& entry) { return entry.target == type; });
}

/// Whether a verdict on another object may differ now.
bool turned(const store::AppliedChange& change) {
  if (change.body.has_value() != change.old_body.has_value()) return true;
  return is_target(change.id.type) && is_available(change.body) != is_available(change.old_body);
}

/// Who refers to things and can be refused for it.
bool has_availability(std::string_view type) {
  const model::ObjectType* known = model::find_object_type(type);
  return known != nullptr && known->traits.has_validation &&
         std::ranges::any_of(references(), [&](const Reference& entry) { return entry.referrer == type; });
}

/// The body with a fresh verdict. What would be refused today stays, and says so in its Errors.
std::string updated_body(const model::ObjectType& type, const std::string& body, const model::Lookup& lookup,
                         model::Budget& budget) {
  Result<json::object> before = parse_stored(body);
  if (!before) return body;
  json::object object = *before;
  const model::Verdict verdict = model::validate(type, object, &*before, lookup, true, budget);
  if (!verdict.invalid.empty()) {
    json::array errors(verdict.invalid.begin(), verdict.invalid.end());
    errors.insert(errors.end(), verdict.unavailable.begin(), verdict.unavailable.end());
    object["Validated"] = true;
    object["Errors"] = std::move(errors);
  }
  return model::canonical_body(type, object);
}

}  // namespace

AvailabilityUpdater::AvailabilityUpdater(Context& context, env::Runtime& runtime, env::TaskGroup& tasks)
    : context_(context),
      newest_turn_(context.store.newest().seq),
      follower_(context.store, runtime,
                {"availability",
                 {.rules = {{""}}},
                 [this](const auto& commit) { follow(*commit); },
                 [this] { doubt_all(); }}) {
  tasks.spawn("availability", [this] { return run(); });
}

void AvailabilityUpdater::stop() { follower_.stop(); }

/// Everything that can be judged: what came and went meanwhile is not known.
void AvailabilityUpdater::doubt_all() {
  newest_turn_ = context_.store.newest().seq;
  Work found;
  const std::shared_ptr<const store::Snapshot> snapshot = context_.store.snapshot();
  for (const std::string& type : snapshot->types()) {
    if (!has_availability(type)) continue;
    snapshot->scan(type, "", [&](std::string_view key, std::string_view owner, std::string_view) {
      if (!store::is_remote(owner)) found.doubted.emplace(type, key);
      return true;
    });
  }
  add(std::move(found));
}

/// A write is judged by what was there when it began: what came or went meanwhile is noticed here. The many
/// that nobody refers to (machines) are only looked at again when something is wrong with them.
bool AvailabilityUpdater::doubtful(const store::AppliedChange& change) const {
  if (!change.body || !has_availability(change.id.type)) return false;
  if (change.computed_from != 0 && change.computed_from >= newest_turn_) return false;
  return is_target(change.id.type) || !is_available(change.body);
}

void AvailabilityUpdater::follow(const store::Commit& commit) {
  Work found;
  bool turns = false;
  for (const store::AppliedChange& change : commit.changes) {
    if (store::is_remote(change.id.owner)) continue;
    Name name(change.id.type, change.id.key);
    if (doubtful(change)) found.doubted.insert(name);
    if (!turned(change)) continue;
    turns = true;
    if (is_target(change.id.type)) found.turned.insert(std::move(name));
  }
  if (turns) newest_turn_ = commit.cursor.seq;
  add(std::move(found));
}

void AvailabilityUpdater::add(Work found) {
  if (found.empty()) return;
  {
    Lock lock(mutex_);
    waiting_.turned.merge(found.turned);
    waiting_.doubted.merge(found.doubted);
  }
  signal_.notify_all();
}

AvailabilityUpdater::Work AvailabilityUpdater::take() {
  Lock lock(mutex_);
  return std::exchange(waiting_, {});
}

env::Task<void> AvailabilityUpdater::run() {
  while (true) {
    const uint64_t seen = signal_.version();
    const Work work = take();
    if (work.empty()) {
      co_await signal_.wait(seen, std::chrono::minutes(5));
      continue;
    }
    const bool done = co_await env::attempt(kLog, "updating availability", update_all(work));
    if (done) continue;
    give_back(work);
    co_await signal_.wait(seen, env::kTryAgain);
  }
}

env::Task<void> AvailabilityUpdater::update_all(const Work& work) {
  for (const Name& name : affected(work)) co_await update(name);
}

void AvailabilityUpdater::give_back(const Work& work) {
  Lock lock(mutex_);
  waiting_.doubted.insert(work.doubted.begin(), work.doubted.end());
  waiting_.turned.insert(work.turned.begin(), work.turned.end());
}

std::set<AvailabilityUpdater::Name> AvailabilityUpdater::affected(const Work& work) const {
  std::set<Name> names = work.doubted;
  const std::shared_ptr<const store::Snapshot> snapshot = context_.store.snapshot();
  for (const Reference& reference : references()) {
    std::set<std::string> keys;
    for (const auto& [type, key] : work.turned) {
      if (type == reference.target) keys.insert(key);
    }
    if (keys.empty() || !reference.judged || !has_availability(reference.referrer)) continue;
    for (store::ObjectRef& ref : referrers(context_, *snapshot, reference, keys, SIZE_MAX)) {
      names.emplace(reference.referrer, std::move(ref.key));
    }
  }
  return names;
}

env::Task<void> AvailabilityUpdater::update(const Name& name) {
  const model::ObjectType* type = model::find_object_type(name.first);
  std::vector<std::string> names{object_turn(name.first, name.second)};
  // Among many writers it would come too late each time. Without a turn it tries all the same.
  const Result<env::Turns::Turn> turn = co_await context_.turns.take(std::move(names));
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::optional<store::StoredObject> stored;
    const Result<std::string> body = co_await model::within_budget<std::string>(
        env::Caller(), model::kInlineSchemaSteps, model::kSchemaSteps,
        [&](model::Budget& budget) -> Result<std::string> {
          const std::shared_ptr<const store::Snapshot> snapshot = context_.store.snapshot();
          stored = snapshot->get_local(name.first, name.second);
          if (!stored) return std::string();
          return updated_body(*type, stored->body, SnapshotLookup(context_, *snapshot), budget);
        });
    if (!body || !stored || *body == stored->body) co_return;
    store::Batch batch;
    batch.changes.push_back({stored->id, *body, store::Expect::kSame, hash128(stored->body)});
    batch.principal = "system";
    const Result<store::Cursor> done = co_await store::commit_async(context_.store, std::move(batch));
    if (done || done.error().code != ErrorCode::kConflict) {
      if (!done)
        kLog.warn("verdict not stored object={}/{} reason={}", name.first, name.second, done.error().text());
      co_return;
    }
  }
}

}  // namespace mullion::objects
