#include "rollout/internal/steps.h"

#include <fmt/format.h>

#include <algorithm>

#include "net/http.h"
#include "rollout/internal/targets.h"

namespace mullion::rollout::internal {
namespace {

GateAnswer no_count(std::string problem) {
  GateAnswer answer;
  answer.problem = std::move(problem);
  return answer;
}

}  // namespace

void RolloutSteps::keep(const std::vector<std::string>& ids) {
  lenders_.keep_only(ids);
  std::erase_if(held_, [&ids](const auto& held) { return std::ranges::find(ids, held.first) == ids.end(); });
}

void RolloutSteps::stored(const std::string& id, Digest hash, Rollout rollout) {
  held_.insert_or_assign(id, Held{hash, std::move(rollout)});
}

Result<RolloutSteps::Held*> RolloutSteps::held(const store::Snapshot& snapshot, const std::string& id,
                                               const std::string& body) {
  const Digest hash = hash128(body);
  const auto known = held_.find(id);
  if (known != held_.end() && known->second.hash == hash) return &known->second;
  Result<Rollout> rollout = read_rollout(snapshot, id);
  if (!rollout) return rollout.error();
  return &held_.insert_or_assign(id, Held{hash, std::move(*rollout)}).first->second;
}

Result<RolloutReading> RolloutSteps::read_and_step(const std::string& id) {
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  const Result<std::string> body = rollout_body(*snapshot, id);
  if (!body) return body.error();
  const Result<Held*> found = held(*snapshot, id, *body);
  if (!found) return found.error();
  Rollout& rollout = (*found)->rollout;
  RolloutReading reading;
  reading.now = given_.clock.wall();
  reading.state = rollout.state;
  if (!is_active(reading.state)) return reading;
  const Facts facts = facts_.of_rollout(*snapshot, rollout, assignment_writer_);
  const Result<std::string> lapse = lenders_.lapse(*snapshot, rollout);
  if (!lapse) return lapse.error();
  reading.step = next_step(rollout, facts, reading.now, std::nullopt, *lapse);
  if (reading.step.asks_gate)
    reading.step = next_step(rollout, facts, reading.now, ask_gate(snapshot, rollout), *lapse);
  if (reading.step.changed) {
    Result<store::Change> change = change_of_rollout(id, *body, reading.step.next);
    if (!change) return change.error();
    if (*change->body != *body) reading.change = std::move(*change);
  }
  if (!reading.change) rollout = reading.step.next;
  return reading;
}

GateAnswer RolloutSteps::ask_gate(const std::shared_ptr<const store::Snapshot>& snapshot,
                                  const Rollout& rollout) const {
  const std::string& collection = rollout.plan.gate->collection;
  if (!given_.store.types().find(collection))
    return no_count(fmt::format("there is no collection {}", collection));
  Result<store::Query> query = store::parse_query(collection, net::parse_query_string(gate_filter(rollout)));
  if (!query) return no_count(query.error().messages.front());
  query->own_id = given_.own_id;
  query->count_only = true;
  if (given_.params) query->param_resolver = given_.params(collection, snapshot);
  const Result<store::QueryResult> found = snapshot->query(*query);
  if (!found) return no_count(found.error().messages.front());
  if (std::string reason = held_up(rollout, *found); !reason.empty()) return no_count(std::move(reason));
  GateAnswer answer;
  answer.count = found->matching;
  return answer;
}

std::string RolloutSteps::held_up(const Rollout& rollout, const store::QueryResult& counted) const {
  std::vector<std::string> ids = gate_endpoints(rollout);
  std::erase_if(ids, [&](const std::string& id) { return !std::ranges::binary_search(counted.owners, id); });
  if (ids.empty()) return "";
  const auto read = manager::ReadFrom::collections(counted.collections);
  for (const manager::OwnerFreshness& owner : given_.manager.freshness(ids, read)) {
    if (!owner.held_up_in.empty()) return fmt::format("{}: {}", owner.owner, owner.reason);
  }
  return "";
}

}  // namespace mullion::rollout::internal
