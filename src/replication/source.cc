#include "replication/source.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/mutex.h"
#include "replication/internal/digests.h"
#include "replication/internal/log.h"
#include "replication/internal/pace.h"
#include "store/failed_reads.h"

namespace mullion::replication {
namespace {

constexpr auto kPingInterval = std::chrono::seconds(2);
/// However often a sink asks.
constexpr auto kPingPause = std::chrono::milliseconds(100);
/// Ages up to this are told as one number for all owners.
constexpr double kFreshSeconds = 3;
/// Of what cannot be followed here any more.
constexpr double kOldestSeconds = 3e9;
/// A state is sent whole: thousands of uploads must not send it thousands of times.
constexpr auto kStateInterval = std::chrono::seconds(1);
constexpr auto kSinkSilence = std::chrono::seconds(30);
constexpr auto kSubscribeLimit = std::chrono::seconds(10);
constexpr size_t kRangeObjects = 256;
/// What a fetched range may take while it waits to be sent, compressed. A larger one becomes a copy.
constexpr uint64_t kMaxRange = 8 << 20;
constexpr size_t kMaxRequests = 10000;
/// A sink that falls behind the log so often without ever being level with it is too slow.
constexpr int kMostRestarts = 8;
constexpr uint16_t kProtocolError = 1002;
constexpr size_t kMaxCloseReason = 120;  // RFC 6455: control frames carry at most 125 bytes

using std::chrono::duration_cast;

store::Interest what_state_comes_from() {
  store::Interest out;
  out.rules = {{"preferences"}, {"plugins"}};
  out.rules.push_back({.type = "profiles", .key = "global"});
  out.rules.push_back({.owners = store::Interest::Owners::kLayered});  // content packs
  return out;
}

/// A copy that is being sent, piece by piece, each from a view of its own. What lies before (type, next) was
/// sent and is kept up to date by the commits that follow; the rest comes with later pieces.
struct CopyUnderWay {
  Subscription wanted;
  store::Cursor origin;  // of the owner's log, when the copy began
  std::string type, next;

  bool sent(std::string_view of_type, std::string_view key) const {
    return of_type != type ? of_type < type : key < next;
  }
};

}  // namespace

/// One conversation. The writer runs in serve(); a reader takes what the sink asks for, a watcher cuts a sink
/// that is gone without a word.
class SourceStream : public std::enable_shared_from_this<SourceStream> {
 public:
  SourceStream(Source& source, std::shared_ptr<net::WebSocket> socket, store::Cursor resume)
      : source_(source),
        options_(source.options_),
        socket_(std::move(socket)),
        resume_(resume),
        epoch_(options_.store.newest().epoch) {}

  env::Task<void> run() {
    heard_ = steady_nanoseconds();
    source_.tasks_.spawn("reader", [self = shared_from_this()] { return self->read_requests(); });
    source_.tasks_.spawn("watcher", [self = shared_from_this()] { return self->watch(); });
    const Result<void> done = co_await store::failed_reads_returned(converse());
    if (done.error().code != ErrorCode::kCorrupt) {
      kLog.info("stream ended sink={} reason={}", sink_id_, done.error().text());
      co_return;
    }
    kLog.warn("stream ended sink={} reason={}", sink_id_, done.error().text());
    co_await socket_->close(kProtocolError, done.error().text().substr(0, kMaxCloseReason));
  }
  /// Ends reader and watcher, however run() ended.
  void cut() {
    end(Error(ErrorCode::kCancelled, "over"));
    socket_->abort();
  }

 private:
  int64_t steady_nanoseconds() const { return options_.clock.steady().time_since_epoch().count(); }

  // ---- reader and watcher

  env::Task<void> read_requests() {
    while (true) {
      Result<net::WebSocket::Message> message = co_await socket_->read();
      if (!message) {
        end(message.error());
        co_return;
      }
      heard_ = steady_nanoseconds();
      const Result<void> taken = take_frame(message->data);
      if (taken) continue;
      end(taken.error());
      co_return;
    }
  }

