// A server without a cluster.

#include "base/mutex.h"
#include "cluster/internal/admission.h"
#include "cluster/node.h"

namespace mullion::cluster {
namespace {

class AloneImpl final : public Alone {
 public:
  AloneImpl(env::Runtime& runtime, store::Store& store, AloneOptions options)
      : runtime_(runtime), store_(store), options_(std::move(options)) {}

  void set_api(const ApiPlace& place) override {
    const Lock lock(mutex_);
    api_ = place;
  }
  bool enrolled() const override { return false; }
  bool may_answer() const override { return true; }
  std::optional<ActiveMember> active_elsewhere() const override { return std::nullopt; }
  env::Signal changes() const override { return changes_; }

  ClusterView view() const override {
    ClusterView out;
    out.own_id = out.leader_id = out.active_id = options_.consensus_id;
    out.active = true;
    out.state.valid = true;
    out.state.consensus_id = options_.consensus_id;
    out.state.ha_id = options_.ha_id;
    out.state.server_hostname = options_.hostname;
    {
      const Lock lock(mutex_);
      out.state.api_url = api_.api_url;
    }
    NodeView node;
    node.id = options_.consensus_id;
    node.api_url = out.state.api_url;
    node.version = options_.version;
    node.passive = false;
    node.voter = true;
    out.nodes.push_back(std::move(node));
    return out;
  }

  env::Task<Result<HaState>> introduce() override {
    HaState out = view().state;
    out.api_url.clear();
    out.consensus_id.clear();
    co_return out;
  }

  env::Task<Result<HaState>> enroll(HaState wanted) override {
    if (!options_.restart)
      co_return Error(ErrorCode::kConflict, "this process cannot start anew, and so cannot join a cluster");
    {
      const Lock lock(mutex_);
      if (enrolling_) co_return Error(ErrorCode::kConflict, "this server is being enrolled");
      enrolling_ = true;
    }
    JoinRequest request;
    request.places = options_.places;
    request.settings = options_.settings;
    request.consensus_id = options_.consensus_id;
    request.api_url = view().state.api_url;
    request.hostname = options_.hostname;
    if (wanted.ha_id.empty()) wanted.ha_id = options_.ha_id;
    Result<HaState> out = Error(ErrorCode::kInternal, "");
    if (joins(wanted)) {
      out = co_await join(runtime_, std::move(request), std::move(wanted));
    } else {
      co_await env::run_blocking([&] { out = found(request, store_, std::move(wanted)); });
    }
    if (out.ok()) {
      options_.restart("this server was enrolled");
    } else {
      const Lock lock(mutex_);
      enrolling_ = false;
    }
    co_return out;
  }

  env::Task<Result<Admission>> admit(Candidate) override { co_return no_cluster(); }
  env::Task<Result<NodeView>> remove(std::string) override { co_return no_cluster(); }
  env::Task<Result<NodeView>> replace_key(std::string) override { co_return no_cluster(); }
  env::Task<Result<HaState>> move_to(std::string) override { co_return no_cluster(); }
  env::Task<Result<HaState>> change_address(AddressChange) override { co_return no_cluster(); }
  env::Task<Result<void>> hand_over(std::string) override { co_return no_cluster(); }
  env::Task<Result<std::string>> take_over() override { co_return no_cluster(); }
  env::Task<Result<bool>> fail_over_safe(env::Duration) override { co_return false; }

 private:
  static Error no_cluster() { return Error(ErrorCode::kInvalid, "This server stands alone"); }

  env::Runtime& runtime_;
  store::Store& store_;
  const AloneOptions options_;
  env::Signal changes_;
  mutable Mutex mutex_;  // guards what follows
  ApiPlace api_ GUARDED_BY(mutex_);
  bool enrolling_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<Alone> make_alone(env::Runtime& runtime, store::Store& store, AloneOptions options) {
  return std::make_unique<AloneImpl>(runtime, store, std::move(options));
}

}  // namespace mullion::cluster
