#include "manager/session.h"

#include <algorithm>

#include "base/text.h"
#include "env/random.h"
#include "manager/internal/log.h"
#include "model/object.h"
#include "store/commit_async.h"
#include "store/failed_reads.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr auto kFirstPause = std::chrono::milliseconds(200);
constexpr auto kLongestPause = std::chrono::seconds(15);
constexpr int kLongestPauseExponent = 10;
/// How long a status that could not be written waits, when nothing newer is to be written.
constexpr auto kDescribeAgain = std::chrono::seconds(5);
constexpr auto kSteadyConversation = std::chrono::seconds(10);
constexpr auto kTokenAge = std::chrono::hours(4);  // half of its life

env::Duration pause_after(int failures) {
  const auto longest =
      std::min<env::Duration>(kLongestPause, kFirstPause * (1 << std::min(failures, kLongestPauseExponent)));
  return std::chrono::duration_cast<env::Duration>(longest * (0.5 + 0.5 * env::random_unit()));
}

/// What the connection ended with, as ConnectionStatus.
std::string status_of(const Error& error) {
  const bool lost = error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kTimeout ||
                    error.code == ErrorCode::kCancelled || error.code == ErrorCode::kUnavailable;
  const std::string text =
      error.messages.empty() ? std::string(error_word(error.code)) : error.messages.front();
  return fmt::format("{}: {}", lost ? "Lost" : "Error", text);
}

/// Nothing mends by itself soon, and each try counts as a wrong login at the endpoint.
bool is_refused(const Error& error) {
  return error.code == ErrorCode::kForbidden || error.code == ErrorCode::kTooManyRequests;
}

/// The reason, and for another certificate the command that accepts it.
Error with_remedy(Error error, std::string_view endpoint) {
  constexpr std::string_view kOther = "certificate fingerprint changed";
  if (error.messages.empty() || error.messages.front().find(kOther) == std::string::npos) return error;
  error.messages.front() += fmt::format("; to accept it: mullion endpoints accept {}", endpoint);
  return error;
}

/// A stream that is refused after a good login: the account has too few rights, or was changed meanwhile.
Error refused_stream(Error error) {
  if (error.status_override != 401 && error.status_override != 403) return error;
  const std::string reason = error.messages.empty() ? std::string() : error.messages.back();
  return Error(ErrorCode::kForbidden, fmt::format("login refused: {:.500}", escaped(reason)));
}

}  // namespace

Session::Session(SessionOptions options, std::string id, Connection connection)
    : options_(std::move(options)),
      id_(std::move(id)),
      connection_(std::move(connection)),
      position_(replication::load_position(*options_.store.snapshot(), id_, options_.clock)) {}

env::Task<void> Session::run() {
  options_.tasks.spawn("describe endpoint", [self = shared_from_this()] { return self->describe(); });
  int failures = 0;
  while (!stopping_) {
    const uint64_t seen = wake_.version();
    const env::SteadyTime begun = env::system_clock().steady();
    set_status("Connecting");
    const uint64_t connects_before = connects_;
    const Error error = co_await store::failed_reads_returned(converse());
    if (stopping_) break;
    kLog.warn("connection ended endpoint={} reason={}", id_, error.text());
    set_status(status_of(error));
    // A stream that ended says little about the endpoint: requests keep their way until the next attempt
    // tells.
    const bool may_answer = connects_ != connects_before && error.code != ErrorCode::kTimeout;
    disconnected(error.messages.empty() ? "" : error.messages.front(), may_answer);
    co_await remember();
    if (env::system_clock().steady() - begun > kSteadyConversation) failures = 0;
    const env::Duration pause =
        is_refused(error) ? pause_after(kLongestPauseExponent) : pause_after(failures);
    ++failures;
    co_await wake_.wait(seen, pause);
  }
  disconnected("stopped", false);
  co_await remember();
  ended_ = true;
  describe_.notify_all();
}

env::Task<Error> Session::converse() {
  Connection connection;
  uint64_t version = 0;
  {
    std::lock_guard lock(mutex_);
    connection = connection_;
    version = connection_version_;
  }
  Result<Contact> contact = co_await make_contact(options_.runtime, connection);
  if (!contact) co_return with_remedy(contact.error(), id_);
  if (contact->id != id_) {
    co_return Error(ErrorCode::kConflict,
                    fmt::format("{} is now the endpoint {}", connection.url, contact->id));
  }
  if (!contact->streams) {
    co_return Error(ErrorCode::kInvalid,
                    "it does not offer the replication stream (feature replication-stream)");
  }
  std::shared_ptr<replication::Sink> sink = make_sink();
  net::Headers headers;
  headers.add("Authorization", "Bearer " + contact->token);
  Result<std::shared_ptr<net::WebSocket>> socket =
      co_await contact->client->connect_websocket(sink->target(), std::move(headers));
  if (!socket) co_return refused_stream(socket.error());
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || version != connection_version_) {
      (*socket)->abort();
      co_return Error(ErrorCode::kCancelled, "stopped");
    }
    socket_ = *socket;
  }
  connected({contact->client, contact->token}, sink, version);
  options_.tasks.spawn("token of endpoint", [self = shared_from_this(), client = contact->client,
                                             connection] { return self->keep_token(client, connection); });
  co_return co_await sink->run(*socket);
}

