#include "cluster/peer_link.h"

#include <fmt/format.h>

#include <atomic>
#include <boost/json.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>

#include "base/mutex.h"
#include "cluster/file_plan.h"
#include "cluster/internal/log.h"
#include "cluster/internal/texts.h"
#include "cluster/readmission.h"
#include "env/disk.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "model/members.h"
#include "net/keyed_stream.h"
#include "store/store.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;
using net::KeyedStreamPtr;

constexpr uint64_t kLongestHello = 16 << 10;
constexpr auto kConnectTime = std::chrono::seconds(1);
constexpr auto kHelloTime = std::chrono::seconds(2);
constexpr auto kPause = std::chrono::milliseconds(100);  // after a connection that failed
constexpr auto kAsLongAsItIsOpen = std::chrono::hours(24 * 365);
constexpr auto kSilence = std::chrono::seconds(60);  // between frames
/// A piece leaves in less time than the other side waits for.
constexpr uint64_t kLeastCopyRate = 64 << 10;
constexpr auto kTellPause = std::chrono::seconds(1);
constexpr auto kCopyStandstill = std::chrono::seconds(60);
constexpr char kFrame = 'F';
constexpr char kFacts = 'I';
constexpr size_t kLongestNote = 1024;  // of what a member says of an upgrade
constexpr const char* kDatabaseFile = "data.mdb";

enum class LineKind { kSmall, kBulk };
std::string_view word_of(LineKind kind) { return kind == LineKind::kBulk ? "bulk" : "small"; }

std::string facts_json(const PeerFacts& facts, std::string_view kind) {
  return json::serialize(json::object{{"kind", kind},
                                      {"api_url", facts.api_url},
                                      {"static_url", facts.static_url},
                                      {"fingerprint", facts.fingerprint},
                                      {"version", facts.version},
                                      {"active", facts.active},
                                      {"term", facts.term},
                                      {"files_missing", facts.files.missing},
                                      {"files_index", facts.files.index},
                                      {"files_revision", facts.files.revision},
                                      {"upgrade", facts.upgrade},
                                      {"compared", facts.compared},
                                      {"address", facts.address}});
}

struct Hello {
  std::string kind;
  PeerFacts facts;
};

std::optional<Hello> read_hello(std::string_view text) {
  const std::optional<json::object> object = model::read_object(text);
  if (!object) return std::nullopt;
  const auto word = [&object](std::string_view name) { return model::text_member(*object, name); };
  const std::optional<uint64_t> term = number_member(*object, "term");
  Hello out{word("kind"),
            {word("api_url"), word("static_url"), word("fingerprint"), word("version"),
             model::flag_member(*object, "active"), term.value_or(0)}};
  if (out.kind.empty() || !term) return std::nullopt;
  // A member of an older version says nothing of files and upgrades.
  out.facts.files = {number_member(*object, "files_missing").value_or(0),
                     number_member(*object, "files_index").value_or(0), word("files_revision")};
  out.facts.upgrade = word("upgrade").substr(0, kLongestNote);
  out.facts.compared = number_member(*object, "compared").value_or(0);
  if (std::string address = word("address"); net::is_ip_and_port(address)) out.facts.address = address;
  return out;
}

json::object place_json(const store::AgreedState& state, uint64_t size) {
  return {{"index", state.place.index}, {"term", state.place.term}, {"size", size}};
}

}  // namespace

/// One direction to one peer on one kind of connection.
struct OutgoingLine {
  MemberId to = 0;
  LineKind kind = LineKind::kSmall;
  Mutex mutex;  // guards what follows
  std::string address GUARDED_BY(mutex), key GUARDED_BY(mutex);
  std::string told GUARDED_BY(mutex);  // where the member says that it listens
  bool at_told GUARDED_BY(mutex) = false;
  std::string connected_to GUARDED_BY(mutex);  // address of `stream`
  KeyedStreamPtr stream GUARDED_BY(mutex);     // null: none
  bool retired GUARDED_BY(mutex) = false;      // another member has the address now
  std::deque<std::string> queue GUARDED_BY(mutex);
  uint64_t bytes GUARDED_BY(mutex) = 0;
  env::Signal filled;