  Result<void> take_frame(std::string_view data) {
    Result<FrameReader> frame = FrameReader::open(data);
    if (!frame) return frame.error();
    while (true) {
      Result<std::optional<Record>> record = frame->next();
      if (!record) return record.error();
      if (!*record) return {};
      if (const auto* ping = std::get_if<Ping>(&**record)) take_stamp(*ping);
      Lock lock(mutex_);
      if (requests_.size() >= kMaxRequests) return Error(ErrorCode::kCorrupt, "too many requests wait");
      // Only what needs an answer is queued; the rest was heard.
      const bool asks = std::holds_alternative<Subscribe>(**record) ||
                        std::holds_alternative<Compare>(**record) ||
                        std::holds_alternative<Fetch>(**record) || std::holds_alternative<Hello>(**record);
      if (!asks) continue;
      requests_.push_back(std::move(**record));
      source_.changed_->notify_all();
    }
  }

  void take_stamp(const Ping& ping) {
    if (stamp_.exchange(ping.stamp) != ping.stamp) source_.changed_->notify_all();
  }

  void end(const Error& reason) {
    {
      Lock lock(mutex_);
      if (!ended_) ended_ = reason;
    }
    source_.changed_->notify_all();
  }

  bool over() {
    Lock lock(mutex_);
    return ended_.has_value();
  }

  env::Task<void> watch() {
    while (true) {
      const bool slept = co_await options_.timers.sleep_for(kPingInterval);
      if (!slept || over()) co_return;
      const int64_t limit = duration_cast<std::chrono::nanoseconds>(kSinkSilence).count();
      const int64_t now = steady_nanoseconds();
      const int64_t writing = writing_since_;
      if (now - heard_ <= limit && (writing == 0 || now - writing <= writing_limit_)) continue;
      end(Error(ErrorCode::kTimeout, "the sink neither reads nor speaks"));
      socket_->abort();
      co_return;
    }
  }

  // ---- writer

  env::Task<Result<void>> converse() {
    const Owners owners = make_owners();  // first the ages, then the commit up to which they hold
    std::vector<std::string> features = options_.features;
    features.emplace_back(kHeldUpCollections);
    frame_.add(Hello{kProtocol, options_.id, options_.version, epoch_, options_.store.newest().seq,
                     std::move(features)});
    frame_.add(owners);
    add_state();
    if (Result<void> sent = co_await flush(); !sent) co_return sent.error();
    if (Result<void> begun = co_await wait_for_subscription(); !begun) co_return begun.error();
    env::SteadyTime pinged = options_.clock.steady() - kPingPause;
    while (true) {
      const uint64_t seen = source_.changed_->version();
      if (Result<void> done = co_await do_requests(); !done) co_return done.error();
      if (owners_sent_ != source_.owners_version_) add_owners();
      if (state_sent_ != source_.state_version() && state_due() <= options_.clock.steady()) add_state();
      if (Result<void> done = co_await continue_copies(); !done) co_return done.error();
      if (Result<void> done = co_await stream_log(options_.store.newest().seq); !done) co_return done.error();
      if (!copying_ && to_copy_.empty()) restarts_ = 0;
      const env::SteadyTime now = options_.clock.steady();
      if (now >= ping_due(pinged)) {
        if (Result<void> done = co_await add_ping(); !done) co_return done.error();
        pinged = now;
      }
      if (Result<void> sent = co_await flush(); !sent) co_return sent.error();
      if (copying_ || !to_copy_.empty() || options_.store.newest().seq > position_) continue;
      const bool state_waits = state_sent_ != source_.state_version();
      const env::SteadyTime next_ping = ping_due(pinged);
      const env::SteadyTime wake = state_waits ? std::min(next_ping, state_due()) : next_ping;
      if (wake > now) co_await options_.timers.wait(*source_.changed_, seen, wake - now);
    }
  }

  env::Task<Result<void>> wait_for_subscription() {
    const env::SteadyTime deadline = options_.clock.steady() + kSubscribeLimit;
    while (!subscribed_) {
      const uint64_t seen = source_.changed_->version();
      if (Result<void> done = co_await do_requests(); !done) co_return done.error();
      const env::Duration left = deadline - options_.clock.steady();
      if (subscribed_) break;
      if (left <= env::Duration::zero()) co_return Error(ErrorCode::kCorrupt, "the sink does not subscribe");
      co_await options_.timers.wait(*source_.changed_, seen, left);
    }
    co_return Result<void>{};
  }

