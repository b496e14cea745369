#include "manager/follower.h"

#include "base/mutex.h"

namespace mullion::manager {
namespace {

class StreamFollower final : public EndpointFollower {
 public:
  StreamFollower(replication::SinkOptions options, replication::SavedPosition position)
      : sink_(std::move(options), std::move(position)) {}

  env::Task<Result<void>> open(std::shared_ptr<Link> link, mirror::Authorization authorization) override {
    net::Headers headers;
    headers.add("Authorization", authorization());
    Result<std::shared_ptr<net::WebSocket>> opened =
        co_await link->stream(sink_.target(), std::move(headers));
    if (!opened) co_return opened.error();
    Lock lock(mutex_);
    socket_ = std::move(*opened);
    if (aborted_) socket_->abort();
    co_return Result<void>{};
  }
  env::Task<Error> run() override { return sink_.run(socket()); }
  void abort() override {
    Lock lock(mutex_);
    aborted_ = true;
    if (socket_) socket_->abort();
  }

  void subscribe(std::vector<std::string> owners) override { sink_.subscribe(std::move(owners)); }
  bool follows(std::string_view owner) const override { return sink_.follows(owner); }
  std::optional<env::SteadyTime> as_of(std::string_view owner) const override { return sink_.as_of(owner); }
  std::optional<env::SteadyTime> told(std::string_view owner) const override { return sink_.told(owner); }
  replication::HeldUpCollections held_up(std::string_view owner) const override {
    return sink_.held_up(owner);
  }
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                 replication::HeldUpCollections held_up) override {
    sink_.set_as_of(owner, as_of, std::move(held_up));
  }
  replication::SavedPosition position() const override { return sink_.position(); }
  FollowedBy followed_by() const override { return FollowedBy::kStream; }
  env::Duration resolution() const override { return std::chrono::seconds(3); }
  env::Task<mirror::Taken> take_written(mirror::Written, env::Duration) override {
    co_return mirror::Taken{};
  }
  uint64_t word() const override { return 0; }

 private:
  std::shared_ptr<net::WebSocket> socket() const {
    Lock lock(mutex_);
    return socket_;
  }

  replication::Sink sink_;
  mutable Mutex mutex_;
  std::shared_ptr<net::WebSocket> socket_ GUARDED_BY(mutex_);
  bool aborted_ GUARDED_BY(mutex_) = false;
};

class EventsFollower final : public EndpointFollower {
 public:
  EventsFollower(replication::SinkOptions options, Following following)
      : mirror_(std::move(options), std::move(following.position), following.limits,
                std::move(following.known)) {}

  env::Task<Result<void>> open(std::shared_ptr<Link> link, mirror::Authorization authorization) override {
    return mirror_.open(std::move(link), std::move(authorization));
  }
  env::Task<Error> run() override { return mirror_.run(); }
  void abort() override { mirror_.abort(); }
  void subscribe(std::vector<std::string> owners) override { mirror_.subscribe(std::move(owners)); }
  bool follows(std::string_view owner) const override { return mirror_.follows(owner); }
  std::optional<env::SteadyTime> as_of(std::string_view owner) const override { return mirror_.as_of(owner); }
  std::optional<env::SteadyTime> told(std::string_view owner) const override { return mirror_.told(owner); }
  replication::HeldUpCollections held_up(std::string_view owner) const override {
    return mirror_.held_up(owner);
  }
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of,
                 replication::HeldUpCollections held_up) override {
    mirror_.set_as_of(owner, as_of, std::move(held_up));
  }
  replication::SavedPosition position() const override { return mirror_.position(); }
  FollowedBy followed_by() const override { return FollowedBy::kEvents; }
  env::Duration resolution() const override { return mirror_.resolution(); }
  env::Task<mirror::Taken> take_written(mirror::Written written, env::Duration patience) override {
    return mirror_.take_written(std::move(written), patience);
  }
  uint64_t word() const override { return mirror_.word(); }

 private:
  mirror::Mirror mirror_;
};

}  // namespace

std::string_view word_of(FollowedBy way) { return way == FollowedBy::kStream ? "stream" : "events"; }

std::shared_ptr<EndpointFollower> follow_endpoint(replication::SinkOptions options, Following following) {
  if (following.by == FollowedBy::kEvents)
    return std::make_shared<EventsFollower>(std::move(options), std::move(following));
  return std::make_shared<StreamFollower>(std::move(options), std::move(following.position));
}

}  // namespace mullion::manager
