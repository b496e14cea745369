#include "manager/session.h"

#include <algorithm>

#include "base/json.h"
#include "base/mutex.h"
#include "base/text.h"
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
constexpr auto kCompareClocksEvery = std::chrono::minutes(1);

env::Duration pause_after(int failures, double chance) {
  const auto longest =
      std::min<env::Duration>(kLongestPause, kFirstPause * (1 << std::min(failures, kLongestPauseExponent)));
  return std::chrono::duration_cast<env::Duration>(longest * (0.5 + 0.5 * chance));
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
    const env::SteadyTime begun = options_.clock.steady();
    set_status("Connecting");
    const uint64_t connects_before = connects_;
    const Error error = co_await store::failed_reads_returned(converse());
    if (stopping_) break;
    kLog.warn("connection ended endpoint={} reason={}", id_, error.text());
    set_status(status_of(error));
    // A stream that ended says little about the endpoint: requests keep their way until the next attempt
    // tells.
    const bool was_connected = connects_ != connects_before;
    const bool may_answer = was_connected && error.code != ErrorCode::kTimeout;
    disconnected(error.messages.empty() ? "" : error.messages.front(), may_answer);
    co_await remember();
    // An attempt that failed slowly says nothing good.
    if (was_connected && options_.clock.steady() - begun > kSteadyConversation) failures = 0;
    const env::Duration pause =
        pause_after(is_refused(error) ? kLongestPauseExponent : failures, options_.chance());
    ++failures;
    co_await options_.timers.wait(wake_, seen, pause);
  }
  disconnected("stopped", false);
  co_await remember();
  ended_ = true;
  describe_.notify_all();
  end_.notify_all();
}

env::Task<void> Session::end() {
  while (true) {
    const uint64_t seen = end_.version();
    if (ended_) co_return;
    co_await options_.timers.wait(end_, seen, std::chrono::hours(1));
  }
}

env::Task<Error> Session::converse() {
  Connection connection;
  uint64_t version = 0;
  {
    Lock lock(mutex_);
    connection = connection_;
    version = connection_version_;
    if (const std::vector<std::string> others = other_ways(connection_); way_ != 0 && way_ <= others.size())
      connection.url = others[way_ - 1];
  }
  Result<Contact> contact =
      co_await make_contact(compared(options_.dial, clocks_, options_.clock), connection, options_.timers);
  if (!contact) {
    try_another_way(contact.error());
    co_return with_remedy(contact.error(), id_);
  }
  if (contact->id != id_) {
    co_return Error(ErrorCode::kConflict,
                    fmt::format("{} is now the endpoint {}", connection.url, contact->id));
  }
  foreign_ = !contact->streams;
  const Access access{contact->link, login_of(*contact, connection)};
  const Opened opened = co_await open_follower(access);
  if (!opened) co_return refused_stream(opened.error());
  const std::shared_ptr<EndpointFollower>& follower = *opened;
  if (!connected(access, follower, version)) {
    follower->abort();
    co_return Error(ErrorCode::kCancelled, "stopped");
  }
  options_.tasks.spawn("token of endpoint",
                       [self = shared_from_this(), access] { return self->keep_token(access); });
  // One that is followed by its public API answers all the time.
  if (follower->followed_by() == FollowedBy::kStream)
    options_.tasks.spawn("clock of endpoint",
                         [self = shared_from_this(), access] { return self->compare_clocks(access); });
  co_return co_await follower->run();
}

/// Of a cluster, when the member that was asked does not answer: any other one passes requests on. Another
/// way that fails, whatever the reason, is left: only what the user gave is held on to.
void Session::try_another_way(const Error& why) {
  const bool silent = why.code == ErrorCode::kUnreachable || why.code == ErrorCode::kTimeout ||
                      why.code == ErrorCode::kUnavailable;
  Lock lock(mutex_);
  if (silent || way_ != 0) way_ = (way_ + 1) % (other_ways(connection_).size() + 1);
}

std::shared_ptr<client::Login> Session::login_of(const Contact& contact, Connection connection) {
  const auto fetch = [weak = weak_from_this(), link = contact.link,
                      connection = std::move(connection)]() -> env::Task<Result<std::string>> {
    const std::shared_ptr<Session> self = weak.lock();
    if (!self) co_return Error(ErrorCode::kCancelled, "stopped");
    co_return co_await self->new_token(link, connection);
  };
  return std::make_shared<client::Login>(client::bearer(contact.token), fetch);
}