  env::Task<Result<void>> do_requests() {
    while (true) {
      std::optional<Record> request;
      {
        Lock lock(mutex_);
        if (ended_) co_return *ended_;
        if (requests_.empty()) co_return Result<void>{};
        request = std::move(requests_.front());
        requests_.pop_front();
      }
      Result<void> done;
      if (auto* hello = std::get_if<Hello>(&*request)) done = greet(*hello);
      if (auto* wanted = std::get_if<Subscribe>(&*request)) subscribe(*wanted);
      if (auto* compare = std::get_if<Compare>(&*request)) done = co_await send_ranges(*compare);
      if (auto* fetch = std::get_if<Fetch>(&*request)) done = co_await send_range(*fetch);
      if (!done) co_return done;
    }
  }

  Result<void> greet(const Hello& hello) {
    sink_id_ = hello.id;
    changes_in_copies_ = std::ranges::find(hello.features, kChangesInCopies) != hello.features.end();
    if (hello.protocol < kProtocol)
      return Error(ErrorCode::kCorrupt, fmt::format("protocol {} is not spoken here", hello.protocol));
    return {};
  }

  bool log_reaches(const store::Cursor& cursor) const {
    if (cursor.epoch != epoch_ || cursor.seq > options_.store.newest().seq) return false;
    return options_.store.read_log(cursor, [](const store::LoggedCommit&) { return false; }).ok();
  }

  void subscribe(const Subscribe& wanted) {
    subscribed_at_ = options_.clock.steady();
    if (!subscribed_) begin_at(wanted);
    std::set<std::string, std::less<>> names;
    for (const Subscription& owner : wanted.owners) names.insert(owner.owner);
    std::erase_if(following_, [&](const std::string& owner) { return !names.contains(owner); });
    std::erase_if(unfollowed_, [&](const std::string& owner) { return !names.contains(owner); });
    if (copying_ && !names.contains(copying_->wanted.owner)) copying_.reset();
    to_copy_.clear();
    waiting_.clear();
    for (const Subscription& owner : wanted.owners) {
      if (following_.contains(owner.owner) || is_copying(owner.owner)) continue;
      if (owner.follows) unfollowed_.insert(owner.owner);
      to_copy_.push_back(owner);  // also what is gone meanwhile: the sink need not notice when it comes back
    }
  }

  bool is_copying(std::string_view owner) const { return copying_ && copying_->wanted.owner == owner; }

  std::set<std::string, std::less<>> offered_owners() const {
    std::set<std::string, std::less<>> out{options_.id};
    for (const Announcement& announced : options_.owners()) out.insert(announced.owner);
    return out;
  }

  /// The first subscription decides where the stream begins.
  void begin_at(const Subscribe& wanted) {
    subscribed_ = true;
    const std::set<std::string, std::less<>> offered = offered_owners();
    const bool honoured = log_reaches(resume_);
    for (const Subscription& owner : wanted.owners) {
      if (honoured && owner.follows && offered.contains(owner.owner)) following_.insert(owner.owner);
    }
    position_ = following_.empty() ? options_.store.newest().seq : resume_.seq;
    frame_.add(At{position_, following_.empty()});
  }

  std::string_view stored_owner(std::string_view owner) const {
    return owner == options_.id ? store::kOwn : owner;
  }

  // ---- copies

  using View = std::shared_ptr<const store::Snapshot>;

  /// A view whose commits were all added to what the sink gets. To be used up before anything is sent: how
  /// long that takes is up to the sink.
  env::Task<Result<View>> current_view() {
    while (true) {
      Result<void> streamed = co_await stream_log(options_.store.newest().seq);
      if (!streamed) co_return streamed.error();
      View view = options_.store.snapshot();
      Result<void> added = add_log(view->cursor().seq);
      if (!added && added.error().code != ErrorCode::kNotFound) co_return added.error();
      if (position_ >= view->cursor().seq) co_return view;
      view.reset();
      Result<void> sent = co_await flush();
      if (!sent) co_return sent.error();
    }
  }

  std::optional<store::Cursor> origin_in(const store::Snapshot& view, std::string_view owner) const {
    const std::string_view stored = stored_owner(owner);
    return stored == store::kOwn ? view.cursor() : view.origin_cursor(stored);
  }

  /// Begins the copies that are wanted, one after the other, and sends a piece of the one that is under way.
  env::Task<Result<void>> continue_copies() {
    for (Subscription& wanted : std::exchange(waiting_, {})) to_copy_.push_back(std::move(wanted));
    while (!copying_ && !to_copy_.empty()) {
      Result<View> view = co_await current_view();
      if (!view) co_return view.error();
      begin_copy(**view);
    }
    if (!copying_) co_return Result<void>{};
    if (!changes_in_copies_) co_return co_await send_whole_copy();
    Result<View> view = co_await current_view();
    if (!view) co_return view.error();
    if (copying_) add_piece(**view);
    co_return Result<void>{};
  }