  const std::string& looked_for_at() const REQUIRES(mutex) {
    return at_told && !told.empty() ? told : address;
  }
  bool is_open() {
    const Lock lock(mutex);
    return stream != nullptr;
  }
  /// What is written to where the member is not any more would be taken by nobody, and no error told for
  /// long.
  void leave_former_place() REQUIRES(mutex) {
    if (stream == nullptr || connected_to == looked_for_at()) return;
    stream->abort();
    filled.notify_all();
  }
};

class PeerLink::Implementation : public std::enable_shared_from_this<Implementation> {
 public:
  Implementation(const Options& options, net::PeerKey key, Events events)
      : options_(options), key_(std::move(key)), events_(std::move(events)) {}

  Result<void> listen() {
    auto made = net::listen_keyed(runtime_, {.address = options_.address}, key_,
                                  [this](KeyedStreamPtr stream) { return serve(std::move(stream)); });
    if (!made) return made.error();
    listener_ = std::move(*made);
    return {};
  }

  void stop() {
    if (stopping_.exchange(true)) return;
    {
      const Lock lock(mutex_);
      for (const auto& stream : outgoing_) stream->abort();
    }
    listener_.reset();
    tasks_.stop();
    runtime_.stop();
  }

  void send(MemberId to, bool bulk, std::string frame) {
    std::shared_ptr<OutgoingLine> line;
    {
      const Lock lock(mutex_);
      const auto found = lines_.find({to, bulk ? LineKind::kBulk : LineKind::kSmall});
      if (found == lines_.end()) return;
      line = found->second;
    }
    put(*line, kFrame, frame);
  }

  void set_peers(const std::vector<PeerAddress>& peers) {
    const Lock lock(mutex_);
    members_.clear();
    for (const PeerAddress& peer : peers) {
      if (peer.number == options_.own) continue;
      numbers_[peer.key] = peer.number;
      if (peer.former) former_[peer.number] = peer;
      if (peer.former) continue;
      members_.insert(peer.number);
      retire_others_at(peer);
      for (const LineKind kind : {LineKind::kSmall, LineKind::kBulk}) set_line(peer, kind);
    }
  }

  void set_facts(const PeerFacts& facts) {
    std::vector<std::shared_ptr<OutgoingLine>> lines;
    {
      const Lock lock(mutex_);
      if (own_facts_ == facts) return;
      own_facts_ = facts;
      for (const auto& [key, line] : lines_) {
        if (key.second == LineKind::kSmall) lines.push_back(line);
      }
    }
    for (const auto& line : lines) put(*line, kFacts, facts_json(facts, "facts"));
  }

  bool connected(MemberId member) const {
    const Lock lock(mutex_);
    const auto to = lines_.find({member, LineKind::kSmall});
    return hears(member) && to != lines_.end() && to->second->is_open();
  }
  std::map<MemberId, PeerFacts> facts() const {
    const Lock lock(mutex_);
    return facts_;
  }
  uint16_t port() const { return listener_ ? listener_->port() : 0; }

  void talk(MemberId to, std::string kind, Talk talk, std::function<void(Result<void>)> done) {
    if (stopping_) return done(Error(ErrorCode::kCancelled, "stopping"));
    tasks_.spawn("talk", [this, to, kind = std::move(kind), talk = std::move(talk), done = std::move(done)] {
      return run_talk(to, kind, talk, done);
    });
  }

  Result<FetchedCopy> fetch_copy(MemberId from, const env::Path& directory) {
    if (stopping_) return Error(ErrorCode::kCancelled, "stopping");
    auto done = std::make_shared<std::promise<Result<FetchedCopy>>>();
    std::future<Result<FetchedCopy>> future = done->get_future();
    tasks_.spawn("fetch copy", [this, done, from, directory] { return run_fetch(done, from, directory); });
    done.reset();
    try {
      return future.get();
    } catch (const std::future_error&) {  // the work was dropped: the link stops
      return Error(ErrorCode::kCancelled, "stopping");
    }
  }

 private:
  using LineKey = std::pair<MemberId, LineKind>;

  void put(OutgoingLine& line, char kind, const std::string& text) {
    {
      const Lock lock(line.mutex);
      if (line.bytes + text.size() > options_.queue_bytes && !line.queue.empty()) return;  // lost
      line.bytes += text.size() + 1;
      line.queue.push_back(kind + text);
    }
    line.filled.notify_all();
  }

