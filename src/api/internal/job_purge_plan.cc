#include "api/internal/job_purge_plan.h"

#include <unordered_map>

#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "model/members.h"

namespace mullion::api {
namespace {

/// Times that are not set are long ago.
env::WallTime time_of(const json::object& object, std::string_view name) {
  env::WallTime time{};
  if (!env::parse_rfc3339(model::text_member(object, name), time)) return {};
  return time;
}

JobFacts facts_of(const store::Snapshot& snapshot, std::string_view key, const json::object& job) {
  JobFacts facts{std::string(key),
                 model::text_member(job, "Machine"),
                 model::text_member(job, "State"),
                 {},
                 {},
                 false,
                 false};
  facts.start = time_of(job, "StartTime");
  facts.end = time_of(job, "EndTime");
  const json::value* current = job.if_contains("Current");
  facts.current = current != nullptr && current->is_bool() && current->get_bool();
  facts.machine_exists = snapshot.get_local("machines", facts.machine).has_value();
  return facts;
}

}  // namespace

Result<std::vector<store::Change>> plan_purge(const Call& call, const PurgeRules& rules) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  std::vector<JobFacts> jobs;
  std::unordered_map<std::string, Digest> hashes;
  const auto visit = [&](std::string_view key, std::string_view body) {
    Result<json::object> job = parse_stored(body);
    if (!job) return true;
    JobFacts facts = facts_of(*snapshot, key, *job);
    // A job that may not be removed still counts as one that is kept.
    if (!may(call, *call.type, "delete", {std::string(key), std::string(store::kOwn)}, body))
      facts.state = "hidden";
    if (is_deletable_job(facts.state)) hashes.emplace(key, hash128(body));
    jobs.push_back(std::move(facts));
    return true;
  };
  snapshot->scan_owner("jobs", store::kOwn, "", visit);
  std::vector<store::Change> changes;
  for (const std::string& key : jobs_to_purge(std::move(jobs), rules, call.services.clock.wall())) {
    store::Change change;
    change.id = {"jobs", std::string(store::kOwn), key};
    change.expect = store::Expect::kSame;
    change.expected_hash = hashes.at(key);
    changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace mullion::api