  void begin_copy(const store::Snapshot& view) {
    if (to_copy_.empty()) return;
    Subscription wanted = std::move(to_copy_.front());
    to_copy_.pop_front();
    const std::optional<store::Cursor> origin = origin_in(view, wanted.owner);
    // Announced, but its first copy is still on its way to us; or not announced any more.
    if (!origin || !is_worth_copying(wanted, *origin)) {
      waiting_.push_back(std::move(wanted));
      return;
    }
    if (wanted.replica == origin) {
      unfollowed_.erase(wanted.owner);
      add_resume(view, wanted.owner);
      following_.insert(std::move(wanted.owner));
      return;
    }
    unfollowed_.erase(wanted.owner);
    kLog.info("full copy begins sink={} owner={}", sink_id_, wanted.owner);
    frame_.add(SnapshotBegin{wanted.owner, *origin});
    copying_ = CopyUnderWay{std::move(wanted), *origin, "", ""};
  }

  /// Whether a copy of it would take the sink further. What is not offered any more is about to be dropped
  /// here, and of unknown age. A replica that came to the sink on another way may be newer than ours, and
  /// what it shows must not go back; not for ever: once ours has all that the owner had when the sink asked,
  /// the owner itself went back.
  bool is_worth_copying(const Subscription& wanted, const store::Cursor& origin) const {
    if (wanted.owner == options_.id) return true;
    if (!announced_.contains(wanted.owner)) return false;
    if (!wanted.replica || wanted.replica->epoch != origin.epoch || wanted.replica->seq <= origin.seq)
      return true;
    const std::vector<Announcement> offered = options_.owners();
    const auto found = std::ranges::find(offered, wanted.owner, &Announcement::owner);
    const env::Duration since = options_.clock.steady() - subscribed_at_;
    return found != offered.end() && found->age_seconds <= std::chrono::duration<double>(since).count();
  }

  void add_resume(const store::Snapshot& view, const std::string& owner) {
    frame_.add(Resume{owner, owner_digests(view, stored_owner(owner), owner)});
  }

  /// As many of the next objects as the frame has room for. Of a view that the log was sent up to.
  void add_piece(const store::Snapshot& view) {
    if (!still_the_same_owner(view) || !add_objects(view)) return;
    const std::string owner = std::move(copying_->wanted.owner);
    frame_.add(SnapshotEnd{owner, position_, owner_digests(view, stored_owner(owner), owner)});
    following_.insert(owner);
    copying_.reset();
  }

  /// An owner that left, or was replaced by another one under the same id, begins anew.
  bool still_the_same_owner(const store::Snapshot& view) {
    const std::optional<store::Cursor> origin = origin_in(view, copying_->wanted.owner);
    if (origin && origin->epoch == copying_->origin.epoch) return true;
    to_copy_.push_front({copying_->wanted.owner, false, std::nullopt});
    copying_.reset();
    return false;
  }

  /// True: none is left.
  bool add_objects(const store::Snapshot& view) {
    std::vector<std::string> types = view.types();
    std::ranges::sort(types);
    const std::string_view stored = stored_owner(copying_->wanted.owner);
    for (const std::string& type : types) {
      if (type < copying_->type || !is_replicated(type)) continue;
      const std::string from = type == copying_->type ? copying_->next : "";
      view.scan_owner(type, stored, from, [&](std::string_view key, std::string_view body) {
        if (frame_.full()) return false;
        frame_.add(Object{type, std::string(key), body});
        copying_->type = type;
        copying_->next = std::string(key) + '\0';
        return true;
      });
      if (frame_.full()) return false;
    }
    return true;
  }

  /// For a sink that does not understand changes before the end of a copy. Its pieces are of different
  /// moments: the log since the first of them makes them equal, and until then digests say nothing.
  env::Task<Result<void>> send_whole_copy() {
    while (true) {
      const bool ended = add_objects(*options_.store.snapshot());
      if (ended) break;
      Result<void> sent = co_await flush();
      if (!sent) co_return sent;
    }
    const std::string owner = std::move(copying_->wanted.owner);
    frame_.add(SnapshotEnd{owner, position_, {}});
    following_.insert(owner);
    copying_.reset();
    settling_.insert(owner);
    Result<View> view = co_await current_view();
    if (!view) co_return view.error();
    settling_.erase(owner);
    if (following_.contains(owner)) add_resume(**view, owner);
    co_return Result<void>{};
  }

