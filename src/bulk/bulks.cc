#include "bulk/bulks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "auth/tenants.h"
#include "base/json.h"
#include "base/mutex.h"
#include "bulk/internal/judge.h"
#include "bulk/internal/log.h"
#include "bulk/internal/records.h"
#include "bulk/internal/runner.h"
#include "env/attempt.h"
#include "env/pools.h"
#include "model/object.h"
#include "net/http.h"
#include "store/commit_async.h"
#include "store/query_check.h"

namespace mullion::bulk {
namespace {

using internal::Record;

constexpr env::Duration kIdle = std::chrono::seconds(30);
constexpr env::Duration kPause = std::chrono::milliseconds(50);
constexpr int kMostAttempts = 32;
constexpr size_t kMostLooks = 10'000;      // objects that a preview judges
constexpr uint64_t kPiecesForgotten = 64;  // in one commit
constexpr uint64_t kMostItems = 1000;      // of a page
constexpr size_t kMostActive = 32;         // bulks under way; each has a selection in memory

class BulksImpl final : public Bulks {
 public:
  explicit BulksImpl(Dependencies dependencies)
      : given_(std::move(dependencies)),
        feed_(store::attach_feed(given_.store, "bulks", own_bulks(), store::CommitFeed::kNothing)),
        requests_(given_.runtime.executor(), "bulk requests"),
        tasks_(given_.runtime.executor(), "bulks") {}

