// For tests: a manager that knows what the test tells it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "manager/manager.h"

namespace mullion::manager::testing {

class FakeManager final : public Manager {
 public:
  std::atomic<bool> on{true};
  mutable std::atomic<int> looks{0};                // how often somebody wanted to know
  std::atomic<bool> in_touch{true}, current{true};  // of every owner
  /// What owners say to requests; to be set before anything runs.
  std::function<Result<net::ClientResponse>(const std::string& owner, const net::ClientRequest&)> answer;
  /// Instead of `answer`, by owners that take their time.
  std::function<Task<Result<net::ClientResponse>>(std::string owner, net::ClientRequest)> serve;

  void tell(const std::string& id, std::string state) {
    std::function<void(const std::string&)> listener;
    {
      const Lock lock(mutex_);
      states_[id] = std::move(state);
      listener = listener_;
    }
    listener(id);
  }
  void start() override {}
  Task<void> stop() override { co_return; }
  bool is_foreign(const std::string&) const override { return false; }
  bool active() const override {
    const bool answer = on;
    ++looks;
    return answer;
  }
  Task<Result<std::string>> add_endpoint(std::string, const auth::Principal&) override { co_return Error(); }
  Task<Result<net::Response>> forward(std::string, net::Request&, std::string,
                                      const auth::Principal&) override {
    co_return Error();
  }
  Task<Result<std::shared_ptr<net::WebSocket>>> forward_websocket(std::string, std::string,
                                                                  const auth::Principal&) override {
    co_return Error();
  }
  Task<Result<net::ClientResponse>> call(std::string owner, net::ClientRequest request) override {
    if (serve) co_return co_await serve(std::move(owner), std::move(request));
    if (!answer) co_return Error();
    co_return answer(owner, request);
  }
  std::shared_ptr<const model::EndpointState> endpoint_state(const std::string& id) const override {
    const Lock lock(mutex_);
    const auto found = states_.find(id);
    const std::string text = found == states_.end() ? "{}" : found->second;
    return std::make_shared<const model::EndpointState>(
        model::read_message<model::EndpointState>(text).value());
  }
  void on_endpoint_change(std::function<void(const std::string&)> listener) override {
    Lock lock(mutex_);
    listener_ = std::move(listener);
  }
  void state_changed() override {}
  /// Of every owner: this one cannot be read, or all can.
  void hold_up(std::string collection) {
    const Lock lock(mutex_);
    held_up_ = std::move(collection);
  }
  /// From now on it is among those that are known, with this replica.
  void attach(OwnerFreshness freshness) {
    const Lock lock(mutex_);
    known_.insert_or_assign(freshness.owner, std::move(freshness));
  }
  void detach(const std::string& owner) {
    const Lock lock(mutex_);
    known_.erase(owner);
  }
  std::vector<std::string> known_owners() const override { return {}; }
  std::vector<EndpointStatistics> statistics() const override { return {}; }
  Task<void> serve_stream(std::shared_ptr<net::WebSocket>, store::Cursor) override { co_return; }

 protected:
  std::vector<OwnerFreshness> replicas(const std::vector<std::string>& owners) const override {
    const Lock lock(mutex_);
    std::vector<OwnerFreshness> out;
    if (owners.empty()) {
      for (const auto& [id, freshness] : known_) out.push_back(freshness);
    }
    for (const std::string& owner : owners) {
      OwnerFreshness& fresh = out.emplace_back();
      fresh.owner = owner;
      fresh.in_touch = in_touch;
      fresh.age_seconds = current ? 0 : 1;
      if (!held_up_.empty()) fresh.held_up[held_up_] = {70, held_up_ + " answers 500"};
    }
    return out;
  }

 private:
  mutable Mutex mutex_;
  std::string held_up_ GUARDED_BY(mutex_);
  std::map<std::string, OwnerFreshness> known_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> states_ GUARDED_BY(mutex_);
  std::function<void(const std::string&)> listener_ GUARDED_BY(mutex_);
};

}  // namespace mullion::manager::testing