  // ---- repair

  env::Task<Result<void>> send_ranges(const Compare& request) {
    const Result<View> view = co_await current_view();
    if (!view) co_return view.error();
    if (!following_.contains(request.owner) || !is_replicated(request.type)) co_return Result<void>{};
    std::vector<KeyRange> ranges =
        cut_ranges(**view, request.type, stored_owner(request.owner), kRangeObjects);
    frame_.add(Ranges{request.owner, request.type, std::move(ranges)});
    co_return Result<void>{};
  }

  /// A range is of one moment, so it is made ready before it is sent.
  env::Task<Result<void>> send_range(const Fetch& request) {
    std::vector<std::string> frames;
    {
      const Result<View> view = co_await current_view();
      if (!view) co_return view.error();
      if (!following_.contains(request.owner) || !is_replicated(request.type)) co_return Result<void>{};
      if (!add_range(**view, request, frames)) copy_instead(request.owner);
    }
    for (std::string& frame : frames) {
      if (Result<void> sent = co_await write(std::move(frame)); !sent) co_return sent;
    }
    co_return Result<void>{};
  }

  /// Full frames go to `frames`. False: it is too much to be kept, what there is breaks off.
  bool add_range(const store::Snapshot& view, const Fetch& request, std::vector<std::string>& frames) {
    const std::string_view stored = stored_owner(request.owner);
    uint64_t bytes = 0;
    frame_.add(RangeBegin{request.owner, request.type, request.from, request.to});
    view.scan_owner(request.type, stored, request.from, [&](std::string_view key, std::string_view body) {
      if (!request.to.empty() && key >= request.to) return false;
      frame_.add(Object{request.type, std::string(key), body});
      if (frame_.full()) bytes += frames.emplace_back(frame_.take()).size();
      return bytes <= kMaxRange;
    });
    if (bytes > kMaxRange) return false;
    RangeEnd end{request.owner, request.type, view.cursor().seq, {}};
    for (store::TypeDigest& digest : owner_digests(view, stored, request.owner)) {
      if (digest.type == request.type) end.digests.push_back(std::move(digest));
    }
    if (end.digests.empty()) end.digests.push_back({request.type, request.owner, {}, 0});
    frame_.add(end);
    return true;
  }

  void copy_instead(const std::string& owner) {
    following_.erase(owner);
    to_copy_.push_back({owner, false, std::nullopt});
  }

  // ---- the log

  /// Sends the log up to and including `limit`.
  env::Task<Result<void>> stream_log(uint64_t limit) {
    while (position_ < limit) {
      const uint64_t before = position_;
      const Result<void> read = add_log(limit);
      if (!read && read.error().code == ErrorCode::kNotFound) co_return start_over();
      if (!read) co_return read;
      if (position_ == before) co_return Result<void>{};
      if (!frame_.full()) continue;
      if (Result<void> sent = co_await flush(); !sent) co_return sent;
    }
    co_return Result<void>{};
  }

  /// The log up to and including `limit`, as far as the frame has room. kNotFound: it was trimmed past our
  /// place.
  Result<void> add_log(uint64_t limit) {
    if (position_ >= limit) return {};
    bool told = true;
    const Result<void> read =
        options_.store.read_log({epoch_, position_}, [&](const store::LoggedCommit& commit) {
          if (commit.cursor.seq > limit) return false;
          told = add_commit(commit);
          position_ = commit.cursor.seq;
          return !frame_.full();
        });
    if (read && !told) frame_.add(At{position_});
    return read;
  }

  /// The log was trimmed past our place: the sink was too slow, and needs copies.
  Result<void> start_over() {
    if (++restarts_ > kMostRestarts)
      return Error(ErrorCode::kUnavailable, "the sink falls behind the log again and again");
    kLog.warn("sink fell behind the log sink={} at={}", sink_id_, position_);
    position_ = options_.store.newest().seq;
    frame_.add(At{position_, true});
    if (copying_) to_copy_.push_back({copying_->wanted.owner, false, std::nullopt});
    copying_.reset();
    settling_.clear();
    for (const std::string& owner : std::exchange(following_, {}))
      to_copy_.push_back({owner, false, std::nullopt});
    return {};
  }

