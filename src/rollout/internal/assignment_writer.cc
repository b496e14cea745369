#include "rollout/internal/assignment_writer.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/mutex.h"
#include "client/routes.h"
#include "manager/endpoint_calls.h"
#include "manager/endpoint_object.h"
#include "model/object.h"
#include "rollout/internal/log.h"
#include "rollout/internal/targets.h"
#include "store/failed_reads.h"

namespace mullion::rollout::internal {
namespace {

constexpr auto kFirstPutPause = std::chrono::seconds(1);
constexpr int kMostDoublings = 5;
constexpr auto kAnswerLimit = std::chrono::seconds(30);
constexpr auto kReplicaLimit = std::chrono::seconds(5);

json::object operation(std::string_view op, std::string_view path, json::value value) {
  return {{"op", op}, {"path", path}, {"value", std::move(value)}};
}

/// Members that are empty are absent at the owner, where null stands for them.
json::value or_null(bool there, json::value value) { return there ? std::move(value) : json::value(); }

}  // namespace

json::array patch_of(const AssignmentChange& put) {
  json::array patch;
  const Assignment& seen = put.seen;
  patch.push_back(operation("test", "/VersionSets",
                            or_null(!seen.sets.empty(), json::array(seen.sets.begin(), seen.sets.end()))));
  patch.push_back(
      operation("test", "/VersionSet", or_null(!seen.last_set.empty(), json::string_view(seen.last_set))));
  patch.push_back(operation("test", "/Apply", or_null(seen.apply, true)));
  patch.push_back(
      operation("add", "/VersionSets", json::array(put.wanted.sets.begin(), put.wanted.sets.end())));
  patch.push_back(operation("add", "/VersionSet", json::string_view(put.wanted.last_set)));
  patch.push_back(operation("add", "/Apply", put.wanted.apply));
  return patch;
}

AssignmentWriter::AssignmentWriter(env::Runtime& runtime, store::Store& store, manager::Manager& manager,
                                   const env::Clock& clock, const env::Timers& timers,
                                   std::function<void()> ended)
    : store_(store),
      manager_(manager),
      clock_(clock),
      timers_(timers),
      notify_(std::move(ended)),
      feed_(store::attach_signal(store, "assignments",
                                 {.rules = {{std::string(kEndpointObjects), store::Interest::Owners::kAny}}},
                                 seen_)),
      tasks_(runtime.executor(), "rollout puts") {}

Moment AssignmentWriter::begin(const AssignmentChange& put, env::WallTime now) {
  {
    Lock lock(mutex_);
    Entry& entry = entries_[put.endpoint];
    if (entry.busy) return std::nullopt;
    // Whatever becomes of the wall clock, the pause takes no longer.
    const env::Duration left = entry.not_before - clock_.steady();
    if (left > env::Duration::zero()) return now + left;
    entry.busy = true;
  }
  tasks_.spawn("put", [this, put] { return carry_out(put); });
  return std::nullopt;
}

void AssignmentWriter::tell(const std::string& endpoint, EndpointFacts& facts) const {
  Lock lock(mutex_);
  const auto found = entries_.find(endpoint);
  if (found == entries_.end()) return;
  facts.busy = found->second.busy;
  facts.trouble = found->second.trouble;
}

env::Task<void> AssignmentWriter::stop() { co_await tasks_.async_stop(); }

env::Task<Result<void>> AssignmentWriter::write(const AssignmentChange& put) {
  if (put.owner.empty()) {
    Result<void> done = co_await put_own(put);
    co_return done;
  }
  Result<void> done = co_await put_remote(put);
  if (done) co_await await_replica(put);
  co_return done;
}

env::Task<void> AssignmentWriter::carry_out(AssignmentChange put) {
  const Result<void> outcome = co_await store::failed_reads_returned(write(put));
  if (!outcome)
    kLog.warn("endpoint is not changed endpoint={} owner={} reason={}", put.endpoint, put.owner,
              outcome.error().text());
  ended(put.endpoint, outcome);
}

void AssignmentWriter::ended(const std::string& endpoint, const Result<void>& outcome) {
  {
    Lock lock(mutex_);
    Entry& entry = entries_[endpoint];
    entry.busy = false;
    if (outcome) {
      entries_.erase(endpoint);
    } else {
      entry.trouble = client::reason_of(outcome.error());
      entry.not_before = clock_.steady() + kFirstPutPause * (1 << std::min(entry.failures++, kMostDoublings));
    }
  }
  notify_();
}

env::Task<Result<void>> AssignmentWriter::put_own(AssignmentChange put) {
  // Somebody else's change in between shows in the facts, and is not overwritten.
  std::function<void(json::object&)> change = [put](json::object& endpoint) {
    if (assignment_of(endpoint) == put.seen) assign(endpoint, put.wanted);
  };
  Result<void> done = co_await manager::change_endpoint(store_, put.endpoint, std::move(change));
  co_return done;
}

env::Task<Result<void>> AssignmentWriter::put_remote(AssignmentChange put) {
  client::Request request = client::patch_object("endpoints", put.endpoint);
  net::ClientRequest sent = client::json_request(request, patch_of(put));
  sent.timeout = kAnswerLimit;
  const std::unique_ptr<manager::EndpointCalls> owner = manager::calls_through(manager_, put.owner);
  Result<client::Answer> answer = co_await client::ask(*owner, std::move(request), std::move(sent));
  if (!answer) co_return answer.error();
  co_return Result<void>{};
}

/// What was put counts once the replica shows it.
env::Task<void> AssignmentWriter::await_replica(AssignmentChange put) {
  const env::SteadyTime deadline = clock_.steady() + kReplicaLimit;
  while (true) {
    const uint64_t version = seen_->version();
    const std::optional<std::string> body =
        store_.snapshot()->get({std::string(kEndpointObjects), put.owner, put.endpoint});
    if (!body) co_return;
    const Result<json::value> object = parse_json(*body, 256);
    if (object && object->is_object() && assignment_of(object->get_object()) == put.wanted) co_return;
    const env::Duration left = deadline - clock_.steady();
    if (left <= env::Duration::zero()) co_return;
    co_await timers_.wait(*seen_, version, left);
  }
}

}  // namespace mullion::rollout::internal