  void start() override {
    tasks_.spawn("bulks", [this] { return supervise(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    feed_->signal()->notify_all();
    wake_runners();
    while (running() > 0) {
      const bool slept = co_await given_.timers.sleep_for(kPause);
      if (!slept) break;
    }
    co_await tasks_.async_stop();
    co_await requests_.async_stop();
  }

  Task<Result<std::string>> command(std::string id, std::string command, auth::Principal principal) override;
  Task<Result<std::string>> items(std::string id, Page page, auth::Principal principal) override;

  Statistics statistics() const override {
    const Lock lock(mutex_);
    Statistics out;
    out.active = runners_.size();
    for (const auto& [id, runner] : runners_) out.under_way += runner->under_way();
    return out;
  }

 private:
  static store::Interest own_bulks() {
    store::Interest interest;
    interest.rules = {{std::string(internal::kBulks), store::Interest::Owners::kOwn}};
    return interest;
  }

  Task<void> supervise() {
    while (!stopping_) {
      const uint64_t seen = feed_->signal()->version();
      const bool passed = co_await env::attempt(kLog, "a look at the bulks", look());
      co_await given_.timers.wait(*feed_->signal(), seen, passed ? kIdle : env::kTryAgain);
      co_await given_.timers.sleep_for(kPause);
    }
  }

  /// Gives every bulk that is under way its runner, and forgets the runs of those that are gone.
  Task<void> look() {
    std::vector<std::string> active;
    std::set<std::string> runs;
    Runs kept;
    co_await env::run_blocking([&] {
      const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
      for (const Bulk& bulk : internal::all_bulks(*snapshot)) {
        if (is_active(bulk.state)) active.push_back(bulk.id);
        runs.insert(bulk.run);
      }
      kept = decode_runs(snapshot->secret(kSpace, kRunsPlace).value_or(""));
    });
    for (const std::string& id : active) employ(id);
    wake_runners();
    for (const auto& [run, objects] : kept) {
      if (!runs.contains(run)) co_await forget(run, objects);
    }
  }

  void employ(const std::string& id) {
    const Lock lock(mutex_);
    if (stopping_ || runners_.contains(id)) return;
    auto runner = std::make_shared<internal::Runner>(given_, id, requests_);
    runners_.emplace(id, runner);
    tasks_.spawn("bulk", [this, id, runner]() -> Task<void> {
      co_await runner->run(stopping_);
      dismiss(id);
    });
  }

  /// A bulk that was set going just now gets another runner.
  void dismiss(const std::string& id) {
    {
      const Lock lock(mutex_);
      runners_.erase(id);
    }
    feed_->signal()->notify_all();
  }

  void wake_runners() {
    const Lock lock(mutex_);
    for (const auto& [id, runner] : runners_) runner->wake();
  }

  size_t running() const {
    const Lock lock(mutex_);
    return runners_.size();
  }

  Task<void> forget(std::string run, uint64_t objects);
  Result<store::Batch> obeyed(const std::string& id, const std::string& command, const std::string& run,
                              const auth::Principal& principal) const;
  Result<void> check_start(const store::Snapshot& snapshot, const Bulk& bulk,
                           const auth::Principal& principal) const;
  Task<Result<std::string>> preview(std::string id, auth::Principal principal);
  class Reader;
  json::object item_of(uint64_t number, const store::ObjectRef& object, Outcome outcome) const;
  Result<std::string> page_of(const std::string& id, const Page& page,
                              const auth::Principal& principal) const;

  Result<std::string> shown(const std::string& id) const {
    const Result<Record> record = internal::read_record(*given_.store.snapshot(), id);
    if (!record) return record.error();
    std::string out;
    model::append_with_endpoint(out, record->body, given_.own_id);
    return out;
  }

  const Dependencies given_;
  const std::shared_ptr<store::CommitFeed> feed_;
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<internal::Runner>> runners_ GUARDED_BY(mutex_);  // by id
  env::TaskGroup requests_;
  env::TaskGroup tasks_;
};

Task<void> BulksImpl::forget(std::string run, uint64_t objects) {
  for (uint64_t piece = 0; piece < pieces_of(objects); piece += kPiecesForgotten) {
    store::Batch batch;
    batch.secrets =
        internal::without_pieces(run, piece, std::min(piece + kPiecesForgotten, pieces_of(objects)));
    batch.principal = "system";
    const Result<store::Cursor> done = co_await store::commit_async(given_.store, std::move(batch));
    if (!done) co_return;  // the next look tries again
  }
  const std::optional<std::string> before = given_.store.snapshot()->secret(kSpace, kRunsPlace);
  Runs runs = decode_runs(before.value_or(""));
  runs.erase(run);
  store::Batch batch;
  batch.secret_guards.push_back({std::string(kSpace), std::string(kRunsPlace), before});
  batch.secrets.push_back({std::string(kSpace), std::string(kRunsPlace), encode_runs(runs)});
  batch.secrets.push_back({std::string(kSpace), login_place(run), std::nullopt});
  batch.principal = "system";
  const Result<store::Cursor> done = co_await store::commit_async(given_.store, std::move(batch));
  if (done) kLog.info("the outcomes of a removed bulk are forgotten run={} objects={}", run, objects);
}

// ---- commands

Result<void> BulksImpl::check_start(const store::Snapshot& snapshot, const Bulk& bulk,
                                    const auth::Principal& principal) const {
  std::vector<std::string> faults = form_faults(bulk, given_.store.types().find(bulk.selection.type));
  const std::string fault =
      store::query_fault(snapshot, bulk.selection.type, net::parse_query_string(bulk.selection.filter));
  if (!fault.empty()) faults.push_back("Selection.Filter: " + fault);
  if (!faults.empty())
    return Error(ErrorCode::kInvalid, "INVOKE", std::string(internal::kBulks), bulk.id, std::move(faults));
  Result<std::vector<store::ObjectRef>> objects =
      internal::select_objects(given_.requests, snapshot, bulk, principal);
  if (!objects) return objects.error();
  Result<Bulk> as_expected = counted(bulk, objects->size(), given_.clock.wall());
  if (!as_expected) return as_expected.error();
  return {};
}

/// How much goes on in the background is bounded, however many ask for it.
Result<void> check_room(const store::Snapshot& snapshot, const std::string& id) {
  const std::vector<Bulk> bulks = internal::all_bulks(snapshot);
  const auto active = std::ranges::count_if(bulks, [](const Bulk& bulk) { return is_active(bulk.state); });
  if (static_cast<size_t>(active) < kMostActive) return {};
  return Error(ErrorCode::kUnavailable, "INVOKE", std::string(internal::kBulks), id,
               {fmt::format("{} bulks are under way, paused ones included, and no more at once: wait for "
                            "one, or stop it",
                            active)});
}

/// What a command makes of the bulk as it is now. Blocks on the disk.
Result<store::Batch> BulksImpl::obeyed(const std::string& id, const std::string& command,
                                       const std::string& run, const auth::Principal& principal) const {
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  const Result<Record> record = internal::read_record(*snapshot, id);
  if (!record) return record.error();
  Result<Bulk> next = obey(record->bulk, command, principal.audit_name(), run, given_.clock.wall());
  if (!next) return next.error();
  if (!is_active(record->bulk.state) && is_active(next->state)) {
    if (Result<void> room = check_room(*snapshot, id); !room) return room.error();
  }
  if (next->state == State::kFreezing) {
    if (Result<void> fit = check_start(*snapshot, record->bulk, principal); !fit) return fit.error();
  }
  store::Batch batch;
  if (lends_rights(command)) {
    Result<std::string> login = given_.authenticator.keep(principal);
    if (!login) return login.error();
    batch.secrets.push_back({std::string(kSpace), login_place(next->run), std::move(*login)});
  } else if (!is_active(next->state)) {
    batch.secrets.push_back({std::string(kSpace), login_place(next->run), std::nullopt});
  }
  Result<store::Change> change = internal::change_of(*record, *next);
  if (!change) return change.error();
  batch.changes.push_back(std::move(*change));
  batch.principal = principal.audit_name();
  batch.update_action = "update";
  return batch;
}

Task<Result<std::string>> BulksImpl::command(std::string id, std::string command, auth::Principal principal) {
  if (command == "preview") co_return co_await preview(std::move(id), std::move(principal));
  const std::string run = given_.new_run();
  const env::Caller caller{principal.name, ""};
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    std::optional<Result<store::Batch>> batch;
    Result<void> taken = co_await env::run_blocking(env::Pool::kProcessor, caller,
                                                    [&] { batch = obeyed(id, command, run, principal); });
    if (!taken) co_return taken.error();
    if (!*batch) co_return batch->error();
    Result<store::Cursor> stored = co_await store::commit_async(given_.store, std::move(**batch));
    if (stored) {
      kLog.audit("bulk={} command={} principal={}", id, command, principal.audit_name());
      feed_->signal()->notify_all();
      co_return shown(id);
    }
    if (stored.error().code != ErrorCode::kConflict) co_return stored.error();
  }
  co_return Error(ErrorCode::kConflict, "INVOKE", std::string(internal::kBulks), id,
                  {"the bulk changes all the time: try again"});
}

Task<Result<std::string>> BulksImpl::preview(std::string id, auth::Principal principal) {
  std::optional<Result<std::string>> answer;
  store::Batch batch;
  const env::Caller caller{principal.name, ""};
  Result<void> taken = co_await env::run_blocking(env::Pool::kProcessor, caller, [&] {
    const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
    const Result<Record> record = internal::read_record(*snapshot, id);
    if (!record) {
      answer = record.error();
      return;
    }
    Bulk bulk = record->bulk;
    if (has_begun(bulk.state)) {
      answer =
          Error(ErrorCode::kInvalid, "INVOKE", std::string(internal::kBulks), id,
                {fmt::format("the bulk is {}: its items say what became of each", state_name(bulk.state))});
      return;
    }
    bulk.selection.count = 0;  // what was counted before does not matter
    if (Result<void> fit = check_start(*snapshot, bulk, principal); !fit) {
      answer = fit.error();
      return;
    }
    Result<std::vector<store::ObjectRef>> objects =
        internal::select_objects(given_.requests, *snapshot, bulk, principal);
    if (!objects) {
      answer = objects.error();
      return;
    }
    const internal::ObjectJudge judge(given_.requests, bulk.what, bulk.selection.type, *snapshot);
    answer = json::serialize(internal::preview_of(judge, *objects, principal, kMostLooks, given_));
    Result<Bulk> next = counted(bulk, objects->size(), given_.clock.wall());
    if (!next) return;
    next->state = State::kPreviewed;
    Result<store::Change> change = internal::change_of(*record, *next);
    if (change) batch.changes.push_back(std::move(*change));
  });
  if (!taken) co_return taken.error();
  if (!*answer || batch.changes.empty()) co_return std::move(*answer);
  batch.principal = principal.audit_name();
  batch.update_action = "update";
  const Result<store::Cursor> stored = co_await store::commit_async(given_.store, std::move(batch));
  if (!stored) co_return stored.error();
  co_return std::move(*answer);
}

// ---- what became of each object

/// Which objects of a bulk are shown to somebody: those that it may read now. Of one that is gone nobody
/// knows more than its key.
class BulksImpl::Reader {
 public:
  Reader(const UserRequests& requests, const store::Snapshot& snapshot, const model::ObjectType* type,
         const auth::Principal& principal)
      : requests_(requests), snapshot_(snapshot), type_(type), principal_(principal) {}

  bool reads_all() const {
    if (type_ == nullptr || principal_.is_machine()) return false;
    const bool hides = principal_.tenant != nullptr && principal_.tenant->restricts(type_->prefix);
    return !hides && !auth::allowed_objects(principal_.claims, type_->prefix, "get");
  }
  bool reads(const store::ObjectRef& object) const {
    if (type_ == nullptr) return false;
    std::optional<std::string> body;
    if (!type_->rights_by.empty())
      body = snapshot_.get({std::string(type_->prefix), object.owner, object.key});
    return requests_.allows(principal_, type_->prefix, "get", object, body.value_or("{}"));
  }

 private:
  const UserRequests& requests_;
  const store::Snapshot& snapshot_;
  const model::ObjectType* type_;
  const auth::Principal& principal_;
};

json::object BulksImpl::item_of(uint64_t number, const store::ObjectRef& object, Outcome outcome) const {
  return {{"Number", number},
          {"Endpoint", object.owner.empty() ? given_.own_id : object.owner},
          {"Key", object.key},
          {"Outcome", entry_of(outcome).name}};
}

Result<std::string> BulksImpl::page_of(const std::string& id, const Page& page,
                                       const auth::Principal& principal) const {
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  const Result<Record> record = internal::read_record(*snapshot, id);
  if (!record) return record.error();
  const Bulk& bulk = record->bulk;
  const Reader reader(given_.requests, *snapshot, given_.store.types().find(bulk.selection.type), principal);
  const bool all = reader.reads_all();
  const uint64_t limit = std::min(page.limit, kMostItems);
  uint64_t total = 0;
  json::array items;
  const bool frozen_yet = bulk.counts.total() > 0;
  for (uint64_t piece = 0; frozen_yet && piece < pieces_of(bulk.selection.count); ++piece) {
    const Result<OutcomePiece> outcomes = internal::read_outcomes(*snapshot, bulk.run, piece);
    if (!outcomes) return outcomes.error();
    std::optional<Result<std::vector<store::ObjectRef>>> keys;  // read when one is looked at
    for (uint64_t place = 0; place < outcomes->outcomes.size(); ++place) {
      const Outcome outcome = outcomes->outcomes[place];
      if (page.outcome && *page.outcome != outcome) continue;
      const bool in_page = total >= page.offset && total < page.offset + limit;
      if (all && !in_page) {
        ++total;
        continue;
      }
      if (!keys) keys = internal::read_keys(*snapshot, bulk.run, piece);
      if (!*keys) return keys->error();
      const store::ObjectRef& object = (**keys)[place];
      if (!all && !reader.reads(object)) continue;
      ++total;
      if (!in_page) continue;
      json::object line = item_of(piece * kPieceSize + place, object, outcome);
      const auto message = outcomes->messages.find(place);
      if (message != outcomes->messages.end()) line["Message"] = message->second;
      items.emplace_back(std::move(line));
    }
  }
  return json::serialize(json::object{{"Total", total}, {"Items", std::move(items)}});
}

Task<Result<std::string>> BulksImpl::items(std::string id, Page page, auth::Principal principal) {
  std::optional<Result<std::string>> answer;
  const env::Caller caller{principal.name, ""};
  Result<void> taken = co_await env::run_blocking(env::Pool::kProcessor, caller,
                                                  [&] { answer = page_of(id, page, principal); });
  if (!taken) co_return taken.error();
  co_return std::move(*answer);
}

}  // namespace

std::unique_ptr<Bulks> make_bulks(Dependencies dependencies) {
  return std::make_unique<BulksImpl>(std::move(dependencies));
}

std::vector<std::string> written_faults(const store::Store& store, const store::Snapshot& snapshot,
                                        const json::object& object, std::string_view stored) {
  const Bulk bulk = Bulk::parse(object);
  std::vector<std::string> faults = form_faults(bulk, store.types().find(bulk.selection.type));
  const std::string fault =
      store::query_fault(snapshot, bulk.selection.type, net::parse_query_string(bulk.selection.filter));
  if (!fault.empty()) faults.push_back("Selection.Filter: " + fault);
  const Result<json::value> before =
      stored.empty() ? Result<json::value>(json::object()) : parse_json(stored, 256);
  const json::object empty;
  const json::object& was = before && before->is_object() ? before->get_object() : empty;
  for (std::string& fixed : fixed_faults(was, object)) faults.push_back(std::move(fixed));
  return faults;
}

std::vector<std::string> not_removable(const json::object& object) {
  const Bulk bulk = Bulk::parse(object);
  if (!is_active(bulk.state)) return {};
  return {fmt::format("Bulk {} is {}: stop it first", bulk.id, state_name(bulk.state))};
}

}  // namespace mullion::bulk
