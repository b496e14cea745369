#include "apply/configurator.h"

#include <algorithm>
#include <map>
#include <set>

#include "apply/internal/applier.h"
#include "apply/internal/log.h"
#include "apply/internal/plan_executor.h"
#include "apply/internal/plan_maker.h"
#include "apply/internal/replan_queue.h"
#include "apply/internal/verdict.h"
#include "base/json.h"
#include "base/mutex.h"
#include "env/attempt.h"
#include "env/pools.h"
#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/members.h"
#include "model/object.h"
#include "plan/baseline.h"
#include "store/commit_async.h"
#include "store/follower.h"
#include "versionset/fingerprint.h"
#include "versionset/set_cache.h"

namespace mullion::apply {
namespace {

/// Plans made in one go, and written in one commit.
constexpr size_t kChunk = 64;

store::Interest what_plans_come_from() {
  return {.rules = {{std::string(manager::kEndpoints)}, {"version_sets"}, {"params"}}};
}

class ConfiguratorImpl final : public Configurator {
 public:
  ConfiguratorImpl(Dependencies given, const MakeExecutor& make)
      : given_(std::move(given)),
        set_cache_(given_.store),
        files_(std::make_shared<FileFacts>(given_.blobs)),
        executor_(make
                      ? make(given_, [replan = replan_](const std::string& id) { replan->mark_endpoint(id); })
                      : nullptr),
        maker_(given_, set_cache_, *files_, executor_.get()),
        tasks_(given_.runtime.executor(), "configurator"),
        follower_(given_.store, given_.runtime,
                  {"plans", what_plans_come_from(), [this](const auto& commit) { follow(*commit); },
                   [replan = replan_] { replan->mark_all(); }}) {
    // These listeners cannot be taken back; what they hold outlives us.
    given_.catalog.on_change([replan = replan_, files = files_] {
      files->forget();
      replan->mark_all();
    });
    given_.manager.on_endpoint_change(
        [replan = replan_](const std::string& id) { replan->mark_endpoint(id); });
    given_.blobs.on_change([replan = replan_, files = files_](const std::vector<std::string>& names) {
      files->forget();
      for (const std::string& name : names) replan->mark_file(name);
    });
  }

  void start() override {
    if (executor_) executor_->start();
    replan_->mark_all();
    tasks_.spawn("plans", [this] { return work(); });
  }
  Task<void> stop() override {
    stopping_ = true;
    replan_->signal().notify_all();
    co_await tasks_.async_stop();
    if (executor_) co_await executor_->stop();
  }

  Task<Result<Explained>> explain(std::string endpoint, env::Caller caller) override {
    return explained(std::move(endpoint), std::nullopt, std::move(caller));
  }
  Task<Result<Explained>> preview(std::string endpoint, std::vector<std::string> sets,
                                  env::Caller caller) override {
    return explained(std::move(endpoint), std::move(sets), std::move(caller));
  }
  Task<Result<Baseline>> baseline(std::string endpoint, std::string name, env::Caller caller) override;
  Statistics statistics() const override;

 private:
  void follow(const store::Commit& commit);
  Task<void> work();
  Task<void> plan_affected(const ReplanQueue::Work& work);
  std::vector<std::string> affected(const ReplanQueue::Work& work);
  Task<void> renew(std::vector<std::string> ids);
  std::vector<std::pair<std::string, Planned>> planned(const std::vector<std::string>& ids,
                                                       std::set<std::string>& unsummed);
  Result<Baseline> baseline_now(const std::string& endpoint, const std::string& name,
                                std::set<std::string>& unsummed) const;
  std::optional<store::Change> change_of(const std::string& id, const Planned& planned) const;
  Task<void> write(std::vector<store::Change> changes);
  void offer(const std::string& id, const Planned& planned);
  void forget(const std::string& id);
  void count(const std::string& id, size_t actions);
  ApplyState state_of(const std::string& id) const { return executor_ ? executor_->state(id) : ApplyState(); }
  Task<Result<Explained>> explained(std::string endpoint, std::optional<std::vector<std::string>> sets,
                                    env::Caller caller);

