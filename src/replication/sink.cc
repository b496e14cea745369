#include "replication/sink.h"

#include <algorithm>
#include <map>

#include "base/letters.h"
#include "base/mutex.h"
#include "client/routes.h"
#include "replication/commit_pipe.h"
#include "replication/internal/copy.h"
#include "replication/internal/currency.h"
#include "replication/internal/digests.h"
#include "replication/internal/log.h"
#include "replication/position.h"
#include "store/failed_reads.h"

namespace mullion::replication {
namespace {

constexpr auto kPulse = std::chrono::seconds(1);
constexpr int kPulsesPerPing = 2;
constexpr auto kSourceSilence = std::chrono::seconds(15);
/// Commits of one owner that arrive together become one commit here, up to this many bytes.
constexpr size_t kMergeBytes = 1 << 20;
/// With more differing ranges than this, and more than half of all, a full copy is cheaper.
constexpr size_t kFewRanges = 8;

constexpr size_t kMaxOwnerName = 255;
/// Bytes of one commit: above what a copy that appears in one step may have.
constexpr size_t kMaxCommit = 2 * Copy::kMaxGathered;

using OwnerType = std::pair<std::string, std::string>;

/// The owner is known when the commit's record comes.
store::Change to_change(const Change& change) {
  store::Change out;
  out.id = {change.type, "", change.key};
  if (change.body) out.body = std::string(*change.body);
  return out;
}

Error protocol_error(std::string what) {
  return Error(ErrorCode::kCorrupt, fmt::format("replication stream: {}", what));
}

/// Whether the same collections are held up; since when and why does not matter.
bool same_collections(const HeldUpOwners& one, const HeldUpOwners& other) {
  const auto same_names = [](const auto& a, const auto& b) { return a.first == b.first; };
  return std::ranges::equal(one, other, [&](const auto& a, const auto& b) {
    return a.first == b.first && std::ranges::equal(a.second, b.second, same_names);
  });
}

/// What a source may say of owners: itself without a way, all others through itself.
bool is_sound(const Announcement& announced, const std::string& source) {
  const auto is_control = [](unsigned char c) { return c < 0x20; };
  if (announced.owner.empty() || announced.owner.size() > kMaxOwnerName) return false;
  if (std::ranges::any_of(announced.owner, is_control)) return false;
  if (!announced.certificate.empty() && !is_sha256(announced.certificate)) return false;
  return announced.owner == source ? announced.via.empty()
                                   : !announced.via.empty() && announced.via.back() == source;
}

/// Whether what is held up at `announced` would not be heard of through a source that knows nothing of that:
/// a manager behind that source may tell it. What such a source follows by itself has a stream, and nothing
/// is held up there.
bool may_hide_what_is_held_up(const Announcement& announced) { return announced.via.size() > 1; }

}  // namespace

HeldUpCollections older_of(HeldUpCollections one, const HeldUpCollections& other) {
  for (const auto& [collection, held_up] : other) {
    const auto [known, added] = one.try_emplace(collection, held_up);
    if (!added && known->second.as_of && (!held_up.as_of || *held_up.as_of < *known->second.as_of))
      known->second.as_of = held_up.as_of;
  }
  return one;
}

struct Sink::State : std::enable_shared_from_this<Sink::State> {
  State(SinkOptions given, SavedPosition saved)
      : options(std::move(given)),
        pipe(options.store, options.timers),
        position(std::move(saved)),
        currency(options.endpoint, options.clock.steady(), position.as_of, position.held_up) {
    touch();
  }

  // ---- what other threads ask and say

  void touch() { heard_at = options.clock.steady().time_since_epoch().count(); }
  env::SteadyTime heard() const { return env::SteadyTime(env::Duration(heard_at.load())); }

  bool follows(std::string_view owner) const {
    Lock lock(mutex);
    return position.follows.contains(owner);
  }

  // ---- the conversation