env::Task<Session::Opened> Session::open_follower(const Access& access) {
  constexpr int kUnauthorized = 401, kNotFound = 404;
  std::string shown = access.login->authorization();
  Opened opened = co_await open_once(access);
  if (!opened && opened.error().status_override == kUnauthorized) {
    const bool renewed = co_await access.login->renew(std::move(shown));
    if (renewed) opened = co_await open_once(access);
  }
  if (opened || opened.error().status_override != kNotFound || !by_stream()) co_return opened;
  foreign_ = true;  // it names a feature of this name and means another thing
  co_return co_await open_once(access);
}

env::Task<Session::Opened> Session::open_once(const Access& access) {
  std::shared_ptr<EndpointFollower> follower = make_follower();
  const mirror::Authorization shown = [login = access.login] { return login->authorization(); };
  Result<void> opened = co_await follower->open(access.link, shown);
  if (!opened) co_return opened.error();
  co_return follower;
}

bool Session::by_stream() const {
  const Lock lock(mutex_);
  return !foreign_ && !connection_.by_events;
}

std::shared_ptr<EndpointFollower> Session::make_follower() {
  const std::weak_ptr<Session> weak = weak_from_this();
  const auto with_session = [weak](auto call) {
    return [weak, call](auto argument) {
      if (const std::shared_ptr<Session> self = weak.lock()) call(*self, std::move(argument));
    };
  };
  replication::SinkOptions options{
      options_.store,
      options_.tasks,
      options_.own_id,
      options_.version,
      id_,
      counters_,
      with_session([](Session& self, std::vector<replication::Announcement> owners) {
        self.take_owners(std::move(owners));
      }),
      with_session([](Session& self, model::EndpointState state) { self.take_state(std::move(state)); }),
      with_session([](Session& self, bool current) { self.take_currency(current); }),
      options_.clock,
      options_.timers,
      options_.takes_over,
      options_.changed};
  const auto take_shortcomings = with_session([](Session& self, mirror::Shortcomings shortcomings) {
    self.take_shortcomings(std::move(shortcomings));
  });
  const bool streams = by_stream();
  Lock lock(mutex_);
  if (streams) shortcomings_ = {};
  Following following{streams ? FollowedBy::kStream : FollowedBy::kEvents,
                      position_,
                      connection_.limits,
                      {connection_.username, shortcomings_, take_shortcomings}};
  return options_.make_follower(std::move(options), std::move(following));
}

bool Session::connected(Access access, std::shared_ptr<EndpointFollower> follower, uint64_t version) {
  {
    Lock lock(mutex_);
    if (stopping_ || version != connection_version_) return false;
    access_ = std::move(access);
    follower_ = std::move(follower);
    followed_by_ = follower_->followed_by();
    resolution_ = follower_->resolution();
    reason_.clear();
  }
  ++connects_;
  kLog.info("connected endpoint={}", id_);
  set_status("Updating");
  options_.told();
  return true;
}

void Session::disconnected(std::string reason, bool may_answer) {
  std::optional<Access> given_up;  // closed after the lock is gone
  {
    Lock lock(mutex_);
    if (follower_) position_ = follower_->position();
    if (!may_answer) given_up.swap(access_);
    follower_.reset();
    reason_ = std::move(reason);
  }
  if (given_up) given_up->link->close();
  options_.changed();
  options_.told();
}

/// Saves as of when the replicas are, so that their age is known after a restart.
env::Task<void> Session::remember() {
  store::Batch batch;
  {
    Lock lock(mutex_);
    if (position_.cursor.epoch == 0) co_return;
    batch.secrets = replication::save_position(id_, position_, options_.clock);
  }
  batch.principal = "system";
  const Result<store::Cursor> done = co_await store::commit_async(options_.store, std::move(batch));
  if (!done) kLog.warn("the last contact is not saved endpoint={} reason={}", id_, done.error().text());
}

void Session::stop() {
  stopping_ = true;
  std::shared_ptr<EndpointFollower> follower;
  {
    Lock lock(mutex_);
    follower = follower_;
  }
  if (follower) follower->abort();
  wake_.notify_all();
  describe_.notify_all();
}