  const Dependencies given_;
  const std::shared_ptr<ReplanQueue> replan_ = std::make_shared<ReplanQueue>();
  versionset::SetCache set_cache_;
  const std::shared_ptr<FileFacts> files_;
  const std::unique_ptr<PlanExecutor> executor_;
  const PlanMaker maker_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> plans_{0};
  mutable Mutex mutex_;
  std::map<std::string, size_t> open_actions_ GUARDED_BY(mutex_);  // of endpoints that name sets
  env::TaskGroup tasks_;
  store::Follower follower_;  // ends before what it uses
};

bool is_secure(const std::optional<std::string>& body) {
  return body && model::raw_member(*body, "Secure") == "true";
}

void ConfiguratorImpl::follow(const store::Commit& commit) {
  for (const store::AppliedChange& change : commit.changes) {
    if (store::is_remote(change.id.owner)) continue;
    if (change.id.type == manager::kEndpoints) {
      replan_->mark_endpoint(change.id.key);
    } else if (change.id.type == "version_sets") {
      replan_->mark_set(change.id.key);
    } else if (change.id.type == "params" &&
               (commit.from_log || is_secure(change.body) != is_secure(change.old_body))) {
      replan_->mark_all();
    }
  }
}

Task<void> ConfiguratorImpl::work() {
  while (!stopping_) {
    const uint64_t seen = replan_->signal().version();
    const ReplanQueue::Work work = replan_->take();
    if (work.empty()) {
      (void)co_await given_.timers.wait(replan_->signal(), seen, std::chrono::hours(1));
      continue;
    }
    // When it becomes active the connections of all endpoints change, which marks them again.
    if (!given_.manager.active()) continue;
    const bool planned = co_await env::attempt(kLog, "planning", plan_affected(work));
    if (planned) continue;
    replan_->mark_all();  // which of them were planned is not known
    const bool slept = co_await given_.timers.sleep_for(env::kTryAgain);
    if (!slept) co_return;
  }
}

Task<void> ConfiguratorImpl::plan_affected(const ReplanQueue::Work& work) {
  std::vector<std::string> ids;
  co_await env::run_blocking(env::Pool::kProcessor, [&] { ids = affected(work); });
  for (size_t begin = 0; begin < ids.size() && !stopping_; begin += kChunk) {
    const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<std::string> chunk(first,
                                   first + static_cast<std::ptrdiff_t>(std::min(kChunk, ids.size() - begin)));
    co_await renew(std::move(chunk));
  }
}

std::vector<std::string> ConfiguratorImpl::affected(const ReplanQueue::Work& work) {
  std::set<std::string> ids = work.endpoints;
  const bool all = work.all || std::ranges::any_of(work.files, [this](const std::string& file) {
                     return set_cache_.takes_file(file);
                   });
  if (!all && work.sets.empty()) return {ids.begin(), ids.end()};
  given_.store.snapshot()->scan_owner(
      manager::kEndpoints, store::kOwn, "", [&](std::string_view key, std::string_view body) {
        if (all) {
          ids.emplace(key);
          return true;
        }
        const Result<json::value> parsed = parse_json(body, 256);
        if (!parsed || !parsed->is_object()) return true;
        const std::vector<std::string> names = versionset::set_names(parsed->get_object());
        if (std::ranges::any_of(names, [&](const std::string& name) { return work.sets.contains(name); }))
          ids.emplace(key);
        return true;
      });
  return {ids.begin(), ids.end()};
}

std::vector<std::pair<std::string, Planned>> ConfiguratorImpl::planned(const std::vector<std::string>& ids,
                                                                       std::set<std::string>& unsummed) {
  std::vector<std::pair<std::string, Planned>> out;
  for (const std::string& id : ids) {
    Result<Planned> planned = maker_.make(id, nullptr, unsummed);
    if (planned) {
      out.emplace_back(id, std::move(*planned));
    } else {
      forget(id);
    }
  }
  return out;
}

std::optional<store::Change> ConfiguratorImpl::change_of(const std::string& id,
                                                         const Planned& planned) const {
  if (planned.provisional) return std::nullopt;
  Result<json::value> object = parse_json(planned.body, 256);
  if (!object || !object->is_object()) return std::nullopt;
  const bool idle = planned.disabled || planned.sets.empty();
  const std::string word =
      planned.disabled ? "" : versionset::plan_fingerprint(planned.sets, planned.wanted.get());
  write_verdict(*planned.plan, idle ? ApplyState() : state_of(id), word, object->get_object());
  store::Change change;
  change.id = {std::string(manager::kEndpoints), std::string(store::kOwn), id};
  change.body = model::canonical_body(*model::find_object_type(manager::kEndpoints), object->get_object());
  if (*change.body == planned.body) return std::nullopt;
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(planned.body);
  return change;
}

/// In one commit; when somebody else changed one of the objects, each by itself. What fails then is planned
/// again, as follow() is told of every change.
Task<void> ConfiguratorImpl::write(std::vector<store::Change> changes) {
  if (changes.empty()) co_return;
  store::Batch batch;
  batch.changes = changes;
  batch.principal = "system";
  const Result<store::Cursor> done = co_await store::commit_async(given_.store, std::move(batch));
  if (done) co_return;
  if (done.error().code == ErrorCode::kConflict && changes.size() > 1) {
    for (store::Change& change : changes) {
      std::vector<store::Change> alone;
      alone.push_back(std::move(change));
      co_await write(std::move(alone));
    }
    co_return;
  }
  if (done.error().code == ErrorCode::kConflict) co_return;
  kLog.warn("plans are not written endpoints={} reason={}", changes.size(), done.error().text());
}

void ConfiguratorImpl::offer(const std::string& id, const Planned& planned) {
  const bool idle = planned.disabled || planned.sets.empty();
  if (idle) {
    forget(id);
    return;
  }
  if (!planned.provisional) count(id, planned.plan->actions.size());
  if (!executor_) return;
  const auto wanted = planned.wanted ? planned.wanted : std::make_shared<const Wanted>();
  executor_->offer({id, planned.plan, wanted, planned.apply && planned.fresh});
}

Task<void> ConfiguratorImpl::renew(std::vector<std::string> ids) {
  std::vector<std::pair<std::string, Planned>> planned;
  std::vector<store::Change> changes;
  const env::Caller own;
  const FileFacts::Work plan_all = [&](std::set<std::string>& unsummed) {
    planned = this->planned(ids, unsummed);
    changes.clear();
    for (const auto& [id, plan] : planned) {
      if (std::optional<store::Change> change = change_of(id, plan)) changes.push_back(std::move(*change));
    }
  };
  (void)co_await files_->provide(own, plan_all);  // the server itself is never refused
  co_await write(std::move(changes));
  for (const auto& [id, plan] : planned) {
    if (!plan.sets.empty()) ++plans_;
    offer(id, plan);
  }
}

void ConfiguratorImpl::count(const std::string& id, size_t actions) {
  const Lock lock(mutex_);
  open_actions_[id] = actions;
}

void ConfiguratorImpl::forget(const std::string& id) {
  {
    const Lock lock(mutex_);
    open_actions_.erase(id);
  }
  if (executor_) executor_->withdraw(id);
}

Task<Result<Explained>> ConfiguratorImpl::explained(std::string endpoint,
                                                    std::optional<std::vector<std::string>> sets,
                                                    env::Caller caller) {
  std::optional<Result<Planned>> planned;
  const FileFacts::Work plan = [&](std::set<std::string>& unsummed) {
    planned = maker_.make(endpoint, sets ? &*sets : nullptr, unsummed);
  };
  const Result<void> run = co_await files_->provide(std::move(caller), plan);
  if (!run) co_return run.error();
  if (!*planned) co_return planned->error();
  const ApplyState state = state_of(endpoint);
  Explained out;
  out.plan = *(*planned)->plan;
  if ((*planned)->wanted) out.wanted = *(*planned)->wanted;
  out.wanted.sets = (*planned)->sets;
  out.apply = (*planned)->apply;
  out.state = state_word(**planned, state, given_.manager.active());
  out.configured_by = state.configured_by;
  out.next_attempt = state.next_attempt;
  if (executor_) out.progress = executor_->progress(endpoint);
  if (out.configured_by.empty())
    out.configured_by = given_.manager.endpoint_state(endpoint)->configured_by.value_or("");
  co_return out;
}

Task<Result<Baseline>> ConfiguratorImpl::baseline(std::string endpoint, std::string name,
                                                  env::Caller caller) {
  std::optional<Result<Baseline>> out;
  const FileFacts::Work make = [&](std::set<std::string>& unsummed) {
    out = baseline_now(endpoint, name, unsummed);
  };
  const Result<void> run = co_await files_->provide(std::move(caller), make);
  if (!run) co_return run.error();
  co_return std::move(*out);
}

Result<Baseline> ConfiguratorImpl::baseline_now(const std::string& endpoint, const std::string& name,
                                                std::set<std::string>& unsummed) const {
  const Result<SeenEndpoint> seen = maker_.read(endpoint);
  if (!seen) return seen.error();
  const plan::Observed& observed = seen->observed;
  if (!observed.known)
    return Error(ErrorCode::kConflict, fmt::format("{} has not told of itself yet", endpoint));
  Baseline out;
  if (!observed.files_known) out.left_out.push_back("Files: not known before it is connected");
  out.set = plan::baseline_of(
      observed, name, [&](const std::string& path) { return files_->find(path, unsummed); }, out.left_out);
  return out;
}

Configurator::Statistics ConfiguratorImpl::statistics() const {
  Statistics out;
  out.plans = plans_;
  if (executor_) {
    const PlanExecutor::Counts counts = executor_->counts();
    out.actions_done = counts.done;
    out.actions_failed = counts.failed;
    out.applying = counts.applying;
  }
  const Lock lock(mutex_);
  out.endpoints = open_actions_.size();
  for (const auto& [id, actions] : open_actions_) out.with_actions += actions > 0 ? 1 : 0;
  return out;
}

}  // namespace

std::unique_ptr<Configurator> make_configurator(Dependencies dependencies, const MakeExecutor& make) {
  return std::make_unique<ConfiguratorImpl>(std::move(dependencies), make);
}

std::unique_ptr<Configurator> make_configurator(Dependencies dependencies) {
  return make_configurator(std::move(dependencies), make_applier);
}

}  // namespace mullion::apply