  env::Task<Error> run(std::shared_ptr<net::WebSocket> given) {
    socket = std::move(given);
    touch();
    options.tasks.spawn("sink pulse", [self = shared_from_this()]() -> env::Task<void> {
      const Result<void> done = co_await store::failed_reads_returned(self->pulse());
      // A stream without a pulse says nothing more of ages: the next one begins where this one was stored.
      if (!done) self->socket->abort();
    });
    struct Guard {
      State& state;
      ~Guard() {
        state.over = true;
        state.wake.notify_all();
        state.socket->abort();
      }
    } guard{*this};
    pipe.on_failure([weak = weak_from_this()] {
      if (const std::shared_ptr<State> self = weak.lock()) self->socket->abort();
    });
    pipe.on_stored([weak = weak_from_this()] {
      if (const std::shared_ptr<State> self = weak.lock()) self->settle();
    });
    Hello hello{kProtocol,
                options.own_id,
                options.version,
                options.store.newest().epoch,
                options.store.newest().seq,
                {std::string(kChangesInCopies)}};
    Result<void> fine = co_await send(hello);
    while (fine) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) {
        fine = silent ? Error(ErrorCode::kTimeout, "no word for 15 seconds") : message.error();
        break;
      }
      touch();
      options.counters.bytes += message->data.size();
      // What cannot be read ends the stream; the next one begins where this one was stored.
      fine = co_await store::failed_reads_returned(take_frame(message->data));
    }
    Error reason = fine.error();
    const Result<void> drained = co_await pipe.drain();
    if (!drained) reason = drained.error();
    co_return reason;
  }

  env::Task<Result<void>> take_frame(std::string_view data) {
    Result<FrameReader> frame = FrameReader::open(data);
    if (!frame) co_return frame.error();
    while (true) {
      Result<std::optional<Record>> record = frame->next();
      if (!record) co_return record.error();
      if (!*record) break;
      if (Result<void> done = co_await handle(**record); !done) co_return done;
    }
    if (Result<void> done = co_await flush_commits(); !done) co_return done;
    if (Result<void> done = co_await ask_about_differences(); !done) co_return done;
    report_currency();
    co_return Result<void>{};
  }

  env::Task<Result<void>> handle(const Record& record) {
    if (!greeted && !std::holds_alternative<Hello>(record))
      co_return protocol_error("it begins without hello");
    if (const auto* change = std::get_if<Change>(&record)) {
      pending.push_back(to_change(*change));
      pending_bytes += kChangeOverhead + (change->body ? change->body->size() : 0);
      if (pending_bytes > kMaxCommit) co_return protocol_error("a commit is too large");
      co_return Result<void>{};
    }
    if (const auto* commit = std::get_if<Commit>(&record)) co_return co_await take_commit(*commit);
    if (const auto* object = std::get_if<Object>(&record)) co_return co_await take_object(*object);
    if (Result<void> done = co_await flush_commits(); !done) co_return done;
    if (const auto* hello = std::get_if<Hello>(&record)) co_return take_hello(*hello);
    if (const auto* owners = std::get_if<Owners>(&record)) co_return take_owners(*owners);
    if (const auto* at = std::get_if<At>(&record)) co_return take_at(*at);
    if (const auto* state = std::get_if<replication::State>(&record)) {
      Result<model::EndpointState> told = model::read_message<model::EndpointState>(state->json);
      if (told) options.on_state(std::move(*told));
    }
    if (const auto* ping = std::get_if<Ping>(&record)) take_ping(*ping);
    if (const auto* resume = std::get_if<Resume>(&record)) co_return co_await take_resume(*resume);
    if (const auto* begin = std::get_if<SnapshotBegin>(&record)) co_return co_await begin_snapshot(*begin);
    if (const auto* end = std::get_if<SnapshotEnd>(&record)) co_return co_await end_snapshot(*end);
    if (const auto* ranges = std::get_if<Ranges>(&record)) co_return co_await take_ranges(*ranges);
    if (const auto* begin = std::get_if<RangeBegin>(&record)) co_return co_await begin_range(*begin);
    if (const auto* end = std::get_if<RangeEnd>(&record)) co_return co_await end_range(*end);
    co_return Result<void>{};
  }

  Result<void> take_hello(const Hello& hello) {
    if (hello.protocol < kProtocol)
      return protocol_error(fmt::format("protocol {} is not spoken here", hello.protocol));
    if (hello.id != options.endpoint) {
      return Error(ErrorCode::kConflict,
                   fmt::format("the endpoint calls itself {}, not {}", hello.id, options.endpoint));
    }
    greeted = true;
    tells_held_up = std::ranges::find(hello.features, kHeldUpCollections) != hello.features.end();
    newest = hello.newest;
    Lock lock(mutex);
    currency.take_hello(hello.newest);
    if (position.cursor.epoch == hello.epoch) return {};
    position.cursor = {hello.epoch, 0};
    position.follows.clear();
    return {};
  }

  Result<void> take_owners(const Owners& owners) {
    std::vector<Announcement> announced = owners.owners;
    for (Announcement& one : announced) {
      if (!is_sound(one, options.endpoint))
        return protocol_error(fmt::format("owner {:.64} is announced on a wrong way", one.owner));
      if (!tells_held_up && may_hide_what_is_held_up(one) && one.untold_by.empty())
        one.untold_by = options.endpoint;
    }
    {
      Lock lock(mutex);
      position.announced = announced;
      currency.take_owners(announced);
      owners_to_save = true;
    }
    options.on_owners(std::move(announced));
    return {};
  }

  void take_ping(const Ping& ping) {
    newest = std::max(newest, ping.newest);
    Lock lock(mutex);
    currency.take_ping(ping, heard());
  }

  Result<void> take_at(const At& at) {
    began = true;
    Lock lock(mutex);
    currency.begin_anew();
    if (at.restart) position.follows.clear();
    if (at.restart) owners_to_save = true;
    position.cursor.seq = at.seq;
    return {};
  }

  // ---- commits

  env::Task<Result<void>> take_commit(const Commit& commit) {
    std::vector<store::Change> changes = std::exchange(pending, {});
    pending_bytes = 0;
    for (store::Change& change : changes) change.id.owner = commit.owner;
    newest = std::max(newest, commit.seq);
    if (copy && !skipping && copy->owner() == commit.owner && !follows(commit.owner))
      co_return co_await take_commit_of_copy(commit, std::move(changes));
    const bool wanted_here = follows(commit.owner);
    if (wanted_here && !may_join(commit)) {
      if (Result<void> done = co_await flush_commits(); !done) co_return done;
    }
    {
      Lock lock(mutex);
      position.cursor.seq = commit.seq;
    }
    if (!wanted_here) co_return Result<void>{};
    join(commit, std::move(changes));
    if (building_bytes >= kMergeBytes) co_return co_await flush_commits();
    co_return Result<void>{};
  }

  /// A change of what the copy brought already.
  env::Task<Result<void>> take_commit_of_copy(const Commit& commit, std::vector<store::Change> changes) {
    {
      Lock lock(mutex);
      position.cursor.seq = commit.seq;
    }
    ++options.counters.commits;
    snapshot_origin = commit.origin;
    Result<std::optional<store::Batch>> ready = copy->change(std::move(changes));
    if (!ready) co_return ready.error();
    if (*ready) co_return co_await submit_part(std::move(**ready));
    co_return Result<void>{};
  }

  bool may_join(const Commit& commit) const {
    return !building ||
           (building->origin->owner == commit.owner && building->origin->cursor.epoch == commit.origin.epoch);
  }

  void join(const Commit& commit, std::vector<store::Change> changes) {
    if (!building) building.emplace();
    building->origin = store::Origin{commit.owner, commit.origin};
    for (store::Change& change : changes) {
      building_bytes += kChangeOverhead + (change.body ? change.body->size() : 0);
      building->changes.push_back(std::move(change));
    }
    for (const store::TypeDigest& digest : commit.digests) {
      const auto same = std::ranges::find(building->expected, digest.type, &store::TypeDigest::type);
      if (same == building->expected.end())
        building->expected.push_back(digest);
      else
        *same = digest;
    }
    ++options.counters.commits;
  }

  env::Task<Result<void>> flush_commits() {
    if (!building) co_return Result<void>{};
    store::Batch batch = std::move(*building);
    building.reset();
    building_bytes = 0;
    co_return co_await submit(std::move(batch));
  }

  /// Every batch remembers where the stream stands.
  env::Task<Result<void>> submit(store::Batch batch) {
    batch.principal = "replication";
    for (const std::string& owner : std::exchange(taken_over, {}))
      batch.secrets.push_back(keeper_change(owner, options.endpoint));
    {
      Lock lock(mutex);
      if (owners_to_save) common = common_as_of(position);
      append_position(options.endpoint, position, common, owners_to_save, options.clock, batch.secrets);
      owners_to_save = false;
    }
    co_return co_await pipe.submit(std::move(batch));
  }

  // ---- copies

  /// What a source sends of an owner: asked for, no longer wanted but still on its way, or none of its
  /// business.
  enum class Claim { kWanted, kLate, kForeign };
  Claim claim(const std::string& owner) const {
    Lock lock(mutex);
    if (!ever_wanted.contains(owner)) return Claim::kForeign;
    return std::ranges::find(*wanted, owner) == wanted->end() ? Claim::kLate : Claim::kWanted;
  }
  Error foreign(const std::string& owner) const {
    return protocol_error(fmt::format("it speaks for {:.64}, which nobody asked it for", owner));
  }

  void take_over(const std::string& owner) {
    taken_over.insert(owner);
    if (options.on_takeover) options.on_takeover(owner);
  }

  env::Task<Result<void>> take_resume(const Resume& resume) {
    const Claim asked = claim(resume.owner);
    if (asked == Claim::kForeign) co_return foreign(resume.owner);
    if (asked == Claim::kLate) co_return Result<void>{};
    if (Result<void> done = co_await pipe.drain(); !done) co_return done;
    {
      Lock lock(mutex);
      position.follows.insert(resume.owner);
      currency.begin_anew();
      owners_to_save = true;
    }
    take_over(resume.owner);
    const std::vector<store::TypeDigest> own =
        owner_digests(*options.store.snapshot(), resume.owner, resume.owner);
    co_return co_await ask_about(differing_types(own, resume.digests));
  }

  env::Task<Result<void>> begin_snapshot(const SnapshotBegin& begin) {
    const Claim asked = claim(begin.owner);
    if (asked == Claim::kForeign) co_return foreign(begin.owner);
    skipping = asked == Claim::kLate;
    if (skipping) co_return Result<void>{};
    if (Result<void> done = co_await pipe.drain(); !done) co_return done;
    {
      Lock lock(mutex);
      position.follows.erase(begin.owner);
      owners_to_save = true;
    }
    std::erase_if(repairing, [&](const auto& item) { return item.first.first == begin.owner; });
    ++options.counters.snapshots;
    take_over(begin.owner);
    snapshot_origin = begin.origin;
    copy.emplace(options.store, begin.owner, begin.origin.epoch);
    kLog.info("full copy begins endpoint={} owner={}", options.endpoint, begin.owner);
    co_return Result<void>{};
  }

  env::Task<Result<void>> take_object(const Object& object) {
    if (skipping) co_return Result<void>{};
    if (!copy) co_return protocol_error("an object outside of a copy");
    Result<std::optional<store::Batch>> ready = copy->add(object.type, object.key, object.body);
    if (!ready) co_return ready.error();
    if (!*ready) co_return Result<void>{};
    co_return co_await submit_part(std::move(**ready));
  }

  /// Part of a copy: for parent managers it is a change of this owner that does not move its cursor. It says
  /// where the stream stands, so what came before it must be on its way.
  env::Task<Result<void>> submit_part(store::Batch part) {
    if (Result<void> done = co_await flush_commits(); !done) co_return done;
    part.origin = origin_of(copy->owner());
    co_return co_await submit(std::move(part));
  }

  env::Task<Result<void>> end_snapshot(const SnapshotEnd& end) {
    if (std::exchange(skipping, false)) co_return Result<void>{};
    if (!copy || copy->owner() != end.owner) co_return protocol_error("the end of a copy that did not begin");
    Result<store::Batch> last = copy->finish();
    if (!last) co_return last.error();
    last->origin = store::Origin{end.owner, snapshot_origin};
    last->expected = end.digests;
    copy.reset();
    newest = std::max(newest, end.seq);
    {
      Lock lock(mutex);
      position.cursor.seq = end.seq;
      position.follows.insert(end.owner);
      currency.begin_anew();
      owners_to_save = true;
    }
    kLog.info("full copy ends endpoint={} owner={}", options.endpoint, end.owner);
    co_return co_await submit(std::move(*last));
  }

  // ---- repair

  void collect_differences() {
    Lock lock(mutex);
    differences.merge(pipe.take_differences());
    for (const OwnerType& item : differences) doubtful.insert(item.first);
  }

  env::Task<Result<void>> ask_about_differences() {
    collect_differences();
    co_return co_await ask_about(std::exchange(differences, {}));
  }

  env::Task<Result<void>> ask_about(std::set<OwnerType> items) {
    for (const OwnerType& item : items) {
      if (repairing.contains(item) || !follows(item.first)) continue;
      ++options.counters.mismatches;
      kLog.warn("digest mismatch endpoint={} owner={} type={}; comparing", options.endpoint, item.first,
                item.second);
      repairing.emplace(item, 0);
      Record question = Compare{item.first, item.second};
      if (Result<void> sent = co_await send(std::move(question)); !sent) co_return sent;
    }
    co_return Result<void>{};
  }

  env::Task<Result<void>> take_ranges(const Ranges& ranges) {
    const OwnerType item{ranges.owner, ranges.type};
    const auto repair = repairing.find(item);
    if (repair == repairing.end()) co_return Result<void>{};
    if (Result<void> done = co_await pipe.drain(); !done) co_return done;
    const std::vector<const KeyRange*> differing = differing_ranges(ranges);
    if (differing.size() > kFewRanges && differing.size() * 2 > ranges.ranges.size()) {
      ask_for_copy(ranges.owner);
      co_return Result<void>{};
    }
    repair->second = differing.size();
    if (differing.empty()) repairing.erase(repair);
    for (const KeyRange* range : differing) {
      Record request = Fetch{ranges.owner, ranges.type, range->from, range->to};
      Result<void> sent = co_await send(std::move(request));
      if (!sent) co_return sent;
    }
    co_return Result<void>{};
  }

  std::vector<const KeyRange*> differing_ranges(const Ranges& ranges) const {
    const std::shared_ptr<const store::Snapshot> view = options.store.snapshot();
    std::vector<const KeyRange*> out;
    for (const KeyRange& range : ranges.ranges) {
      if (range_digest(*view, ranges.type, ranges.owner, range) != range.digest) out.push_back(&range);
    }
    return out;
  }

  env::Task<Result<void>> begin_range(const RangeBegin& begin) {
    if (claim(begin.owner) == Claim::kForeign) co_return foreign(begin.owner);
    const auto repair = repairing.find({begin.owner, begin.type});
    skipping = repair == repairing.end() || repair->second == 0;
    if (skipping) co_return Result<void>{};
    if (Result<void> done = co_await pipe.drain(); !done) co_return done;
    copy.emplace(options.store, begin.owner, KeySpan{begin.type, begin.from, begin.to});
    co_return Result<void>{};
  }

  env::Task<Result<void>> end_range(const RangeEnd& end) {
    if (std::exchange(skipping, false)) co_return Result<void>{};
    if (!copy || copy->owner() != end.owner)
      co_return protocol_error("the end of a range that did not begin");
    Result<store::Batch> batch = copy->finish();
    if (!batch) co_return batch.error();
    copy.reset();
    const OwnerType item{end.owner, end.type};
    const auto repair = repairing.find(item);
    const bool last = repair != repairing.end() && --repair->second == 0;
    if (last) batch->expected = end.digests;
    batch->origin = origin_of(end.owner);
    if (Result<void> done = co_await submit(std::move(*batch)); !done) co_return done;
    if (!last) co_return Result<void>{};
    if (Result<void> done = co_await pipe.drain(); !done) co_return done;
    const bool healed = !pipe_differs(item);
    repairing.erase(item);
    if (!healed) ask_for_copy(end.owner);
    kLog.warn("replica repaired endpoint={} owner={} type={} equal={}", options.endpoint, end.owner, end.type,
              healed);
    co_return Result<void>{};
  }

  std::optional<store::Origin> origin_of(const std::string& owner) const {
    const std::optional<store::Cursor> cursor = options.store.snapshot()->origin_cursor(owner);
    if (!cursor) return std::nullopt;
    return store::Origin{owner, *cursor};
  }

  /// Differences seen while a repair was under way say nothing, but those of its last batch do.
  bool pipe_differs(const OwnerType& item) {
    collect_differences();
    return differences.erase(item) != 0;
  }

  void ask_for_copy(const std::string& owner) {
    std::erase_if(repairing, [&](const auto& item) { return item.first.first == owner; });
    {
      Lock lock(mutex);
      position.follows.erase(owner);
      owners_to_save = true;
      copies_wanted.insert(owner);
      wanted_changed = true;
    }
    wake.notify_all();
  }

  // ---- beside the reading

  /// The only one who sends subscriptions, so that they arrive in the order in which they were decided.
  env::Task<Result<void>> pulse() {
    for (int count = 0; !over; ++count) {
      const uint64_t seen = wake.version();
      Result<void> sent = co_await send_subscription();
      if (sent && count % kPulsesPerPing == 0) {
        sent = co_await send(make_ping());
      }
      if (sent) sent = co_await send_ack();
      if (!sent) co_return sent;
      if (options.clock.steady() - heard() > kSourceSilence) {
        silent = true;
        socket->abort();
        co_return Result<void>{};
      }
      co_await options.timers.wait(wake, seen, kPulse);
    }
    co_return Result<void>{};
  }

  Record make_ping() {
    Ping ping;
    ping.newest = options.store.newest().seq;
    ping.clock = options.clock.wall().time_since_epoch().count();
    Lock lock(mutex);
    ping.stamp = currency.stamp(options.clock.steady());
    return ping;
  }

  env::Task<Result<void>> send_ack() {
    uint64_t seq = 0;
    {
      Lock lock(mutex);
      seq = position.cursor.seq;
    }
    if (seq == acknowledged) co_return Result<void>{};
    acknowledged = seq;
    Record ack = Ack{seq};
    co_return co_await send(std::move(ack));
  }

  env::Task<Result<void>> send_subscription() {
    Subscribe all;
    std::optional<Subscribe> without_copies;
    {
      const std::shared_ptr<const store::Snapshot> view = options.store.snapshot();
      Lock lock(mutex);
      if (!wanted_changed) co_return Result<void>{};
      wanted_changed = false;
      if (!std::exchange(subscribed, true)) forget_what_others_wrote(*view);
      for (const std::string& owner : *wanted) {
        Subscription& one = all.owners.emplace_back();
        one.owner = owner;
        one.follows = position.follows.contains(owner);
        if (!copies_wanted.contains(owner)) one.replica = view->origin_cursor(owner);
      }
      if (!copies_wanted.empty()) {
        without_copies.emplace();
        for (const Subscription& one : all.owners) {
          if (!copies_wanted.contains(one.owner)) without_copies->owners.push_back(one);
        }
        copies_wanted.clear();
      }
    }
    if (without_copies) {
      if (Result<void> sent = co_await send(*without_copies); !sent) co_return sent;
    }
    co_return co_await send(all);
  }

  /// While this endpoint was away another way may have been taken to its owners. Before
  /// anything of this stream is under way.
  void forget_what_others_wrote(const store::Snapshot& view) REQUIRES(mutex) {
    std::erase_if(position.follows,
                  [&](const std::string& owner) { return !is_keeper(view, owner, options.endpoint); });
  }

  /// What the source's words prove of the replicas here. On any thread.
  void settle() {
    const bool others_are_held_up = settle_ages();
    if (others_are_held_up && options.on_held_up) options.on_held_up();
  }

  /// Whether other collections are held up than before.
  bool settle_ages() {
    Lock lock(mutex);
    const uint64_t stored = pipe.stored();
    if (!currency.proves(stored)) return false;
    const size_t known = position.as_of.size();
    const HeldUpOwners held_up = position.held_up;
    if (!is_settling()) {
      shown = position.as_of;
      shown_held_up = held_up;
    }
    currency.stored(stored, position.follows, [this](const std::string& owner) REQUIRES(mutex) {
      return !doubtful.contains(owner) && !pipe.differs(owner);
    });
    settled = options.clock.steady();
    common = common_as_of(position);
    const bool changed = !same_collections(position.held_up, held_up);
    if (position.as_of.size() != known || changed) owners_to_save = true;
    return changed;
  }

  bool is_settling() const REQUIRES(mutex) {
    return settled && options.clock.steady() - *settled < options.answer_time;
  }

  std::optional<env::SteadyTime> as_of(std::string_view owner) const REQUIRES(mutex) {
    const auto now = position.as_of.find(owner);
    if (now == position.as_of.end()) return std::nullopt;
    if (!is_settling()) return now->second;
    const auto before = shown.find(owner);  // absent: its first copy has just ended
    return before == shown.end() ? now->second : std::min(before->second, now->second);
  }

  HeldUpCollections held_up(std::string_view owner) const REQUIRES(mutex) {
    // Nothing was proven of it: it is becoming what the source has.
    if (!position.as_of.contains(owner)) return currency.told_held_up(owner);
    const auto now = position.held_up.find(owner);
    HeldUpCollections out = now == position.held_up.end() ? HeldUpCollections() : now->second;
    const auto before = shown_held_up.find(owner);
    if (!is_settling() || before == shown_held_up.end()) return out;
    return older_of(std::move(out), before->second);
  }

  void report_currency() {
    bool current = began && !pipe.failed();
    {
      Lock lock(mutex);
      options.counters.lag = newest > position.cursor.seq ? newest - position.cursor.seq : 0;
      if (options.counters.lag != 0) current = false;
      for (const std::string& owner : wanted.value_or(std::vector<std::string>{}))
        current = current && position.follows.contains(owner);
      doubtful.clear();
      for (const auto& [item, ranges] : repairing) doubtful.insert(item.first);
      if (began && !pipe.failed()) currency.received(position.cursor.seq, pipe.submitted());
    }
    settle();
    options.on_current(current);
  }

  env::Task<Result<void>> send(Record record) {
    FrameWriter frame;
    frame.add(record);
    co_return co_await socket->write(frame.take(), true);
  }

  SinkOptions options;
  CommitPipe pipe;
  std::shared_ptr<net::WebSocket> socket;
  env::Signal wake;
  std::atomic<bool> over{false};
  std::atomic<bool> silent{false};
  std::atomic<int64_t> heard_at{0};
  uint64_t acknowledged = 0;  // the pulse's

  // The reader's.
  uint64_t newest = 0;  // of the source, as last heard
  bool greeted = false;
  bool tells_held_up = false;  // kHeldUpCollections
  bool began = false;
  std::vector<store::Change> pending;  // of the commit that is arriving
  size_t pending_bytes = 0;
  std::optional<store::Batch> building;
  size_t building_bytes = 0;
  std::optional<Copy> copy;
  bool skipping = false;  // what arrives now is no longer wanted
  store::Cursor snapshot_origin;
  std::map<OwnerType, size_t> repairing;  // ranges still to come
  std::set<OwnerType> differences;        // noticed, not yet asked about
  std::set<std::string> taken_over;       // owners whose replica this stream writes from the next batch on

  mutable Mutex mutex;
  SavedPosition position GUARDED_BY(mutex);
  Currency currency GUARDED_BY(mutex);                            // writes position.as_of
  AsOf shown GUARDED_BY(mutex);                                   // before what was proven lately
  HeldUpOwners shown_held_up GUARDED_BY(mutex);                   // the same
  std::optional<env::SteadyTime> settled GUARDED_BY(mutex);       // when that was
  std::optional<env::SteadyTime> common GUARDED_BY(mutex);        // what common_as_of() last answered
  std::set<std::string, std::less<>> doubtful GUARDED_BY(mutex);  // owners whose replicas are being repaired
  bool owners_to_save GUARDED_BY(mutex) = false;
  std::optional<std::vector<std::string>> wanted GUARDED_BY(mutex);  // absent: not said yet
  bool wanted_changed GUARDED_BY(mutex) = false;
  bool subscribed GUARDED_BY(mutex) = false;  // the first subscription was sent
  std::set<std::string, std::less<>> ever_wanted GUARDED_BY(mutex);
  std::set<std::string, std::less<>> copies_wanted GUARDED_BY(mutex);
};

