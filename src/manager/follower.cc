#include "manager/follower.h"

#include <mutex>

namespace mullion::manager {
namespace {

class StreamFollower final : public EndpointFollower {
 public:
  StreamFollower(replication::SinkOptions options, replication::SavedPosition position)
      : sink_(std::move(options), std::move(position)) {}

  env::Task<Result<void>> open(Link& link, net::Headers headers) override {
    Result<std::shared_ptr<net::WebSocket>> opened = co_await link.stream(sink_.target(), std::move(headers));
    if (!opened) co_return opened.error();
    std::lock_guard lock(mutex_);
    socket_ = std::move(*opened);
    if (aborted_) socket_->abort();
    co_return Result<void>{};
  }
  env::Task<Error> run() override { return sink_.run(socket()); }
  void abort() override {
    std::lock_guard lock(mutex_);
    aborted_ = true;
    if (socket_) socket_->abort();
  }

  void subscribe(std::vector<std::string> owners) override { sink_.subscribe(std::move(owners)); }
  bool follows(std::string_view owner) const override { return sink_.follows(owner); }
  std::optional<env::SteadyTime> as_of(std::string_view owner) const override { return sink_.as_of(owner); }
  std::optional<env::SteadyTime> told(std::string_view owner) const override { return sink_.told(owner); }
  void set_as_of(const std::string& owner, std::optional<env::SteadyTime> as_of) override {
    sink_.set_as_of(owner, as_of);
  }
  replication::SavedPosition position() const override { return sink_.position(); }

 private:
  std::shared_ptr<net::WebSocket> socket() const {
    std::lock_guard lock(mutex_);
    return socket_;
  }

  replication::Sink sink_;
  mutable std::mutex mutex_;
  std::shared_ptr<net::WebSocket> socket_;
  bool aborted_ = false;
};

}  // namespace

std::shared_ptr<EndpointFollower> follow_stream(replication::SinkOptions options,
                                                replication::SavedPosition position) {
  return std::make_shared<StreamFollower>(std::move(options), std::move(position));
}

}  // namespace mullion::manager
