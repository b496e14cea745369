// For tests of the API: a cluster that is what a test says it is.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"

namespace mullion::api::testing {

/// Stands alone until a test changes `shown`, and notes what it is asked.
class FakeCluster final : public cluster::Cluster {
 public:
  FakeCluster() {
    shown.own_id = shown.leader_id = shown.active_id = "00000000-0000-5000-a000-000000000001";
    shown.active = true;
    shown.state.valid = true;
    shown.state.consensus_id = shown.own_id;
    cluster::NodeView node;
    node.id = shown.own_id;
    node.passive = false;
    node.voter = true;
    shown.nodes.push_back(node);
  }

  cluster::ClusterView shown;
  bool lease = true;
  mutable int looks_until_lost = -1;  // the lease ends after so many looks; negative: never
  std::optional<cluster::ActiveMember> elsewhere;
  std::string token = "a-token";
  std::vector<cluster::HaState> enrolled_with;
  std::vector<cluster::Candidate> candidates;
  std::vector<std::string> removed, handed_to, rekeyed, moved_to;
  std::vector<cluster::AddressChange> address_changes;
  std::optional<Error> refusal;
  bool safe = false;
  int taken_over = 0;
  mutable env::Signal signal;

  bool enrolled() const override { return shown.enrolled; }
  cluster::ClusterView view() const override { return shown; }
  bool may_answer() const override { return lease && (looks_until_lost < 0 || looks_until_lost-- > 0); }
  std::optional<cluster::ActiveMember> active_elsewhere() const override { return elsewhere; }
  env::Signal changes() const override { return signal; }
  env::Task<Result<cluster::HaState>> introduce() override {
    if (refusal) co_return *refusal;
    cluster::HaState out = shown.state;
    out.token = token;
    out.root = "cm9vdA==";
    co_return out;
  }
  env::Task<Result<cluster::HaState>> enroll(cluster::HaState wanted) override {
    if (refusal) co_return *refusal;
    enrolled_with.push_back(wanted);
    co_return wanted;
  }
  env::Task<Result<cluster::Admission>> admit(cluster::Candidate candidate) override {
    if (refusal) co_return *refusal;
    candidates.push_back(candidate);
    co_return cluster::Admission{2, "site", "{}"};
  }
  env::Task<Result<cluster::NodeView>> remove(std::string id) override {
    if (refusal) co_return *refusal;
    removed.push_back(id);
    co_return shown.nodes.front();
  }
  env::Task<Result<cluster::NodeView>> replace_key(std::string id) override {
    if (refusal) co_return *refusal;
    rekeyed.push_back(id);
    co_return shown.nodes.front();
  }
  env::Task<Result<cluster::HaState>> move_to(std::string address) override {
    if (refusal) co_return *refusal;
    moved_to.push_back(address);
    cluster::HaState out = shown.state;
    out.consensus_address = address;
    co_return out;
  }
  env::Task<Result<cluster::HaState>> change_address(cluster::AddressChange change) override {
    if (refusal) co_return *refusal;
    address_changes.push_back(change);
    cluster::HaState out = shown.state;
    out.virtual_address = change.virtual_address.value_or(out.virtual_address);
    out.load_balanced = change.load_balanced.value_or(out.load_balanced);
    out.virtual_interface = change.interface.value_or(out.virtual_interface);
    out.virtual_interface_script = change.script.value_or(out.virtual_interface_script);
    shown.state = out;
    co_return out;
  }
  env::Task<Result<void>> hand_over(std::string id) override {
    if (refusal) co_return *refusal;
    handed_to.push_back(id);
    co_return Result<void>{};
  }
  env::Task<Result<std::string>> take_over() override {
    if (refusal) co_return *refusal;
    ++taken_over;
    co_return std::string("what may be missing");
  }
  env::Task<Result<bool>> fail_over_safe(env::Duration) override { co_return safe; }
};

}  // namespace mullion::api::testing