  void retire_others_at(const PeerAddress& peer) REQUIRES(mutex_) {
    for (const auto& [key, line] : lines_) {
      const Lock lock(line->mutex);
      if (key.first != peer.number && line->address == peer.address) line->retired = true;
    }
  }

  void set_line(const PeerAddress& peer, LineKind kind) REQUIRES(mutex_) {
    std::shared_ptr<OutgoingLine>& line = lines_[{peer.number, kind}];
    const bool fresh = line == nullptr;
    if (fresh) line = std::make_shared<OutgoingLine>();
    line->to = peer.number;
    line->kind = kind;
    {
      const Lock lock(line->mutex);
      line->address = peer.address;
      line->key = peer.key;
      line->leave_former_place();
    }
    const auto said = facts_.find(peer.number);
    if (said != facts_.end() && !said->second.address.empty())
      look_for_it_at(peer.number, said->second.address);
    if (fresh) tasks_.spawn("line", [this, line] { return run_line(line); });
  }

  env::Task<Result<KeyedStreamPtr>> connect(OutgoingLine& line, std::string kind) {
    std::string address, key;
    {
      const Lock lock(line.mutex);
      address = line.looked_for_at();
      key = line.key;
    }
    Result<KeyedStreamPtr> stream = co_await net::connect_keyed(runtime_, address, key_, kConnectTime);
    if (!stream) co_return stream.error();
    if ((*stream)->peer_key() != key)
      co_return Error(ErrorCode::kForbidden, fmt::format("{} shows another key than the member's", address));
    std::string hello;
    {
      const Lock lock(mutex_);
      hello = facts_json(own_facts_, kind);
      if (stopping_) co_return Error(ErrorCode::kCancelled, "stopping");
      outgoing_.insert(*stream);
    }
    const Result<void> said = co_await write_text(**stream, hello);
    if (!said) {
      forget(*stream);
      co_return said.error();
    }
    const Lock lock(line.mutex);
    line.connected_to = std::move(address);
    line.stream = *stream;
    co_return *stream;
  }

  void forget(const KeyedStreamPtr& stream) {
    const Lock lock(mutex_);
    outgoing_.erase(stream);
  }

  env::Task<void> run_line(std::shared_ptr<OutgoingLine> line) {
    while (!stopping_ && !is_retired(*line)) {
      const Result<KeyedStreamPtr> stream = co_await connect(*line, std::string(word_of(line->kind)));
      if (stream) {
        tasks_.spawn("line's end", [line, stream = *stream] { return end_with_peer(line, stream); });
        co_await write_frames(*line, **stream);
        (*stream)->abort();
        forget(*stream);
        end_connection(*line);
        if (line->kind == LineKind::kBulk) events_.broken(line->to);
      } else {
        const Lock lock(line->mutex);
        line->at_told = !line->at_told;  // the other one may be right
      }
      clear(*line);  // what waited is stale by now
      const bool goes_on = co_await env::sleep_for(kPause);
      if (!goes_on) co_return;
    }
  }

  static void end_connection(OutgoingLine& line) {
    const Lock lock(line.mutex);
    line.stream = nullptr;
  }

  /// The peer writes nothing here, so what is read is the end. The first frame that is written to who is gone
  /// is lost without an error.
  static env::Task<void> end_with_peer(std::shared_ptr<OutgoingLine> line, KeyedStreamPtr stream) {
    char unexpected = 0;
    (void)co_await stream->read(&unexpected, 1, kAsLongAsItIsOpen);
    const Lock lock(line->mutex);
    if (line->stream != stream) co_return;
    line->stream = nullptr;
    stream->abort();
    line->filled.notify_all();
  }

  static bool is_retired(OutgoingLine& line) {
    const Lock lock(line.mutex);
    return line.retired;
  }

  static void clear(OutgoingLine& line) {
    const Lock lock(line.mutex);
    line.queue.clear();
    line.bytes = 0;
  }

  env::Task<void> write_frames(OutgoingLine& line, net::KeyedStream& stream) {
    while (!stopping_) {
      const uint64_t seen = line.filled.version();
      std::string frame;
      {
        const Lock lock(line.mutex);
        if (line.stream == nullptr || line.connected_to != line.looked_for_at()) co_return;
        if (!line.queue.empty()) {
          frame = std::move(line.queue.front());
          line.queue.pop_front();
          line.bytes -= std::min<uint64_t>(line.bytes, frame.size());
        }
      }
      if (frame.empty()) {
        co_await line.filled.wait(seen, std::chrono::seconds(1));
        continue;
      }
      const Result<void> written = co_await write_text(stream, frame);
      if (!written) co_return;
    }
  }