void Session::reconnect_with(const Connection& connection) {
  std::shared_ptr<EndpointFollower> follower;
  std::optional<Access> given_up;  // nothing more is sent where the endpoint is said not to be
  {
    Lock lock(mutex_);
    if (connection_ == connection) return;
    Connection same_way = connection;
    same_way.single_pane = connection_.single_pane;
    same_way.members = connection_.members;
    const bool other_way = !(same_way == connection_);
    connection_ = connection;
    if (!other_way) return;
    ++connection_version_;
    way_ = 0;
    follower = follower_;
    given_up.swap(access_);
  }
  if (follower) follower->abort();
  if (given_up) given_up->link->close();
  wake_.notify_all();
}

void Session::subscribe(std::vector<std::string> owners) {
  std::shared_ptr<EndpointFollower> follower;
  {
    Lock lock(mutex_);
    follower = follower_;
  }
  if (follower) follower->subscribe(std::move(owners));
}

env::Task<void> Session::keep_token(Access access) {
  while (true) {
    const uint64_t seen = wake_.version();
    if (!uses(access)) co_return;
    const bool woken_up = co_await options_.timers.wait(wake_, seen, kTokenAge);
    if (woken_up) continue;
    co_await access.login->renew(access.login->authorization());
  }
}

env::Task<void> Session::compare_clocks(Access access) {
  while (true) {
    const uint64_t seen = wake_.version();
    if (!uses(access)) co_return;
    const bool woken_up = co_await options_.timers.wait(wake_, seen, kCompareClocksEvery);
    if (woken_up || !uses(access)) continue;
    (void)co_await ask_info(*access.link, access.login->authorization(), options_.timers);
  }
}

bool Session::uses(const Access& access) const {
  const Lock lock(mutex_);
  return !stopping_ && access_ && access_->link == access.link;
}

env::Task<Result<std::string>> Session::new_token(std::shared_ptr<Link> link, Connection connection) {
  Result<std::string> token =
      co_await fetch_token(*link, connection.username, connection.password, options_.timers);
  if (token) co_return token;
  kLog.warn("no new token endpoint={} reason={}", id_, token.error().text());
  if (token.error().code == ErrorCode::kForbidden) give_up_login(link);
  co_return token;
}

void Session::give_up_login(const std::shared_ptr<Link>& link) {
  std::shared_ptr<EndpointFollower> follower;
  {
    Lock lock(mutex_);
    if (!access_ || access_->link != link) return;
    access_.reset();
    follower = follower_;
    reason_ = "login refused";
  }
  if (follower) follower->abort();
}

void Session::take_owners(std::vector<replication::Announcement> owners) {
  {
    Lock lock(mutex_);
    forget_untold_ages(owners);
    position_.announced = std::move(owners);
  }
  options_.changed();
  options_.told();
}

/// `owners` are announced next. What was counted from another one's copies says nothing once
/// ages are told.
void Session::forget_untold_ages(const std::vector<replication::Announcement>& owners) {
  for (const replication::Announcement& one : owners) {
    const auto before = std::ranges::find(position_.announced, one.owner, &replication::Announcement::owner);
    if (before == position_.announced.end() || before->untold_by.empty() || !one.untold_by.empty()) continue;
    if (follower_) follower_->set_as_of(one.owner, std::nullopt, {});
    position_.as_of.erase(one.owner);
    position_.held_up.erase(one.owner);
  }
}

void Session::take_state(model::EndpointState state) {
  auto told = std::make_shared<const model::EndpointState>(std::move(state));
  {
    Lock lock(mutex_);
    if (told->members) connection_.members = told_members(*told);
    state_ = std::move(told);
  }
  describe_.notify_all();
  options_.told();
}

void Session::take_shortcomings(mirror::Shortcomings shortcomings) {
  {
    Lock lock(mutex_);
    shortcomings_ = std::move(shortcomings);
  }
  options_.changed();  // parent managers hear of what is held up
  describe_.notify_all();
}

std::shared_ptr<const model::EndpointState> Session::state() const {
  Lock lock(mutex_);
  return state_;
}

void Session::take_currency(bool current) {
  bool first = false;
  {
    Lock lock(mutex_);
    first = current && status_ == "Updating";
  }
  if (!first) return;
  set_status("Connected");
  options_.caught_up();
}

