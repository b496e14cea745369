// One attached endpoint: the connection, its replicas, what its Endpoint object says about it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/latency.h"
#include "base/mutex.h"
#include "client/login.h"
#include "manager/clock_apart.h"
#include "manager/contact.h"
#include "manager/follower.h"
#include "manager/routes.h"
#include "model/messages.h"

namespace mullion::manager {

struct SessionOptions {
  const Dial& dial;
  const MakeFollower& make_follower;
  env::TaskGroup& tasks;
  store::Store& store;
  std::string own_id, version;
  std::function<void()> changed;    // what routes depend on changed
  std::function<void()> told;       // the endpoint told something of itself, came or went
  std::function<void()> caught_up;  // what changed while there was no connection has arrived
  const env::Clock& clock;
  const env::Timers& timers;
  std::function<double()> chance;  // in [0, 1): how pauses differ
  /// The replica of `owner` comes from this endpoint from now on.
  std::function<void(const std::string& owner)> takes_over = nullptr;
};

/// Connects, follows, reconnects until stopped. Thread-safe.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionOptions options, std::string id, Connection connection);

  /// Runs until stop(). Everything received is durable or refused when it returns.
  env::Task<void> run();
  /// Asks run() to end and cuts the connection.
  void stop();
  /// Waits until run() has ended.
  env::Task<void> end();
  /// New parameters; the connection is made anew when they matter for it.
  void reconnect_with(const Connection& connection);
  void subscribe(std::vector<std::string> owners);

  const std::string& id() const { return id_; }
  Neighbour neighbour() const;
  /// How fresh the replica of `owner` is, as far as this endpoint knows.
  struct Freshness {
    bool in_touch = false;
    /// The replica holds everything that its owner had committed by then. Absent: never complete through this
    /// endpoint.
    std::optional<env::SteadyTime> as_of;
    /// The same of the endpoint's own replica, by its last word.
    std::optional<env::SteadyTime> told;
    std::string reason;
    std::string untold_by;                               // replication::Announcement::untold_by
    env::Duration resolution = std::chrono::seconds(3);  // EndpointFollower::resolution()
    replication::HeldUpCollections held_up;              // what is older, see EndpointFollower::held_up()
  };
  Freshness freshness(std::string_view owner) const;
  /// What is known elsewhere of the replica of `owner`. Absent: it was dropped, or comes from another
  /// endpoint.
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                 replication::HeldUpCollections held_up = {});

  /// A way to send requests; absent while the endpoint is known not to answer. Requests under way outlive the
  /// stream of replicas.
  struct Access {
    std::shared_ptr<Link> link;
    std::shared_ptr<client::Login> login;
  };
  std::optional<Access> access() const;
  /// Whether it is a server of another make, see Manager::is_foreign().
  bool is_foreign() const { return foreign_; }
  /// Who keeps the replicas up to date; absent while nobody does.
  std::shared_ptr<EndpointFollower> follower() const;
  /// What the endpoint last told of itself; "" before.
  std::shared_ptr<const model::EndpointState> state() const;
  const replication::SinkCounters& counters() const { return counters_; }
  uint64_t connects() const { return connects_; }
  LatencyHistogram& forwards() { return forwards_; }
  /// Seconds that its clock is ahead of ours; absent before it told.
  std::optional<double> clock_ahead() const { return clocks_->seconds(); }

 private:
  env::Task<Error> converse();
  std::shared_ptr<client::Login> login_of(const Contact& contact, Connection connection);
  /// A login that was refused ends the stream as well, which was opened with it.
  env::Task<Result<std::string>> new_token(std::shared_ptr<Link> link, Connection connection);
  env::Task<void> keep_token(Access access);
  /// While nobody else asks the endpoint for anything.
  env::Task<void> compare_clocks(Access access);
  bool uses(const Access& access) const;
  void give_up_login(const std::shared_ptr<Link>& link);
  env::Task<void> describe();
  env::Task<void> remember();
  void set_status(std::string status);
  using Opened = Result<std::shared_ptr<EndpointFollower>>;
  /// With a fresh login when the endpoint does not know ours any more: accounts change at any time, and
  /// ending the link would end what is about to be repeated over it for the same reason.
  env::Task<Opened> open_follower(const Access& access);
  env::Task<Opened> open_once(const Access& access);
  bool by_stream() const;
  std::shared_ptr<EndpointFollower> make_follower();
  /// False: it is to be stopped, or has other parameters than those of `version`.
  bool connected(Access access, std::shared_ptr<EndpointFollower> follower, uint64_t version);
  /// `may_answer`: the stream is over, but nothing says that the endpoint would not take requests.
  void disconnected(std::string reason, bool may_answer);
  void take_owners(std::vector<replication::Announcement> owners);
  void forget_untold_ages(const std::vector<replication::Announcement>& owners) REQUIRES(mutex_);
  void take_state(model::EndpointState state);
  void take_shortcomings(mirror::Shortcomings shortcomings);
  void take_currency(bool current);
  std::string certificate() const REQUIRES(mutex_);
  void try_another_way(const Error& why);

  SessionOptions options_;
  const std::string id_;
  replication::SinkCounters counters_;
  LatencyHistogram forwards_;
  const std::shared_ptr<ClockApart> clocks_ = std::make_shared<ClockApart>();
  std::atomic<uint64_t> connects_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> foreign_{false};
  env::Signal wake_;      // stop, or other parameters
  env::Signal describe_;  // status or state to be written
  env::Signal end_;

  mutable Mutex mutex_;
  Connection connection_ GUARDED_BY(mutex_);
  uint64_t connection_version_ GUARDED_BY(mutex_) = 0;
  size_t way_ GUARDED_BY(mutex_) = 0;  // 0: the address that was given, then other_ways()
  std::optional<Access> access_ GUARDED_BY(mutex_);
  std::shared_ptr<EndpointFollower> follower_ GUARDED_BY(mutex_);  // while the endpoint lets us follow
  replication::SavedPosition position_ GUARDED_BY(mutex_);         // while no follower has it
  std::vector<std::string> owners_wanted_ GUARDED_BY(mutex_);
  std::string reason_ GUARDED_BY(mutex_) = "not connected yet";
  std::string status_ GUARDED_BY(mutex_);
  /// Never null.
  std::shared_ptr<const model::EndpointState> state_ GUARDED_BY(mutex_) =
      std::make_shared<const model::EndpointState>();
  mirror::Shortcomings shortcomings_ GUARDED_BY(mutex_);
  std::optional<FollowedBy> followed_by_ GUARDED_BY(mutex_);  // by the last connection
  env::Duration resolution_ GUARDED_BY(mutex_){};             // of that
};

}  // namespace mullion::manager