  MemberId number_of(const std::string& key) const {
    const Lock lock(mutex_);
    const auto found = numbers_.find(key);
    return found == numbers_.end() ? 0 : found->second;
  }

  /// A line to one that was removed, once it is there.
  void answer_former(MemberId number) {
    const Lock lock(mutex_);
    const auto former = former_.find(number);
    if (former != former_.end()) set_line(former->second, LineKind::kSmall);
  }

  bool is_member(MemberId number) const {
    const Lock lock(mutex_);
    return members_.contains(number);
  }

  env::Task<void> serve(KeyedStreamPtr stream) {
    const MemberId from = number_of(stream->peer_key());
    if (from == 0) co_return;  // a stranger
    answer_former(from);
    const Result<std::string> text = co_await read_text(*stream, kLongestHello, kHelloTime);
    if (!text) co_return;
    std::optional<Hello> hello = read_hello(*text);
    if (!hello) co_return;
    if (hello->kind == "copy") {
      if (is_member(from)) co_await serve_copy(*stream, from);
      co_return;
    }
    const bool small = hello->kind == word_of(LineKind::kSmall);
    if (!small && hello->kind != word_of(LineKind::kBulk)) {
      // Who was taken off the list in order to come back may ask for that, and for nothing else.
      const bool may_talk = is_member(from) || hello->kind == kReadmissionTalk;
      if (may_talk && events_.talk) co_await events_.talk(from, hello->kind, *stream);
      co_return;
    }
    if (!small) co_return co_await read_frames(*stream, from, options_.bulk_frame);
    count_line(from, 1);
    note(from, hello->facts);
    co_await read_frames(*stream, from, options_.small_frame);
    count_line(from, -1);
    if (is_gone(from)) note_gone(from);
  }

  void count_line(MemberId from, int change) {
    const Lock lock(mutex_);
    if ((lines_from_[from] += change) == 0) lines_from_.erase(from);
  }
  bool hears(MemberId from) const REQUIRES(mutex_) { return lines_from_.contains(from); }
  bool is_gone(MemberId from) const {
    const Lock lock(mutex_);
    return !hears(from);
  }

  void note(MemberId from, const PeerFacts& facts) {
    {
      const Lock lock(mutex_);
      facts_[from] = facts;
      if (!facts.address.empty()) look_for_it_at(from, facts.address);
    }
    events_.facts(from, facts);
  }
  void look_for_it_at(MemberId member, const std::string& address) REQUIRES(mutex_) {
    for (const auto& [key, line] : lines_) {
      if (key.first != member) continue;
      const Lock lock(line->mutex);
      if (line->told == address) continue;
      line->told = address;
      line->at_told = address != line->address;
      line->leave_former_place();
    }
  }
  void note_gone(MemberId from) {
    PeerFacts known;
    {
      const Lock lock(mutex_);
      known = facts_[from];
    }
    known.active = false;
    note(from, known);
  }

  env::Task<void> read_frames(net::KeyedStream& stream, MemberId from, uint64_t limit) {
    while (!stopping_) {
      Result<std::string> text = co_await read_text(stream, limit, kSilence);
      if (!text || text->empty()) co_return;
      const char kind = text->front();
      if (kind == kFrame) {
        events_.frame(from, text->substr(1));
      } else if (kind == kFacts) {
        const std::optional<Hello> hello = read_hello(std::string_view(*text).substr(1));
        if (!hello) co_return;
        note(from, hello->facts);
      } else {
        co_return;
      }
    }
  }

  /// One at a time leaves this member: each holds pages of the database and the line.
  env::Task<void> serve_copy(net::KeyedStream& stream, MemberId to) {
    if (copying_.exchange(true)) co_return;
    std::optional<Result<store::AgreedState>> made;
    const auto scratch = std::make_shared<env::ScratchDirectory>(options_.scratch /
                                                                 fmt::format("copy-{}", env::random_uuid()));
    co_await env::run_blocking([&] { made = events_.make_copy(scratch->path()); });
    if (made && made->ok()) {
      const Result<void> sent = co_await send_copy(stream, to, **made, scratch->path() / kDatabaseFile);
      kLog.info("copy of the database for member {} {}", to, sent ? "sent" : sent.error().text());
    } else if (made) {
      kLog.warn("no copy of the database for member {}: {}", to, made->error().text());
    }
    copying_ = false;
  }