Sink::Sink(SinkOptions options, SavedPosition position)
    : state_(std::make_shared<State>(std::move(options), std::move(position))) {}

Sink::~Sink() = default;

std::string Sink::target() const {
  Lock lock(state_->mutex);
  const store::Cursor& cursor = state_->position.cursor;
  const client::Request stream = client::get_replication_stream();
  if (cursor.epoch == 0) return stream.target();
  return stream.with("epoch", fmt::format("{:016x}", cursor.epoch))
      .with("seq", std::to_string(cursor.seq))
      .target();
}

env::Task<Error> Sink::run(std::shared_ptr<net::WebSocket> socket) { return state_->run(std::move(socket)); }

void Sink::subscribe(std::vector<std::string> owners) {
  {
    Lock lock(state_->mutex);
    if (state_->wanted == owners) return;
    std::erase_if(state_->position.follows,
                  [&](const std::string& owner) { return std::ranges::find(owners, owner) == owners.end(); });
    state_->ever_wanted.insert(owners.begin(), owners.end());
    state_->wanted = std::move(owners);
    state_->wanted_changed = true;
    state_->owners_to_save = true;
  }
  state_->wake.notify_all();
}

std::optional<env::SteadyTime> Sink::as_of(std::string_view owner) const {
  Lock lock(state_->mutex);
  return state_->as_of(owner);
}

std::optional<env::SteadyTime> Sink::told(std::string_view owner) const {
  Lock lock(state_->mutex);
  return state_->currency.told(owner);
}

HeldUpCollections Sink::held_up(std::string_view owner) const {
  Lock lock(state_->mutex);
  return state_->held_up(owner);
}

void Sink::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                     HeldUpCollections held_up) {
  Lock lock(state_->mutex);
  state_->shown_held_up.erase(owner);
  state_->position.held_up.erase(owner);
  if (!held_up.empty()) state_->position.held_up.emplace(owner, std::move(held_up));
  if (!as_of && !state_->position.as_of.contains(owner)) return;
  for (AsOf* known : {&state_->position.as_of, &state_->shown}) {
    known->erase(owner);
    if (as_of) known->emplace(owner, *as_of);
  }
  state_->owners_to_save = true;
}

bool Sink::follows(std::string_view owner) const { return state_->follows(owner); }

SavedPosition Sink::position() const {
  Lock lock(state_->mutex);
  return state_->position;
}

}  // namespace mullion::replication
