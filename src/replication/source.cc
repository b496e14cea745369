#include "replication/source.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <set>

#include "base/log.h"
#include "replication/internal/digests.h"

namespace mullion::replication {
namespace {

constexpr Logger kLog("replication");
constexpr auto kPingInterval = std::chrono::seconds(2);
/// However often a sink asks.
constexpr auto kPingPause = std::chrono::milliseconds(100);
/// Ages up to this are told as one number for all owners.
constexpr double kFreshSeconds = 3;
/// Of what cannot be followed here any more.
constexpr double kOldestSeconds = 3e9;
/// A state is sent whole: thousands of uploads must not send it thousands of times.
constexpr auto kStateInterval = std::chrono::seconds(1);
constexpr auto kSilenceLimit = std::chrono::seconds(30);
constexpr auto kSubscribeLimit = std::chrono::seconds(10);
constexpr size_t kRangeObjects = 256;
constexpr size_t kMaxRequests = 10000;
constexpr uint16_t kProtocolError = 1002;
constexpr size_t kMaxCloseReason = 120;  // RFC 6455: control frames carry at most 125 bytes

using std::chrono::duration_cast;

int64_t wall_nanoseconds() { return env::system_clock().wall().time_since_epoch().count(); }
int64_t steady_nanoseconds() { return env::system_clock().steady().time_since_epoch().count(); }

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
    const Result<void> done = co_await converse();
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
      std::lock_guard lock(mutex_);
      if (requests_.size() >= kMaxRequests) return Error(ErrorCode::kCorrupt, "too many requests wait");
      // Only what needs an answer is queued; the rest was heard.
      const bool asks = std::holds_alternative<Subscribe>(**record) ||
                        std::holds_alternative<Compare>(**record) ||
                        std::holds_alternative<Fetch>(**record) || std::holds_alternative<Hello>(**record);
      if (!asks) continue;
      requests_.push_back(std::move(**record));
      source_.changed_.notify_all();
    }
  }

  void take_stamp(const Ping& ping) {
    if (stamp_.exchange(ping.stamp) != ping.stamp) source_.changed_.notify_all();
  }

  void end(const Error& reason) {
    {
      std::lock_guard lock(mutex_);
      if (!ended_) ended_ = reason;
    }
    source_.changed_.notify_all();
  }

  bool over() {
    std::lock_guard lock(mutex_);
    return ended_.has_value();
  }

  env::Task<void> watch() {
    while (co_await env::sleep_for(kPingInterval)) {
      if (over()) co_return;
      const int64_t limit = duration_cast<std::chrono::nanoseconds>(kSilenceLimit).count();
      const int64_t now = steady_nanoseconds();
      const int64_t writing = writing_since_;
      if (now - heard_ <= limit && (writing == 0 || now - writing <= limit)) continue;
      end(Error(ErrorCode::kTimeout, "the sink neither reads nor speaks"));
      socket_->abort();
      co_return;
    }
  }

  // ---- writer

  env::Task<Result<void>> converse() {
    frame_.add(Hello{kProtocol, options_.id, options_.version, epoch_, options_.store.newest().seq,
                     options_.features});
    add_owners();
    add_state();
    if (Result<void> sent = co_await flush(); !sent) co_return sent.error();
    if (Result<void> begun = co_await wait_for_subscription(); !begun) co_return begun.error();
    env::SteadyTime pinged = env::system_clock().steady() - kPingPause;
    while (true) {
      const uint64_t seen = source_.changed_.version();
      if (Result<void> done = co_await do_requests(); !done) co_return done.error();
      if (Result<void> done = co_await serve_waiting(); !done) co_return done.error();
      if (owners_sent_ != source_.owners_version_) add_owners();
      if (state_sent_ != source_.state_version_ && state_due() <= env::system_clock().steady()) add_state();
      if (Result<void> done = co_await stream_log(options_.store.newest().seq); !done) co_return done.error();
      const env::SteadyTime now = env::system_clock().steady();
      if (now >= ping_due(pinged)) {
        if (Result<void> done = co_await add_ping(); !done) co_return done.error();
        pinged = now;
      }
      if (Result<void> sent = co_await flush(); !sent) co_return sent.error();
      if (options_.store.newest().seq > position_ && !fell_behind_) continue;
      const bool state_waits = state_sent_ != source_.state_version_;
      const env::SteadyTime next_ping = ping_due(pinged);
      const env::SteadyTime wake = state_waits ? std::min(next_ping, state_due()) : next_ping;
      if (wake > now) co_await source_.changed_.wait(seen, wake - now);
    }
  }

  env::Task<Result<void>> wait_for_subscription() {
    const env::SteadyTime deadline = env::system_clock().steady() + kSubscribeLimit;
    while (!subscribed_) {
      const uint64_t seen = source_.changed_.version();
      if (Result<void> done = co_await do_requests(); !done) co_return done.error();
      const env::Duration left = deadline - env::system_clock().steady();
      if (subscribed_) break;
      if (left <= env::Duration::zero()) co_return Error(ErrorCode::kCorrupt, "the sink does not subscribe");
      co_await source_.changed_.wait(seen, left);
    }
    co_return Result<void>{};
  }

  env::Task<Result<void>> do_requests() {
    while (true) {
      std::optional<Record> request;
      {
        std::lock_guard lock(mutex_);
        if (ended_) co_return *ended_;
        if (requests_.empty()) co_return Result<void>{};
        request = std::move(requests_.front());
        requests_.pop_front();
      }
      Result<void> done;
      if (auto* hello = std::get_if<Hello>(&*request)) done = greet(*hello);
      if (auto* wanted = std::get_if<Subscribe>(&*request)) done = co_await subscribe(*wanted);
      if (auto* compare = std::get_if<Compare>(&*request)) done = co_await send_ranges(*compare);
      if (auto* fetch = std::get_if<Fetch>(&*request)) done = co_await send_range(*fetch);
      if (!done) co_return done;
    }
  }

  Result<void> greet(const Hello& hello) {
    sink_id_ = hello.id;
    if (hello.protocol < kProtocol)
      return Error(ErrorCode::kCorrupt, fmt::format("protocol {} is not spoken here", hello.protocol));
    return {};
  }

  bool log_reaches(const store::Cursor& cursor) const {
    if (cursor.epoch != epoch_ || cursor.seq > options_.store.newest().seq) return false;
    return options_.store.read_log(cursor, [](const store::LoggedCommit&) { return false; }).ok();
  }

  env::Task<Result<void>> subscribe(const Subscribe& wanted) {
    const std::set<std::string, std::less<>> offered = offered_owners();
    if (!subscribed_) begin_at(wanted, offered);
    std::set<std::string, std::less<>> names;
    for (const Subscription& owner : wanted.owners) names.insert(owner.owner);
    std::erase_if(following_, [&](const std::string& owner) { return !names.contains(owner); });
    waiting_.clear();
    for (const Subscription& owner : wanted.owners) {
      if (!offered.contains(owner.owner)) continue;  // gone meanwhile: the next announcement says so
      if (following_.contains(owner.owner)) continue;
      if (Result<void> done = co_await send_copy(owner); !done) co_return done;
    }
    co_return Result<void>{};
  }

  std::set<std::string, std::less<>> offered_owners() const {
    std::set<std::string, std::less<>> out{options_.id};
    for (const Announcement& announced : options_.owners()) out.insert(announced.owner);
    return out;
  }

  env::Task<Result<void>> serve_waiting() {
    for (const Subscription& wanted : std::exchange(waiting_, {})) {
      if (Result<void> done = co_await send_copy(wanted); !done) co_return done;
    }
    co_return Result<void>{};
  }

  /// The first subscription decides where the stream begins.
  void begin_at(const Subscribe& wanted, const std::set<std::string, std::less<>>& offered) {
    subscribed_ = true;
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

  // Everything an owner's copy is compared with must be where the copy is: first the log up to the view.
  env::Task<Result<void>> send_copy(const Subscription& wanted) {
    const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
    if (Result<void> done = co_await stream_log(view->cursor().seq); !done) co_return done;
    const std::string_view stored = stored_owner(wanted.owner);
    const std::optional<store::Cursor> origin =
        stored == store::kOwn ? view->cursor() : view->origin_cursor(stored);
    if (!origin) {  // announced, but its first copy is still on its way to us
      waiting_.push_back(wanted);
      co_return Result<void>{};
    }
    following_.insert(wanted.owner);
    std::vector<store::TypeDigest> digests = owner_digests(*view, stored, wanted.owner);
    if (wanted.replica == origin) {
      frame_.add(Resume{wanted.owner, std::move(digests)});
      co_return Result<void>{};
    }
    kLog.info("full copy begins sink={} owner={}", sink_id_, wanted.owner);
    frame_.add(SnapshotBegin{wanted.owner, *origin});
    std::vector<std::string> types = view->types();
    std::ranges::sort(types);
    for (const std::string& type : types) {
      if (!is_replicated(type)) continue;
      if (Result<void> sent = co_await send_objects(*view, type, stored, "", ""); !sent) co_return sent;
    }
    frame_.add(SnapshotEnd{wanted.owner, view->cursor().seq, std::move(digests)});
    co_return Result<void>{};
  }

  /// Objects with from <= key < to in key order.
  env::Task<Result<void>> send_objects(const store::Snapshot& view, const std::string& type,
                                       std::string_view owner, std::string from, const std::string& to) {
    bool more = true;
    while (more) {
      more = false;
      Result<void> scanned =
          view.scan_owner(type, owner, from, [&](std::string_view key, std::string_view body) {
            if (!to.empty() && key >= to) return false;
            if (frame_.full()) {
              from = key;
              more = true;
              return false;
            }
            frame_.add(Object{type, std::string(key), body});
            return true;
          });
      if (!scanned) co_return scanned;
      if (!frame_.full()) continue;
      if (Result<void> sent = co_await flush(); !sent) co_return sent;
    }
    co_return Result<void>{};
  }

  env::Task<Result<void>> send_ranges(const Compare& request) {
    const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
    if (Result<void> done = co_await stream_log(view->cursor().seq); !done) co_return done;
    if (!following_.contains(request.owner) || !is_replicated(request.type)) co_return Result<void>{};
    Result<std::vector<KeyRange>> ranges =
        cut_ranges(*view, request.type, stored_owner(request.owner), kRangeObjects);
    if (!ranges) co_return ranges.error();
    frame_.add(Ranges{request.owner, request.type, std::move(*ranges)});
    co_return Result<void>{};
  }

  env::Task<Result<void>> send_range(const Fetch& request) {
    const std::shared_ptr<const store::Snapshot> view = options_.store.snapshot();
    if (Result<void> done = co_await stream_log(view->cursor().seq); !done) co_return done;
    if (!following_.contains(request.owner) || !is_replicated(request.type)) co_return Result<void>{};
    const std::string_view stored = stored_owner(request.owner);
    frame_.add(RangeBegin{request.owner, request.type, request.from, request.to});
    Result<void> sent = co_await send_objects(*view, request.type, stored, request.from, request.to);
    if (!sent) co_return sent;
    RangeEnd end{request.owner, request.type, view->cursor().seq, {}};
    for (store::TypeDigest& digest : owner_digests(*view, stored, request.owner)) {
      if (digest.type == request.type) end.digests.push_back(std::move(digest));
    }
    if (end.digests.empty()) end.digests.push_back({request.type, request.owner, {}, 0});
    frame_.add(end);
    co_return Result<void>{};
  }

  /// Sends the log up to and including `limit`.
  env::Task<Result<void>> stream_log(uint64_t limit) {
    while (position_ < limit) {
      const uint64_t before = position_;
      bool told = true;
      Result<void> read =
          options_.store.read_log({epoch_, position_}, [&](const store::LoggedCommit& commit) {
            if (commit.cursor.seq > limit) return false;
            told = add_commit(commit);
            position_ = commit.cursor.seq;
            return !frame_.full();
          });
      if (!read && read.error().code == ErrorCode::kNotFound) co_return co_await start_over();
      if (!read) co_return read;
      if (position_ == before) co_return Result<void>{};
      if (!told) frame_.add(At{position_});
      if (!frame_.full()) continue;
      if (Result<void> sent = co_await flush(); !sent) co_return sent;
    }
    co_return Result<void>{};
  }

  /// The log was trimmed past our place: the sink was too slow, and needs copies.
  env::Task<Result<void>> start_over() {
    if (fell_behind_)
      co_return Error(ErrorCode::kUnavailable, "the sink falls behind the log again and again");
    kLog.warn("sink fell behind the log sink={} at={}", sink_id_, position_);
    fell_behind_ = true;
    position_ = options_.store.newest().seq;
    frame_.add(At{position_, true});
    const std::set<std::string, std::less<>> owners = std::exchange(following_, {});
    for (const std::string& owner : owners) {
      const Subscription again{owner, false, std::nullopt};
      if (Result<void> done = co_await send_copy(again); !done) co_return done;
    }
    fell_behind_ = false;
    co_return Result<void>{};
  }

  /// False: the commit is none of the sink's business.
  bool add_commit(const store::LoggedCommit& commit) {
    const std::string& owner = commit.origin ? commit.origin->owner : options_.id;
    if (!following_.contains(owner)) return false;
    const std::string_view stored = commit.origin ? std::string_view(owner) : store::kOwn;
    for (const store::LoggedCommit::LoggedChange& change : commit.changes) {
      if (change.id.owner != stored || !is_replicated(change.id.type)) continue;
      frame_.add(Change{change.id.type, change.id.key,
                        change.body ? std::optional<std::string_view>(*change.body) : std::nullopt});
    }
    Commit record;
    record.seq = commit.cursor.seq;
    record.owner = owner;
    record.origin = commit.origin ? commit.origin->cursor : commit.cursor;
    for (const store::TypeDigest& digest : commit.digests) {
      if (digest.owner != stored || !is_replicated(digest.type)) continue;
      record.digests.push_back({digest.type, owner, digest.digest, digest.count});
    }
    // Also without changes: who waits for this commit at a manager must see it pass.
    frame_.add(record);
    return true;
  }

  void add_owners() {
    owners_sent_ = source_.owners_version_;
    Owners record;
    record.owners.push_back({options_.id, {}, true, 0, ""});
    for (Announcement& owner : options_.owners()) record.owners.push_back(std::move(owner));
    announced_.clear();
    for (const Announcement& owner : record.owners) announced_.insert(owner.owner);
    frame_.add(record);
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
    ping.clock = wall_nanoseconds();
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
      gone.erase(owner.owner);
      if (owner.age_seconds > kFreshSeconds) {
        ping.ages.push_back({std::move(owner.owner), owner.age_seconds});
      } else {
        ping.age = std::max(*ping.age, owner.age_seconds);
      }
    }
    for (const std::string& owner : gone) ping.ages.push_back({owner, kOldestSeconds});
  }

  env::SteadyTime state_due() const { return state_told_ + kStateInterval; }

  void add_state() {
    state_told_ = env::system_clock().steady();
    state_sent_ = source_.state_version_;
    std::string state = options_.state();
    if (state == last_state_) return;
    frame_.add(State{state});
    last_state_ = std::move(state);
  }

  env::Task<Result<void>> flush() {
    if (frame_.empty()) co_return Result<void>{};
    writing_since_ = steady_nanoseconds();
    Result<void> sent = co_await socket_->write(frame_.take(), true);
    writing_since_ = 0;
    co_return sent;
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
  bool fell_behind_ = false;
  std::set<std::string, std::less<>> following_;
  std::vector<Subscription> waiting_;  // wanted, but not here yet
  uint64_t owners_sent_ = 0, state_sent_ = 0;
  env::SteadyTime state_told_;  // when last_state_ was made
  std::string last_state_;
  std::set<std::string, std::less<>> announced_;  // with the last `owners`
  uint64_t stamp_answered_ = 0;

  std::atomic<uint64_t> stamp_{0};  // of the sink's last ping
  std::atomic<int64_t> heard_{0};
  std::atomic<int64_t> writing_since_{0};  // 0: not writing
  std::mutex mutex_;
  std::deque<Record> requests_;
  std::optional<Error> ended_;
};

Source::Source(env::Runtime& runtime, SourceOptions options)
    : options_(std::move(options)), tasks_(runtime.executor(), "replication source") {
  subscription_ = options_.store.subscribe(
      [this](const std::shared_ptr<const store::Commit>& commit) { follow(*commit); });
}

Source::~Source() { options_.store.unsubscribe(subscription_); }

void Source::follow(const store::Commit& commit) {
  const auto in_state = [](const store::AppliedChange& change) {
    if (store::is_remote(change.id.owner)) return false;
    return change.id.owner == store::kLayered || change.id.type == "preferences" ||
           change.id.type == "plugins" || (change.id.type == "profiles" && change.id.key == "global");
  };
  if (std::ranges::any_of(commit.changes, in_state)) ++state_version_;
  changed_.notify_all();
}

void Source::owners_changed() {
  ++owners_version_;
  changed_.notify_all();
}

void Source::state_changed() {
  ++state_version_;
  changed_.notify_all();
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