  /// A replica that was dropped here may come back as another one: the sink, which is not told what a drop
  /// removed, needs a copy then, and what it has is as of nothing until that begins.
  void begin_anew_what_was_dropped(const store::LoggedCommit& commit) {
    for (const store::LoggedCommit::LoggedChange& change : commit.changes) {
      const std::string& owner = change.id.owner;
      if (!store::is_remote(owner)) continue;
      const bool was_copying = is_copying(owner);
      if (following_.erase(owner) == 0 && !was_copying) continue;
      if (was_copying) copying_.reset();
      to_copy_.push_back({owner, false, std::nullopt});
      unfollowed_.insert(owner);
    }
  }

  /// False: the commit is none of the sink's business.
  bool add_commit(const store::LoggedCommit& commit) {
    if (!commit.origin) begin_anew_what_was_dropped(commit);
    const std::string& owner = commit.origin ? commit.origin->owner : options_.id;
    const bool in_copy = is_copying(owner);
    if (!following_.contains(owner) && !(in_copy && changes_in_copies_)) return false;
    const std::string_view stored = commit.origin ? std::string_view(owner) : store::kOwn;
    for (const store::LoggedCommit::LoggedChange& change : commit.changes) {
      if (change.id.owner != stored || !is_replicated(change.id.type)) continue;
      if (in_copy && !copying_->sent(change.id.type, change.id.key)) continue;  // will come with its piece
      frame_.add(Change{change.id.type, change.id.key,
                        change.body ? std::optional<std::string_view>(*change.body) : std::nullopt});
    }
    Commit record;
    record.seq = commit.cursor.seq;
    record.owner = owner;
    record.origin = commit.origin ? commit.origin->cursor : commit.cursor;
    const bool whole = !in_copy && !settling_.contains(owner);
    for (const store::TypeDigest& digest : commit.digests) {
      if (!whole) break;
      if (digest.owner != stored || !is_replicated(digest.type)) continue;
      record.digests.push_back({digest.type, owner, digest.digest, digest.count});
    }
    // Also without changes: who waits for this commit at a manager must see it pass.
    frame_.add(record);
    return true;
  }

  /// Ages change all the time and travel in pings. Two managers that are attached to each other would else
  /// tell what they were told for ever.
  void add_owners() {
    const std::vector<Announcement> before = owners_told_;
    const Owners owners = make_owners();
    if (before != owners_told_) frame_.add(owners);
  }

  Owners make_owners() {
    owners_sent_ = source_.owners_version_;
    Owners record;
    record.owners.push_back({options_.id, {}, true, 0, ""});
    for (Announcement& owner : options_.owners()) record.owners.push_back(std::move(owner));
    announced_.clear();
    for (const Announcement& owner : record.owners) announced_.insert(owner.owner);
    owners_told_ = record.owners;
    for (Announcement& owner : owners_told_) {
      owner.age_seconds = 0;
      for (HeldUpCollection& one : owner.held_up) one.age_seconds = 0;
    }
    return record;
  }

  env::SteadyTime ping_due(env::SteadyTime last) const {
    const bool asked = stamp_ != stamp_answered_;
    return last + (asked ? env::Duration(kPingPause) : env::Duration(kPingInterval));
  }

  /// The order makes it true: the ages first, then the commit up to which they hold, then the log up to it.
  env::Task<Result<void>> add_ping() {
    Ping ping;
    ping.stamp = stamp_;
    tell_ages(ping);
    ping.newest = options_.store.newest().seq;
    ping.clock = options_.clock.wall().time_since_epoch().count();
    if (Result<void> done = co_await stream_log(ping.newest); !done) co_return done;
    frame_.add(ping);
    stamp_answered_ = ping.stamp;
    co_return Result<void>{};
  }

  void tell_ages(Ping& ping) const {
    ping.age = 0;
    std::set<std::string, std::less<>> gone = announced_;
    gone.erase(options_.id);
    for (Announcement& owner : options_.owners()) {
      if (unfollowed_.contains(owner.owner)) continue;
      gone.erase(owner.owner);
      for (HeldUpCollection& one : owner.held_up) ping.held_up.push_back({owner.owner, std::move(one)});
      if (owner.age_seconds > kFreshSeconds) {
        ping.ages.push_back({std::move(owner.owner), owner.age_seconds});
      } else {
        ping.age = std::max(*ping.age, owner.age_seconds);
      }
    }
    gone.insert(unfollowed_.begin(), unfollowed_.end());
    for (const std::string& owner : gone) ping.ages.push_back({owner, kOldestSeconds});
  }