std::shared_ptr<replication::Sink> Session::make_sink() {
  const std::weak_ptr<Session> weak = weak_from_this();
  const auto with_session = [weak](auto call) {
    return [weak, call](auto argument) {
      if (const std::shared_ptr<Session> self = weak.lock()) call(*self, std::move(argument));
    };
  };
  replication::SinkOptions sink{
      options_.store,
      options_.tasks,
      options_.own_id,
      options_.version,
      id_,
      counters_,
      with_session([](Session& self, std::vector<replication::Announcement> owners) {
        self.take_owners(std::move(owners));
      }),
      with_session([](Session& self, std::string state) { self.take_state(std::move(state)); }),
      with_session([](Session& self, bool current) { self.take_currency(current); }),
      options_.clock,
      options_.takes_over};
  std::lock_guard lock(mutex_);
  return std::make_shared<replication::Sink>(std::move(sink), position_);
}

void Session::connected(Access access, std::shared_ptr<replication::Sink> sink, uint64_t version) {
  ++connects_;
  {
    std::lock_guard lock(mutex_);
    if (version == connection_version_) access_ = std::move(access);
    sink_ = std::move(sink);
    reason_.clear();
  }
  kLog.info("connected endpoint={}", id_);
  set_status("Updating");
  options_.told();
}

void Session::disconnected(std::string reason, bool may_answer) {
  std::optional<Access> given_up;  // closed after the lock is gone
  {
    std::lock_guard lock(mutex_);
    if (sink_) position_ = sink_->position();
    if (!may_answer) given_up.swap(access_);
    sink_.reset();
    socket_.reset();
    reason_ = std::move(reason);
  }
  if (given_up) given_up->client->close();
  options_.changed();
  options_.told();
}

/// Saves as of when the replicas are, so that their age is known after a restart.
env::Task<void> Session::remember() {
  store::Batch batch;
  {
    std::lock_guard lock(mutex_);
    if (position_.cursor.epoch == 0) co_return;
    batch.secrets = replication::save_position(id_, position_, options_.clock);
  }
  batch.principal = "system";
  const Result<store::Cursor> done = co_await store::commit_async(options_.store, std::move(batch));
  if (!done) kLog.warn("the last contact is not saved endpoint={} reason={}", id_, done.error().text());
}

void Session::stop() {
  stopping_ = true;
  std::shared_ptr<net::WebSocket> socket;
  {
    std::lock_guard lock(mutex_);
    socket = socket_;
  }
  if (socket) socket->abort();
  wake_.notify_all();
  describe_.notify_all();
}

void Session::reconnect_with(const Connection& connection) {
  std::shared_ptr<net::WebSocket> socket;
  std::optional<Access> given_up;  // nothing more is sent where the endpoint is said not to be
  {
    std::lock_guard lock(mutex_);
    if (connection_ == connection) return;
    Connection same_way = connection;
    same_way.single_pane = connection_.single_pane;
    const bool other_way = !(same_way == connection_);
    connection_ = connection;
    if (!other_way) return;
    ++connection_version_;
    socket = socket_;
    given_up.swap(access_);
  }
  if (socket) socket->abort();
  if (given_up) given_up->client->close();
  wake_.notify_all();
}

void Session::subscribe(std::vector<std::string> owners) {
  std::shared_ptr<replication::Sink> sink;
  {
    std::lock_guard lock(mutex_);
    sink = sink_;
  }
  if (sink) sink->subscribe(std::move(owners));
}

env::Task<void> Session::keep_token(std::shared_ptr<net::Client> client, Connection connection) {
  while (true) {
    const uint64_t seen = wake_.version();
    {
      std::lock_guard lock(mutex_);
      if (stopping_ || !access_ || access_->client != client) co_return;
    }
    const bool woken_up = co_await wake_.wait(seen, kTokenAge);
    if (woken_up) continue;
    Result<std::string> token = co_await fetch_token(*client, connection.username, connection.password);
    take_token(client, std::move(token));
  }
}

void Session::take_token(const std::shared_ptr<net::Client>& client, Result<std::string> token) {
  if (!token) {
    kLog.warn("no new token endpoint={} reason={}", id_, token.error().text());
    if (token.error().code == ErrorCode::kForbidden) give_up_login(client);
    return;
  }
  std::lock_guard lock(mutex_);
  if (access_ && access_->client == client) access_->token = std::move(*token);
}