  env::Task<Result<void>> send_copy(net::KeyedStream& stream, MemberId to, store::AgreedState state,
                                    env::Path path) {
    uint64_t size = 0;
    std::ifstream file;
    co_await env::run_blocking([&] {
      std::error_code failure;
      size = std::filesystem::file_size(path, failure);
      file.open(path, std::ios::binary);
    });
    Result<void> sent = co_await write_text(stream, json::serialize(place_json(state, size)));
    FilePace pace(options_.copy_rate == 0 ? 0 : std::max(options_.copy_rate, kLeastCopyRate));
    env::SteadyTime told = env::boot_clock().steady();
    std::string piece(kLinePiece, '\0');
    for (uint64_t left = size; sent.ok() && left > 0;) {
      const size_t wanted = std::min<uint64_t>(left, piece.size());
      bool read = false;
      co_await env::run_blocking(
          [&] { read = bool(file.read(piece.data(), static_cast<std::streamsize>(wanted))); });
      if (!read) co_return Error(ErrorCode::kInternal, "the copy cannot be read");
      const std::string_view bytes(piece.data(), wanted);
      const std::string_view nothing;
      sent = co_await stream.write(bytes, nothing, kCopyStandstill);
      left -= wanted;
      const env::SteadyTime now = env::boot_clock().steady();
      if (now - told >= kTellPause) {
        told = now;
        events_.copy_goes_on(to);
      }
      const env::Duration rest = pace.take(wanted, now);
      if (rest <= env::Duration(0) || left == 0) continue;
      const bool goes_on = co_await options_.rest(rest);
      if (!goes_on) co_return Error(ErrorCode::kCancelled, "stopping");
    }
    co_return sent;
  }

  env::Task<void> run_fetch(std::shared_ptr<std::promise<Result<FetchedCopy>>> done, MemberId from,
                            env::Path directory) {
    Result<FetchedCopy> copy = co_await fetch(from, std::move(directory));
    done->set_value(std::move(copy));
  }

  std::shared_ptr<OutgoingLine> bulk_line(MemberId to) const {
    const Lock lock(mutex_);
    const auto found = lines_.find({to, LineKind::kBulk});
    return found == lines_.end() ? nullptr : found->second;
  }

  env::Task<void> run_talk(MemberId to, std::string kind, Talk talk, std::function<void(Result<void>)> done) {
    Result<void> said = co_await connect_and_talk(to, std::move(kind), talk);
    done(std::move(said));
  }

  env::Task<Result<void>> connect_and_talk(MemberId to, std::string kind, const Talk& talk) {
    const std::shared_ptr<OutgoingLine> line = bulk_line(to);
    if (!line) co_return Error(ErrorCode::kUnreachable, fmt::format("member {} is not known", to));
    Result<KeyedStreamPtr> stream = co_await connect(*line, std::move(kind));
    if (!stream) co_return stream.error();
    Result<void> said = co_await talk(**stream);
    (*stream)->abort();
    forget(*stream);
    co_return said;
  }

  env::Task<Result<FetchedCopy>> fetch(MemberId from, env::Path directory) {
    const std::shared_ptr<OutgoingLine> line = bulk_line(from);
    if (!line) co_return Error(ErrorCode::kNotFound, fmt::format("member {} is not known", from));
    Result<KeyedStreamPtr> stream = co_await connect(*line, "copy");
    if (!stream) co_return stream.error();
    Result<FetchedCopy> copy = co_await receive(**stream, directory);
    forget(*stream);
    co_return copy;
  }