  env::SteadyTime state_due() const { return state_told_ + kStateInterval; }

  void add_state() {
    state_told_ = options_.clock.steady();
    state_sent_ = source_.state_version();
    std::string state = options_.state();
    if (state == last_state_) return;
    frame_.add(State{state});
    last_state_ = std::move(state);
  }

  env::Task<Result<void>> flush() {
    if (frame_.empty()) co_return Result<void>{};
    co_return co_await write(frame_.take());
  }

  env::Task<Result<void>> write(std::string frame) {
    const size_t bytes = frame.size();
    const int64_t begun = steady_nanoseconds();
    writing_limit_ = Pace::limit(bytes).count();
    writing_since_ = begun;
    Result<void> sent = co_await socket_->write(std::move(frame), true);
    writing_since_ = 0;
    if (!sent || pace_.keeps(bytes, std::chrono::nanoseconds(steady_nanoseconds() - begun))) co_return sent;
    co_return Error(ErrorCode::kTimeout,
                    fmt::format("the sink takes less than {} bytes a second", Pace::kLeastRate));
  }

  Source& source_;
  const SourceOptions& options_;
  std::shared_ptr<net::WebSocket> socket_;
  store::Cursor resume_;
  uint64_t epoch_;
  std::string sink_id_ = "?";
  FrameWriter frame_;
  uint64_t position_ = 0;  // everything up to here was sent or is none of the sink's business
  bool subscribed_ = false;
  env::SteadyTime subscribed_at_;   // when the list of owners came
  int restarts_ = 0;                // since it was level with the log
  bool changes_in_copies_ = false;  // the sink understands them
  Pace pace_;
  std::set<std::string, std::less<>> following_;
  std::set<std::string, std::less<>>
      unfollowed_;  // the sink believes that it follows them: to be copied anew
  std::deque<Subscription> to_copy_;
  std::optional<CopyUnderWay> copying_;
  std::set<std::string, std::less<>> settling_;  // copied, but not yet of one moment
  std::vector<Subscription> waiting_;            // wanted, but not here yet
  uint64_t owners_sent_ = 0, state_sent_ = 0;
  env::SteadyTime state_told_;  // when last_state_ was made
  std::string last_state_;
  std::set<std::string, std::less<>> announced_;  // with the last `owners`
  std::vector<Announcement> owners_told_;         // the same, without their ages
  uint64_t stamp_answered_ = 0;

  std::atomic<uint64_t> stamp_{0};  // of the sink's last ping
  std::atomic<int64_t> heard_{0};
  std::atomic<int64_t> writing_since_{0};  // 0: not writing
  std::atomic<int64_t> writing_limit_{0};  // how long that write may take
  Mutex mutex_;
  std::deque<Record> requests_ GUARDED_BY(mutex_);
  std::optional<Error> ended_ GUARDED_BY(mutex_);
};

Source::Source(env::Runtime& runtime, SourceOptions options)
    : options_(std::move(options)), tasks_(runtime.executor(), "replication source") {
  state_feed_ = store::attach_feed(options_.store, "reported state", what_state_comes_from(),
                                   store::CommitFeed::kNothing);
  // After that of the state: whoever is woken finds what is new.
  commits_feed_ = store::attach_signal(options_.store, "streams", {.everything = true}, changed_);
}

Source::~Source() = default;

uint64_t Source::state_version() const { return state_changes_ + state_feed_->newest(); }

void Source::owners_changed() {
  ++owners_version_;
  changed_->notify_all();
}

void Source::state_changed() {
  ++state_changes_;
  changed_->notify_all();
}

env::Task<void> Source::serve(std::shared_ptr<net::WebSocket> socket, store::Cursor resume) {
  struct Guard {
    std::atomic<size_t>& streams;
    std::shared_ptr<SourceStream> stream;
    ~Guard() {
      stream->cut();
      --streams;
    }
  };
  ++streams_;
  const Guard guard{streams_, std::make_shared<SourceStream>(*this, std::move(socket), resume)};
  co_await guard.stream->run();
}

env::Task<void> Source::stop() { return tasks_.async_stop(); }

}  // namespace mullion::replication