void Session::set_status(std::string status) {
  {
    Lock lock(mutex_);
    if (status_ == status) return;
    status_ = std::move(status);
  }
  describe_.notify_all();
}

/// The one who writes the Endpoint object; what changes meanwhile is written with the next round.
env::Task<void> Session::describe() {
  std::string written_status;
  auto written_state = std::make_shared<const model::EndpointState>();
  std::optional<FollowedBy> written_by;
  mirror::Shortcomings written_shortcomings;
  while (!stopping_ && !ended_) {
    const uint64_t seen = describe_.version();
    std::string status;
    std::shared_ptr<const model::EndpointState> state;
    std::optional<FollowedBy> by;
    env::Duration resolution{};
    mirror::Shortcomings shortcomings;
    {
      Lock lock(mutex_);
      status = status_;
      state = state_;
      by = followed_by_;
      resolution = resolution_;
      shortcomings = shortcomings_;
    }
    if (status == written_status && *state == *written_state && by == written_by &&
        shortcomings == written_shortcomings) {
      co_await options_.timers.wait(describe_, seen, std::chrono::hours(1));
      continue;
    }
    const Result<void> done = co_await change_endpoint(options_.store, id_, [&](json::object& endpoint) {
      tell_connection(status, options_.clock.wall(), endpoint);
      apply_state(*state, endpoint);
      if (by) tell_way(word_of(*by), resolution, options_.clock.wall(), endpoint);
      tell_shortcomings(shortcomings, endpoint);
    });
    if (!done) {
      kLog.warn("endpoint object is not updated endpoint={} reason={}", id_, done.error().text());
      co_await options_.timers.wait(describe_, seen, kDescribeAgain);
      continue;
    }
    written_status = std::move(status);
    written_by = by;
    written_shortcomings = std::move(shortcomings);
    written_state = std::move(state);
  }
}

/// The one that the endpoint shows, or has to show.
std::string Session::certificate() const {
  if (access_) return access_->link->certificate();
  return connection_.authorities.empty() ? connection_.fingerprint : std::string();
}

Neighbour Session::neighbour() const {
  Lock lock(mutex_);
  Neighbour out{id_, follower_ != nullptr, connection_.single_pane, position_.announced};
  // Before the first word: the endpoint itself is there, whatever lies behind it.
  if (out.announced.empty()) out.announced.push_back({id_, {}, true, 0, ""});
  const auto itself = std::ranges::find(out.announced, id_, &replication::Announcement::owner);
  if (itself != out.announced.end()) itself->certificate = certificate();
  return out;
}

std::shared_ptr<EndpointFollower> Session::follower() const {
  Lock lock(mutex_);
  return follower_;
}

std::optional<Session::Access> Session::access() const {
  Lock lock(mutex_);
  return access_;
}

Session::Freshness Session::freshness(std::string_view owner) const {
  Lock lock(mutex_);
  Freshness out;
  out.in_touch = follower_ != nullptr && follower_->follows(owner);
  out.reason = reason_;
  if (follower_) {
    out.as_of = follower_->as_of(owner);
    out.held_up =
        follower_->held_up(owner);  // after that: what is held up was so before anything newer counted
    out.told = follower_->told(owner);
    out.resolution = follower_->resolution();
  } else if (const auto found = position_.as_of.find(owner); found != position_.as_of.end()) {
    out.as_of = found->second;
    if (const auto held_up = position_.held_up.find(owner); held_up != position_.held_up.end())
      out.held_up = held_up->second;
  }
  const auto announced = std::ranges::find(position_.announced, owner, &replication::Announcement::owner);
  if (announced == position_.announced.end()) return out;
  out.untold_by = announced->untold_by;
  if (announced->in_touch) return out;
  out.in_touch = false;
  if (out.reason.empty()) out.reason = announced->reason;
  return out;
}

void Session::set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                        replication::HeldUpCollections held_up) {
  Lock lock(mutex_);
  if (follower_) follower_->set_as_of(owner, as_of, held_up);
  position_.as_of.erase(owner);
  position_.held_up.erase(owner);
  if (!as_of) return;
  position_.as_of.emplace(owner, *as_of);
  if (!held_up.empty()) position_.held_up.emplace(owner, std::move(held_up));
}

}  // namespace mullion::manager