  env::Task<Result<FetchedCopy>> receive(net::KeyedStream& stream, env::Path directory) {
    const Result<std::string> head = co_await read_text(stream, kLongestHello, kCopyStandstill);
    if (!head) co_return head.error();
    const std::optional<json::object> told = model::read_object(*head);
    const std::optional<uint64_t> size = told ? number_member(*told, "size") : std::nullopt;
    if (!size) co_return Error(ErrorCode::kCorrupt, "what a member says of its copy cannot be read");
    const env::Path path = directory / kDatabaseFile;
    std::ofstream file;
    co_await env::run_blocking([&] { file.open(path, std::ios::binary | std::ios::trunc); });
    std::string piece(kLinePiece, '\0');
    for (uint64_t left = *size; left > 0;) {
      const size_t wanted = std::min<uint64_t>(left, piece.size());
      const Result<void> got = co_await stream.read(piece.data(), wanted, kCopyStandstill);
      if (!got) co_return got.error();
      bool kept = false;
      co_await env::run_blocking(
          [&] { kept = bool(file.write(piece.data(), static_cast<std::streamsize>(wanted))); });
      if (!kept) co_return Error(ErrorCode::kInsufficientStorage, "the copy cannot be written");
      left -= wanted;
    }
    co_await env::run_blocking([&] { file.close(); });
    Result<FetchedCopy> out = Error(ErrorCode::kInternal, "the copy cannot be synced");
    co_await env::run_blocking([&] { out = check_copy(path); });
    co_return out;
  }

  static Result<FetchedCopy> check_copy(const env::Path& path) {
    if (const Result<void> synced = env::sync_file(path); !synced.ok()) return synced.error();
    Result<FetchedCopy> state = store::read_agreed(path.parent_path());
    if (state.ok() && state->place.index == 0)
      return Error(ErrorCode::kCorrupt, "the copy is of no database of a cluster");
    return state;
  }

  const Options options_;
  const net::PeerKey key_;
  const Events events_;
  mutable Mutex mutex_;  // guards what follows
  std::map<LineKey, std::shared_ptr<OutgoingLine>> lines_ GUARDED_BY(mutex_);
  /// By key, of those who were members since the start too.
  std::map<std::string, MemberId> numbers_ GUARDED_BY(mutex_);
  std::set<MemberId> members_ GUARDED_BY(mutex_);
  std::map<MemberId, PeerAddress> former_ GUARDED_BY(mutex_);
  std::map<MemberId, PeerFacts> facts_ GUARDED_BY(mutex_);
  std::map<MemberId, int> lines_from_
      GUARDED_BY(mutex_);  // that small frames come on: two while one is replaced
  PeerFacts own_facts_ GUARDED_BY(mutex_);
  std::set<KeyedStreamPtr> outgoing_ GUARDED_BY(mutex_);

  std::atomic<bool> stopping_{false};
  std::atomic<bool> copying_{false};
  env::Runtime runtime_{2};  // of its own, so that no request delays a heartbeat
  env::TaskGroup tasks_{runtime_.executor(), "member lines"};
  std::unique_ptr<net::KeyedListener> listener_;
};

PeerLink::PeerLink(std::shared_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

PeerLink::~PeerLink() { implementation_->stop(); }

Result<std::unique_ptr<PeerLink>> PeerLink::open(const Options& options, net::PeerKey key, Events events) {
  auto made = std::make_shared<Implementation>(options, std::move(key), std::move(events));
  if (const Result<void> listening = made->listen(); !listening.ok()) {
    made->stop();
    return listening.error();
  }
  return std::unique_ptr<PeerLink>(new PeerLink(std::move(made)));
}

void PeerLink::send(MemberId to, bool bulk, std::string frame) {
  implementation_->send(to, bulk, std::move(frame));
}
void PeerLink::set_peers(const std::vector<PeerAddress>& peers) { implementation_->set_peers(peers); }
void PeerLink::set_facts(const PeerFacts& facts) { implementation_->set_facts(facts); }
std::map<MemberId, PeerFacts> PeerLink::facts() const { return implementation_->facts(); }
bool PeerLink::connected(MemberId member) const { return implementation_->connected(member); }
uint16_t PeerLink::port() const { return implementation_->port(); }
Result<FetchedCopy> PeerLink::fetch_copy(MemberId from, const env::Path& directory) {
  return implementation_->fetch_copy(from, directory);
}
void PeerLink::talk(MemberId to, std::string kind, Talk talk, std::function<void(Result<void>)> done) {
  implementation_->talk(to, std::move(kind), std::move(talk), std::move(done));
}
void PeerLink::stop() { implementation_->stop(); }

}  // namespace mullion::cluster