void Session::give_up_login(const std::shared_ptr<net::Client>& client) {
  std::shared_ptr<net::WebSocket> socket;
  {
    std::lock_guard lock(mutex_);
    if (!access_ || access_->client != client) return;
    access_.reset();
    socket = socket_;
    reason_ = "login refused";
  }
  if (socket) socket->abort();
}

env::Task<void> Session::renew_token(std::string stale) {
  std::shared_ptr<net::Client> client;
  Connection connection;
  {
    std::lock_guard lock(mutex_);
    if (!access_ || access_->token != stale) co_return;
    client = access_->client;
    connection = connection_;
  }
  take_token(client, co_await fetch_token(*client, connection.username, connection.password));
}

void Session::take_owners(std::vector<replication::Announcement> owners) {
  {
    std::lock_guard lock(mutex_);
    position_.announced = std::move(owners);
  }
  options_.changed();
  options_.told();
}

void Session::take_state(std::string state) {
  {
    std::lock_guard lock(mutex_);
    state_ = std::move(state);
  }
  describe_.notify_all();
  options_.told();
}

std::string Session::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

void Session::take_currency(bool current) {
  bool first = false;
  {
    std::lock_guard lock(mutex_);
    first = current && status_ == "Updating";
  }
  if (!first) return;
  set_status("Connected");
  options_.caught_up();
}

void Session::set_status(std::string status) {
  {
    std::lock_guard lock(mutex_);
    if (status_ == status) return;
    status_ = std::move(status);
  }
  describe_.notify_all();
}

/// The one who writes the Endpoint object; what changes meanwhile is written with the next round.
env::Task<void> Session::describe() {
  std::string written_status, written_state;
  while (!stopping_ && !ended_) {
    const uint64_t seen = describe_.version();
    std::string status, state;
    {
      std::lock_guard lock(mutex_);
      status = status_;
      state = state_;
    }
    if (status == written_status && state == written_state) {
      co_await describe_.wait(seen, std::chrono::hours(1));
      continue;
    }
    json::object facts;
    if (Result<json::value> parsed = model::parse_json(state.empty() ? "{}" : state);
        parsed && parsed->is_object())
      facts = std::move(parsed->get_object());
    const Result<void> done = co_await change_endpoint(options_.store, id_, [&](json::object& endpoint) {
      endpoint["ConnectionStatus"] = status;
      apply_state(facts, endpoint);
    });
    if (!done) {
      kLog.warn("endpoint object is not updated endpoint={} reason={}", id_, done.error().text());
      co_await describe_.wait(seen, kDescribeAgain);
      continue;
    }
    written_status = std::move(status);
    written_state = std::move(state);
  }
}

/// The one that the endpoint shows, or has to show; precondition: the lock is held.
std::string Session::certificate() const {
  if (access_) return access_->client->peer_fingerprint();
  return connection_.authorities.empty() ? connection_.fingerprint : std::string();
}

Neighbour Session::neighbour() const {
  std::lock_guard lock(mutex_);
  Neighbour out{id_, sink_ != nullptr, connection_.single_pane, position_.announced};
  // Before the first word: the endpoint itself is there, whatever lies behind it.
  if (out.announced.empty()) out.announced.push_back({id_, {}, true, 0, ""});
  const auto itself = std::ranges::find(out.announced, id_, &replication::Announcement::owner);
  if (itself != out.announced.end()) itself->certificate = certificate();
  return out;
}

std::optional<Session::Access> Session::access() const {
  std::lock_guard lock(mutex_);
  return access_;
}

Session::Freshness Session::freshness(std::string_view owner) const {
  std::lock_guard lock(mutex_);
  Freshness out;
  out.in_touch = sink_ != nullptr && sink_->follows(owner);
  out.reason = reason_;
  if (sink_) {
    out.as_of = sink_->as_of(owner);
    out.told = sink_->told(owner);
  } else if (const auto found = position_.as_of.find(owner); found != position_.as_of.end()) {
    out.as_of = found->second;
  }
  const auto announced = std::ranges::find(position_.announced, owner, &replication::Announcement::owner);
  if (announced == position_.announced.end() || announced->in_touch) return out;
  out.in_touch = false;
  if (out.reason.empty()) out.reason = announced->reason;
  return out;
}

void Session::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of) {
  std::lock_guard lock(mutex_);
  if (sink_) sink_->set_as_of(owner, as_of);
  if (as_of) position_.as_of.insert_or_assign(owner, *as_of);
  if (!as_of) position_.as_of.erase(owner);
}

}  // namespace mullion::manager
