#include "api/internal/job_state_keeper.h"

#include <array>

#include "api/internal/log.h"
#include "api/internal/objects.h"
#include "api/internal/write_support.h"
#include "base/mutex.h"
#include "env/attempt.h"
#include "model/index_value.h"
#include "model/members.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

constexpr std::string_view kMachines = "machines";
constexpr std::string_view kJobs = "jobs";

struct CopiedMember {
  std::string_view machine, job;
};
constexpr std::array kCopied{CopiedMember{"JobState", "State"}, CopiedMember{"JobExitState", "ExitState"}};

std::string_view member(const std::optional<std::string>& body, std::string_view name) {
  return body ? model::raw_member(*body, name) : std::string_view();
}

/// Whether a machine may have to say something else now.
bool concerns_machine(const store::AppliedChange& change) {
  if (change.id.type == kMachines)
    return change.body && member(change.body, "CurrentJob") != member(change.old_body, "CurrentJob");
  return std::ranges::any_of(kCopied, [&](const CopiedMember& copied) {
    return member(change.body, copied.job) != member(change.old_body, copied.job);
  });
}

std::string machine_of(const store::AppliedChange& change) {
  if (change.id.type == kMachines) return change.id.key;
  return text_in(change.body ? *change.body : *change.old_body, "Machine");
}

std::optional<json::object> find(const store::Snapshot& snapshot, std::string_view type,
                                 const std::string& key) {
  const std::optional<std::string> body = snapshot.get({std::string(type), std::string(store::kOwn), key});
  return body ? model::read_object(*body) : std::nullopt;
}

/// Absent: the machine is gone, or says what its job says.
std::optional<store::Change> wanted_change(const store::Store& store, const std::string& key) {
  const std::shared_ptr<const store::Snapshot> snapshot = store.snapshot();
  store::ObjectId id{std::string(kMachines), std::string(store::kOwn), key};
  const std::optional<std::string> before = snapshot->get(id);
  const std::optional<json::object> machine = before ? model::read_object(*before) : std::nullopt;
  if (!machine) return std::nullopt;
  const std::optional<json::object> job = find(*snapshot, kJobs, model::text_member(*machine, "CurrentJob"));
  const std::optional<json::object> after = with_job_state(*machine, job ? &*job : nullptr);
  if (!after) return std::nullopt;
  store::Change change;
  change.id = std::move(id);
  change.body = model::canonical_body(*model::find_object_type(kMachines), *after);
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(*before);
  return change;
}

}  // namespace

std::optional<json::object> with_job_state(const json::object& machine, const json::object* job) {
  json::object out = machine;
  bool changed = false;
  for (const CopiedMember& copied : kCopied) {
    const std::string wanted = job == nullptr ? std::string() : model::text_member(*job, copied.job);
    if (model::text_member(machine, copied.machine) == wanted) continue;
    out[copied.machine] = wanted;
    changed = true;
  }
  return changed ? std::optional(std::move(out)) : std::nullopt;
}

JobStateKeeper::JobStateKeeper(Services& services)
    : services_(services),
      follower_(services.store, services.runtime,
                {"job states",
                 {.rules = {{std::string(kJobs), store::Interest::Owners::kOwn},
                            {std::string(kMachines), store::Interest::Owners::kOwn}}},
                 [this](const auto& commit) { follow(*commit); },
                 [this] { doubt_all(); }}) {
  services_.tasks.spawn("job states", [this] { return run(); });
}

void JobStateKeeper::follow(const store::Commit& commit) {
  std::set<std::string> machines;
  for (const store::AppliedChange& change : commit.changes) {
    const bool known = change.id.type == kMachines || change.id.type == kJobs;
    const bool own = change.id.owner == store::kOwn && (change.body || change.old_body);
    if (known && own && concerns_machine(change)) machines.insert(machine_of(change));
  }
  add(std::move(machines));
}

/// What changed meanwhile is not known.
void JobStateKeeper::doubt_all() {
  std::set<std::string> machines;
  services_.store.snapshot()->scan_owner(kMachines, store::kOwn, "",
                                         [&](std::string_view key, std::string_view) {
                                           machines.emplace(key);
                                           return true;
                                         });
  add(std::move(machines));
}

void JobStateKeeper::add(std::set<std::string> machines) {
  if (machines.empty()) return;
  {
    Lock lock(mutex_);
    waiting_.merge(machines);
  }
  signal_.notify_all();
}

env::Task<void> JobStateKeeper::run() {
  while (true) {
    const uint64_t seen = signal_.version();
    std::set<std::string> machines;
    {
      Lock lock(mutex_);
      machines.swap(waiting_);
    }
    if (machines.empty()) {
      co_await signal_.wait(seen, std::chrono::minutes(5));
      continue;
    }
    const bool done = co_await env::attempt(kLog, "copying states of jobs", update_all(machines));
    if (done) continue;
    add(std::move(machines));
    co_await signal_.wait(signal_.version(), env::kTryAgain);
  }
}

env::Task<void> JobStateKeeper::update_all(const std::set<std::string>& machines) {
  for (const std::string& machine : machines) co_await update(machine);
}

env::Task<void> JobStateKeeper::update(const std::string& key) {
  std::vector<std::string> names{object_turn(std::string(kMachines), key)};
  const Result<env::Turns::Turn> turn = co_await services_.turns.take(std::move(names));
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::optional<store::Change> change = wanted_change(services_.store, key);
    if (!change) co_return;
    store::Batch batch;
    batch.changes.push_back(std::move(*change));
    batch.principal = "system";
    const Result<store::Cursor> done = co_await store::commit_async(services_.store, std::move(batch));
    if (done || done.error().code != ErrorCode::kConflict) {
      if (!done) kLog.warn("state of a job is not shown machine={} reason={}", key, done.error().text());
      co_return;
    }
  }
}

}  // namespace mullion::api
