#include "bulk/internal/runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/mutex.h"
#include "bulk/internal/log.h"
#include "env/attempt.h"
#include "env/pools.h"
#include "store/commit_async.h"
#include "store/read_failure.h"

namespace mullion::bulk::internal {
namespace {

constexpr env::Duration kShowCounts = std::chrono::seconds(1);  // the object changes no more often by counts
constexpr env::Duration kNothingNew = std::chrono::seconds(30);
constexpr env::Duration kGather = std::chrono::milliseconds(20);  // outcomes are stored together
constexpr env::Duration kLastWait = std::chrono::seconds(3);
constexpr size_t kPiecesAtOnce = 16;  // of a selection, in one commit
constexpr size_t kKeptPieces = 64;
constexpr uint64_t kMostKept = 10'000'000;  // objects of all bulks of a server
constexpr size_t kMostRuns = 1000;

Error full(const std::string& id, std::string text) {
  return Error(ErrorCode::kInvalid, "INVOKE", std::string(kBulks), id, {std::move(text)});
}

/// The registry of runs with one more.
Result<store::Batch> registered(const store::Snapshot& snapshot, const Bulk& bulk, uint64_t objects) {
  const std::optional<std::string> before = snapshot.secret(kSpace, kRunsPlace);
  Runs runs = decode_runs(before.value_or(""));
  runs[bulk.run] = objects;
  uint64_t kept = 0;
  for (const auto& [run, count] : runs) kept += count;
  if (runs.size() > kMostRuns || kept > kMostKept)
    return full(bulk.id, fmt::format("{} bulks with {} objects are kept here: remove old ones first",
                                     runs.size() - 1, kept - objects));
  store::Batch batch;
  batch.secret_guards.push_back({std::string(kSpace), std::string(kRunsPlace), before});
  batch.secrets.push_back({std::string(kSpace), std::string(kRunsPlace), encode_runs(runs)});
  return batch;
}

/// Pieces `first` ... of a selection that begins; nothing has an outcome yet.
store::Batch selection_batch(const std::string& run, const std::vector<store::ObjectRef>& objects,
                             uint64_t first) {
  store::Batch batch;
  const uint64_t end = std::min(first + kPiecesAtOnce, pieces_of(objects.size()));
  for (uint64_t piece = first; piece < end; ++piece) {
    const auto begin = objects.begin() + static_cast<ptrdiff_t>(piece * kPieceSize);
    const auto left = static_cast<uint64_t>(objects.end() - begin);
    const std::vector<store::ObjectRef> part(begin,
                                             begin + static_cast<ptrdiff_t>(std::min(kPieceSize, left)));
    OutcomePiece outcomes;
    outcomes.outcomes.assign(part.size(), Outcome::kPending);
    batch.secrets.push_back({std::string(kSpace), keys_place(run, piece), encode_keys(part)});
    batch.secrets.push_back({std::string(kSpace), outcomes_place(run, piece), encode_outcomes(outcomes)});
  }
  return batch;
}

}  // namespace

void Inbox::put(uint64_t number, Verdict verdict) {
  {
    const Lock lock(mutex_);
    ended_.insert_or_assign(number, std::move(verdict));
  }
  signal_.notify_all();
}

std::map<uint64_t, Verdict> Inbox::take() {
  const Lock lock(mutex_);
  return std::exchange(ended_, {});
}

Runner::Runner(const Dependencies& given, std::string id, env::TaskGroup& requests)
    : given_(given), id_(std::move(id)), requests_(requests) {}

Task<void> Runner::run(const std::atomic<bool>& stopping) {
  std::optional<env::SteadyTime> last;
  while (true) {
    const uint64_t seen = inbox_.signal().version();
    if (stopping && !last) last = given_.clock.steady() + kLastWait;
    Pass pass{.pause = kNothingNew};
    const bool passed = co_await env::attempt(kLog, "a step of a bulk", this->pass(pass, stopping));
    if (!passed) {
      board_.reset();  // what the store has counts, and nothing new has begun
      std::erase_if(unsaved_, [](const auto& item) { return item.second.outcome == Outcome::kRunning; });
      pass = {.pause = env::kTryAgain};
    }
    const bool waited = last && (under_way_ == 0 || given_.clock.steady() >= *last);
    if (pass.over || (waited && unsaved_.empty())) co_return;
    if (last && given_.clock.steady() >= *last) co_return;
    if (pass.again) continue;
    const env::Duration pause = last ? std::min(pass.pause, kGather) : pass.pause;
    co_await given_.timers.wait(inbox_.signal(), seen, pause);
    co_await given_.timers.sleep_for(kGather);
  }
}

Task<void> Runner::pass(Pass& pass, bool stopping) {
  for (auto& [number, verdict] : inbox_.take()) {
    asked_.erase(number);
    if (board_) board_->settle(number, verdict.outcome);
    unsaved_.insert_or_assign(number, std::move(verdict));
  }
  std::optional<Result<Record>> record;
  co_await env::run_blocking([&] { record = read_record(*given_.store.snapshot(), id_); });
  if (!*record) {
    pass.over = true;  // removed
    co_return;
  }
  if ((*record)->bulk.state == State::kFreezing) {
    if (stopping) co_return;
    Result<void> done = co_await freeze(std::move(**record));
    if (!done && done.error().code != ErrorCode::kConflict)
      kLog.error("a selection is not stored bulk={} reason={}", id_, done.error().text());
    pass.again = done.ok();
    pass.pause = env::kTryAgain;
    co_return;
  }
  co_await step(std::move(**record), stopping, pass);
}

// ---- the selection

Task<Result<void>> Runner::freeze(Record record) {
  const Bulk& bulk = record.bulk;
  std::optional<Result<std::vector<store::ObjectRef>>> objects;
  std::optional<Result<store::Batch>> registry;
  co_await env::run_blocking(env::Pool::kLong, [&] {
    const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
    const Result<std::string> ended = renew_login(*snapshot, bulk.run);
    if (!ended) throw store::ReadFailure(ended.error());  // nothing has begun: it is tried again
    if (!ended->empty()) {
      objects =
          Error(ErrorCode::kForbidden, fmt::format("the login of {} ended: {}", bulk.started_by, *ended));
      return;
    }
    objects = select_objects(given_.requests, *snapshot, bulk, *principal_);
    if (*objects) registry = registered(*snapshot, bulk, (*objects)->size());
  });
  if (!*objects) co_return co_await fail(record, objects->error(), State::kFailed);
  if (!*registry) co_return co_await fail(record, registry->error(), State::kFailed);
  Result<Bulk> next = counted(bulk, (*objects)->size(), given_.clock.wall());
  if (!next) co_return co_await fail(record, next.error(), State::kFailed);
  store::Batch entry = std::move(**registry);
  entry.guards.push_back(unchanged(record));
  Result<store::Cursor> stored = co_await commit(std::move(entry));
  for (uint64_t piece = 0; stored && piece < pieces_of((*objects)->size()); piece += kPiecesAtOnce) {
    store::Batch batch = selection_batch(bulk.run, **objects, piece);
    batch.guards.push_back(unchanged(record));
    stored = co_await commit(std::move(batch));
  }
  if (!stored) co_return stored.error();
  next->state = State::kRunning;
  next->counts = {};
  next->counts[Outcome::kPending] = (*objects)->size();
  Result<store::Change> change = change_of(record, *next);
  if (!change) co_return change.error();
  store::Batch batch;
  batch.changes.push_back(std::move(*change));
  stored = co_await commit(std::move(batch));
  if (!stored) co_return stored.error();
  kLog.info("bulk={} objects={} principal={}", id_, (*objects)->size(), bulk.started_by);
  co_return Result<void>();
}

Task<Result<void>> Runner::fail(const Record& record, const Error& error, State state) {
  Bulk next = record.bulk;
  next.state = state;
  next.reason = fmt::format("{}", fmt::join(error.messages, "; "));
  next.ended = given_.clock.wall();
  Result<store::Change> change = change_of(record, next);
  if (!change) co_return change.error();
  store::Batch batch;
  batch.changes.push_back(std::move(*change));
  Result<store::Cursor> stored = co_await commit(std::move(batch));
  if (!stored) co_return stored.error();
  co_return Result<void>();
}

/// Outcomes as the store has them. What was under way when the server ended is told by the object itself, or
/// by nobody.
Result<void> Runner::load(const Record& record) {
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  const Bulk& bulk = record.bulk;
  std::vector<OwnerRange> ranges;
  std::vector<Outcome> outcomes;
  const ObjectJudge judge(given_.requests, bulk.what, bulk.selection.type, *snapshot);
  for (uint64_t piece = 0; piece < pieces_of(bulk.selection.count); ++piece) {
    const Result<std::vector<store::ObjectRef>> keys = read_keys(*snapshot, bulk.run, piece);
    if (!keys) return keys.error();
    Result<OutcomePiece> part = read_outcomes(*snapshot, bulk.run, piece);
    if (!part) return part.error();
    if (part->outcomes.size() != keys->size())
      return Error(ErrorCode::kCorrupt, "a bulk lost a part of itself");
    add_ranges(*keys, outcomes.size(), ranges);
    for (size_t place = 0; place < keys->size(); ++place) {
      Outcome& outcome = part->outcomes[place];
      const uint64_t number = outcomes.size();
      if (outcome == Outcome::kRunning && !unsaved_.contains(number) && !asked_.contains(number)) {
        const bool done = judge.shows_effect((*keys)[place]);
        outcome = done ? Outcome::kDone : Outcome::kUnknown;
        note(number,
             {outcome, done ? "" : "the server ended while it was asked; it may have been carried out"});
      }
      outcomes.push_back(outcome);
    }
  }
  board_.emplace(std::move(ranges), std::move(outcomes));
  for (const auto& [number, verdict] : unsaved_) board_->settle(number, verdict.outcome);
  return {};
}

// ---- one step

Result<std::string> Runner::renew_login(const store::Snapshot& snapshot, const std::string& run) {
  const std::string kept = snapshot.secret(kSpace, login_place(run)).value_or("");
  const bool fresh =
      principal_ && kept == login_ && principal_->generation == given_.authenticator.generation();
  if (fresh) return std::string();
  Result<auth::Principal> principal = given_.authenticator.recall(kept);
  if (!principal) {
    principal_.reset();
    if (principal.error().code != ErrorCode::kUnauthorized) return principal.error();
    return principal.error().messages.front();
  }
  principal_ = std::move(*principal);
  login_ = kept;
  return std::string();
}

void Runner::note(uint64_t number, Verdict verdict) { unsaved_.insert_or_assign(number, std::move(verdict)); }

const std::vector<store::ObjectRef>* Runner::keys_of(const store::Snapshot& snapshot, const std::string& run,
                                                     uint64_t piece) {
  const auto known = keys_.find(piece);
  if (known != keys_.end()) return &known->second;
  Result<std::vector<store::ObjectRef>> keys = read_keys(snapshot, run, piece);
  if (!keys) return nullptr;
  if (keys_.size() >= kKeptPieces) keys_.erase(keys_.begin());  // rounds go upwards
  return &keys_.emplace(piece, std::move(*keys)).first->second;
}

Result<std::vector<Runner::Begun>> Runner::begin_round(const std::shared_ptr<const store::Snapshot>& snapshot,
                                                       const Bulk& bulk, const RoundLimits& limits) {
  const ObjectJudge judge(given_.requests, bulk.what, bulk.selection.type, *snapshot);
  std::vector<Begun> begun;
  bool readable = true;
  const auto look = [&](uint64_t number) -> std::optional<Verdict> {
    const std::vector<store::ObjectRef>* keys = keys_of(*snapshot, bulk.run, piece_of(number));
    readable = readable && keys != nullptr;
    if (!readable) return Verdict{Outcome::kPending, ""};
    ReadyRequest ready;
    std::optional<Verdict> verdict = judge.judge(*principal_, (*keys)[number % kPieceSize], ready);
    if (!verdict) begun.push_back({number, std::move(ready)});
    return verdict;
  };
  for (Board::Change& change : board_->round(limits, look)) note(change.number, std::move(change.verdict));
  if (!readable) return Error(ErrorCode::kCorrupt, "the keys of a bulk are unreadable");
  return begun;
}

/// What is next, as it is to be stored. Blocks on the disk.
Result<Runner::Draft> Runner::draft(const Record& record, bool stopping) {
  const Bulk& bulk = record.bulk;
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  Draft out;
  const Result<std::string> ended =
      bulk.state == State::kRunning ? renew_login(*snapshot, bulk.run) : std::string();
  if (!ended) throw store::ReadFailure(ended.error());
  Step step = next_step(bulk, board_->counts(), *ended, given_.clock.wall());
  bool changed = step.changed;
  if (step.puts_back) {
    for (const uint64_t number : board_->put_back()) note(number, {Outcome::kPending, ""});
    step.next.retrying = false;
    step.next.forgiven = board_->counts().failures();
    changed = true;
  }
  if (step.round && !stopping) {
    Result<std::vector<Begun>> begun = begin_round(snapshot, bulk, *step.round);
    if (!begun) return begun.error();
    out.begun = std::move(*begun);
  }
  step.next.counts = board_->counts();
  const bool differs = step.next.counts != bulk.counts;
  const bool due = given_.clock.steady() - shown_ >= kShowCounts;
  out.shows = changed || (differs && (due || !is_active(bulk.state)));
  out.state = step.next.state;
  Result<std::vector<store::SecretChange>> pieces = changed_pieces(*snapshot, bulk.run, unsaved_);
  if (!pieces) return pieces.error();
  out.batch.secrets = std::move(*pieces);
  if (!is_active(step.next.state) && out.shows)
    out.batch.secrets.push_back({std::string(kSpace), login_place(bulk.run), std::nullopt});
  if (!out.shows) {
    if (!out.batch.secrets.empty()) out.batch.guards.push_back(unchanged(record));
    return out;
  }
  Result<store::Change> change = change_of(record, step.next);
  if (!change) return change.error();
  out.batch.changes.push_back(std::move(*change));
  return out;
}

Task<void> Runner::step(Record record, bool stopping, Pass& pass) {
  // One that ended before anything was frozen has nothing to be looked after.
  const bool active = is_active(record.bulk.state);
  if (!active && under_way_ == 0 && unsaved_.empty()) {
    pass.over = true;
    co_return;
  }
  std::optional<Result<Draft>> draft;
  co_await env::run_blocking(env::Pool::kProcessor, [&] {
    if (!board_) {
      if (Result<void> loaded = load(record); !loaded) {
        draft = loaded.error();
        return;
      }
    }
    draft = this->draft(record, stopping);
  });
  if (!*draft) {
    // It would fail again: nothing is decided about what cannot be read.
    kLog.error("bulk={} cannot go on reason={}", id_, draft->error().text());
    if (active) (void)co_await fail(record, draft->error(), State::kFailed);
    pass.over = true;
    co_return;
  }
  Draft& wanted = **draft;
  if (wanted.batch.secrets.empty() && wanted.batch.changes.empty()) {
    const bool counts_wait = board_->counts() != record.bulk.counts;
    pass.pause = counts_wait ? kShowCounts : kNothingNew;
    co_return;
  }
  const bool shows = wanted.shows;
  const State state = wanted.state;
  std::vector<Begun> begun = std::move(wanted.begun);
  Result<store::Cursor> stored = co_await commit(std::move(wanted.batch));
  if (!stored) {
    give_back(begun);
    const bool met = stored.error().code == ErrorCode::kConflict;  // somebody steered it meanwhile
    if (!met) kLog.error("outcomes are not stored bulk={} reason={}", id_, stored.error().text());
    pass.again = met;
    pass.pause = env::kTryAgain;
    co_return;
  }
  unsaved_.clear();
  if (shows) shown_ = given_.clock.steady();
  if (state != record.bulk.state) kLog.info("bulk={} state={}", id_, state_name(state));
  // What was only looked at makes room at once.
  pass.again = is_active(state) && begun.empty() && under_way_ == 0;
  pass.pause = kShowCounts;
  begin(std::move(begun));
}

void Runner::give_back(const std::vector<Begun>& begun) {
  for (const Begun& item : begun) {
    board_->give_back(item.number);
    unsaved_.erase(item.number);
  }
}

void Runner::begin(std::vector<Begun> begun) {
  under_way_ += begun.size();
  for (Begun& item : begun) {
    asked_.insert(item.number);
    requests_.spawn("bulk request",
                    [self = shared_from_this(), number = item.number, principal = *principal_,
                     request = std::move(item.request)]() -> Task<void> {
                      const Answer answer = co_await self->given_.requests.perform(
                          principal, request.method, request.target, request.body);
                      --self->under_way_;
                      self->inbox_.put(number, verdict_of(answer));
                    });
  }
}

Task<Result<store::Cursor>> Runner::commit(store::Batch batch) {
  batch.principal = "system";
  batch.update_action = "update";
  given_.store.stamp(batch);
  Result<store::Cursor> stored = co_await store::commit_async(given_.store, std::move(batch));
  co_return stored;
}

}  // namespace mullion::bulk::internal
