#include "apply/downstream_sync.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <set>
#include <utility>

#include "apply/internal/endpoint_memory.h"
#include "apply/internal/file_facts.h"
#include "apply/internal/log.h"
#include "apply/internal/set_secrets.h"
#include "apply/internal/upload.h"
#include "auth/auth.h"
#include "base/json.h"
#include "base/mutex.h"
#include "client/routes.h"
#include "env/attempt.h"
#include "env/pools.h"
#include "manager/endpoint_calls.h"
#include "model/index_value.h"
#include "model/members.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "plan/sync_plan.h"
#include "store/failed_reads.h"
#include "store/follower.h"
#include "versionset/set_cache.h"
#include "versionset/sources.h"

namespace mullion::apply {
namespace {

constexpr std::string_view kSets = "version_sets";
constexpr std::string_view kItems = "catalog_items";
constexpr std::string_view kEndpoints = "endpoints";
constexpr auto kFetchGather = std::chrono::milliseconds(50);  // changes come in groups
constexpr auto kFirstFetchPause = std::chrono::seconds(2);
constexpr auto kLongestFetchPause = std::chrono::minutes(5);
constexpr auto kForEver = std::chrono::hours(24);
/// That a replica has become young enough is not told: of one that is in touch, and of one that is not.
constexpr auto kReplicaLook = std::chrono::seconds(1);
constexpr auto kDarkReplicaLook = std::chrono::seconds(30);

/// What of an Endpoint object of a downstream manager decides what is pushed to it: all else changes often.
constexpr std::array<std::string_view, 4> kEndpointMembers{"VersionSets", "VersionSet", "Arch", "Os"};

bool same_members(std::string_view before, std::string_view after) {
  return std::ranges::all_of(kEndpointMembers, [&](std::string_view name) {
    return model::raw_member(before, name) == model::raw_member(after, name);
  });
}

store::Interest what_is_pushed() {
  constexpr auto kAnywhere = store::Interest::Owners::kAny;
  return {.rules = {{std::string(kSets), kAnywhere},
                    {std::string(kItems), kAnywhere},
                    {std::string(kEndpoints), store::Interest::Owners::kRemote}}};
}

bool matters(const store::AppliedChange& change) {
  if (change.id.type == kSets) return true;
  if (change.id.type == kItems) return store::is_remote(change.id.owner);
  if (change.id.type != kEndpoints) return false;
  return !change.body || !change.old_body || !same_members(*change.old_body, *change.body);
}

using Objects = std::map<std::string, json::object>;

Objects objects_of(const store::Snapshot& view, std::string_view type, std::string_view owner) {
  Objects out;
  view.scan_owner(type, owner, "", [&](std::string_view key, std::string_view body) {
    out.try_emplace(std::string(key), model::parse_object(body));
    return true;
  });
  return out;
}

/// The plans to one manager, one after the other; a slow or dark one waits alone.
struct Downstream {
  bool working = false;
  std::optional<std::set<std::string>> files;  // that are there; absent after a start, and after a failure
  env::SteadyTime ended{};  // its last plan; what the replica shows of before says nothing of it
  env::Duration pause = kFirstFetchPause;
  env::Signal wake;
};

class DownstreamSyncImpl final : public DownstreamSync {
 public:
  explicit DownstreamSyncImpl(const Dependencies& given)
      : given_(given),
        memory_(given_.store),
        artifacts_(make_artifacts(given_.catalog, given_.blobs)),
        tasks_(given_.runtime.executor(), "downstream sync") {
    // These listeners cannot be taken back; what they hold outlives us.
    given_.catalog.on_change([wake = wake_] { wake->notify_all(); });
    given_.manager.on_endpoint_change([downstreams = downstreams_, wake = wake_](const std::string& id) {
      if (downstreams->wake(id)) wake->notify_all();
    });
  }

  void start() override {
    const auto follow = [wake = wake_](const std::shared_ptr<const store::Commit>& commit) {
      if (std::ranges::any_of(commit->changes, matters)) wake->notify_all();
    };
    follower_ = store::Follower(
        given_.store, given_.runtime,
        {"downstream sync", what_is_pushed(), follow, [wake = wake_] { wake->notify_all(); }});
    tasks_.spawn("downstream sync", [this] { return run(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    wake_->notify_all();
    co_await tasks_.async_stop();
  }

  Statistics statistics() const override { return {files_, bytes_, failures_}; }

 private:
  /// Shared with listeners that live longer.
  class Downstreams {
   public:
    /// True the first time, and the first time after what happened was passed over: what an endpoint has may
    /// be known from before, then no commit tells of it.
    bool wake(const std::string& id) {
      Lock lock(mutex_);
      const bool first = !downstreams_.contains(id);
      of(id)->wake.notify_all();
      return std::exchange(passed_over_, false) || first;
    }
    /// Something happened while this server was no manager.
    void pass_over() {
      Lock lock(mutex_);
      passed_over_ = true;
    }
    /// Whether a replica that is as of `moment` shows what was done there last.
    bool is_shown(const std::string& id, env::SteadyTime moment) {
      Lock lock(mutex_);
      return of(id)->ended < moment;
    }
    /// True: it is at work, or waits to try again, which `now` it does.
    bool is_working(const std::string& id, bool now) {
      Lock lock(mutex_);
      const std::shared_ptr<Downstream> downstream = of(id);
      if (downstream->working && now) downstream->wake.notify_all();
      return downstream->working;
    }
    /// Whether files may be there that this plan does not keep.
    bool is_untidy(const plan::SyncPlan& plan) {
      Lock lock(mutex_);
      const auto& files = of(plan.next_hop)->files;
      return !files || !std::ranges::includes(plan.files_to_keep, *files);
    }
    std::shared_ptr<Downstream> begin(const std::string& id) {
      Lock lock(mutex_);
      std::shared_ptr<Downstream> downstream = of(id);
      downstream->working = true;
      downstream->files.reset();
      return downstream;
    }
    void end(const std::string& id, std::optional<std::set<std::string>> files, env::SteadyTime now) {
      Lock lock(mutex_);
      const std::shared_ptr<Downstream> downstream = of(id);
      downstream->working = false;
      downstream->files = std::move(files);
      downstream->ended = now;
    }

   private:
    std::shared_ptr<Downstream> of(const std::string& id) REQUIRES(mutex_) {
      std::shared_ptr<Downstream>& downstream = downstreams_[id];
      if (downstream == nullptr) downstream = std::make_shared<Downstream>();
      return downstream;
    }

    Mutex mutex_;
    std::map<std::string, std::shared_ptr<Downstream>> downstreams_ GUARDED_BY(mutex_);
    bool passed_over_ GUARDED_BY(mutex_) = false;
  };

  /// One plan after the other: what changes meanwhile is seen by the next.
  Task<void> run() {
    uint64_t seen = 0;
    env::Duration pause = kForEver;
    while (!stopping_) {
      const bool woken = co_await given_.timers.wait(*wake_, seen, pause);
      const bool slept = co_await given_.timers.sleep_for(kFetchGather);
      if (!slept) co_return;
      seen = wake_->version();
      pause = kForEver;
      if (!given_.manager.active()) {
        downstreams_->pass_over();
        continue;
      }
      const Result<plan::SyncPlans> plans = co_await plans_now();
      if (!plans) {
        kLog.error("downstream version sets cannot be planned what={}", plans.error().text());
        wake_->notify_all();
        const bool rested = co_await given_.timers.sleep_for(env::kTryAgain);
        if (!rested) co_return;
        continue;
      }
      tell(plans->problems);
      for (const plan::SyncPlan& next : plans->plans) {
        if (!downstreams_->is_working(next.next_hop, woken)) pause = std::min(pause, begin(next));
      }
    }
  }

  /// Unless the replica that the plan was made from is older than what was done there last: then how long
  /// until the next look.
  env::Duration begin(const plan::SyncPlan& plan) {
    const Replica& replica = replicas_[plan.next_hop];
    if (!downstreams_->is_shown(plan.next_hop, replica.as_of))
      return replica.in_touch ? kReplicaLook : kDarkReplicaLook;
    const std::shared_ptr<Downstream> downstream = downstreams_->begin(plan.next_hop);
    tasks_.spawn("downstream", [this, plan, downstream] { return serve(plan, downstream); });
    return kForEver;
  }

  /// What is to be done afterwards, or again, is planned anew: what came of this may be known in part only.
  Task<void> serve(plan::SyncPlan plan, std::shared_ptr<Downstream> downstream) {
    const std::string id = plan.next_hop;
    const uint64_t seen = downstream->wake.version();
    std::optional<std::set<std::string>> files;
    const Result<void> done = co_await store::failed_reads_returned(carry_out(plan));
    if (done) {
      files = std::move(plan.files_to_keep);
      downstream->pause = kFirstFetchPause;
    } else {
      ++failures_;
      kLog.warn("version sets do not reach the downstream manager manager={} reason={}", id,
                client::reason_of(done.error()));
      co_await given_.timers.wait(downstream->wake, seen, downstream->pause);
      downstream->pause = std::min<env::Duration>(downstream->pause * 2, kLongestFetchPause);
    }
    downstreams_->end(id, std::move(files), given_.clock.steady());
    wake_->notify_all();
  }

  Task<Result<plan::SyncPlans>> plans_now() {
    FileFacts facts(given_.blobs);
    std::optional<Result<plan::SyncPlans>> plans;
    const FileFacts::Work make = [&](std::set<std::string>& unsummed) {
      plans = store::as_result([&] { return make_plans(facts, unsummed); });
    };
    const env::Caller own;
    (void)co_await facts.provide(own, make);  // the server itself is never refused
    co_return std::move(*plans);
  }

  /// Blocks.
  plan::SyncPlans make_plans(FileFacts& facts, std::set<std::string>& unsummed) {
    // Before the view, which so shows at least what is promised of it.
    const env::SteadyTime asked = given_.clock.steady();
    const std::vector<manager::OwnerFreshness> owners =
        given_.manager.freshness({}, manager::ReadFrom::no_objects());
    const std::shared_ptr<const store::Snapshot> view = given_.store.snapshot();
    Objects own_sets = objects_of(*view, kSets, store::kOwn);
    Objects layered = objects_of(*view, kSets, store::kLayered);
    own_sets.merge(layered);
    std::map<std::string, plan::DownstreamManager> managers;
    std::vector<plan::DownstreamEndpoint> endpoints;
    replicas_.clear();
    for (const manager::OwnerFreshness& owner : owners) {
      if (owner.next_hop.empty()) continue;
      if (owner.next_hop == owner.owner) {
        const std::chrono::duration<double> age(owner.age_seconds);
        replicas_[owner.owner] = {asked - std::chrono::duration_cast<env::Duration>(age), owner.in_touch};
      }
      add_manager(*view, owner, managers);
      add_endpoints(*view, owner, endpoints);
    }
    const std::shared_ptr<const catalog::Items> items = given_.catalog.items();
    return plan::plan_sync(
        {given_.own_id, own_sets, endpoints, managers, *items,
         [&](const std::string& path) { return facts.find(path, unsummed); },
         [this](const std::string& next_hop, const std::string& place, const json::value& wanted,
                const json::value& shown) { return memory_.same_secret(next_hop, place, wanted, shown); },
         [this](const plan::SyncPlan& plan) { return downstreams_->is_untidy(plan); }});
  }

  static void add_manager(const store::Snapshot& view, const manager::OwnerFreshness& owner,
                          std::map<std::string, plan::DownstreamManager>& managers) {
    if (owner.next_hop != owner.owner) return;
    Objects sets = objects_of(view, kSets, owner.owner);
    Objects items = objects_of(view, kItems, owner.owner);
    if (!sets.empty() || !items.empty()) managers[owner.owner] = {std::move(sets), std::move(items)};
  }

  /// Endpoints that the manager `owner` configures.
  void add_endpoints(const store::Snapshot& view, const manager::OwnerFreshness& owner,
                     std::vector<plan::DownstreamEndpoint>& endpoints) const {
    view.scan_owner(kEndpoints, owner.owner, "", [&](std::string_view id, std::string_view body) {
      if (id == given_.own_id) return true;
      json::object object;  // the members that count, and no more of it
      for (std::string_view name : kEndpointMembers) {
        const std::string_view raw = model::raw_member(body, name);
        if (raw.empty()) continue;
        if (Result<json::value> value = parse_json(raw)) object[name] = std::move(*value);
      }
      endpoints.push_back({std::string(id), owner.next_hop, model::text_member(object, "Arch"),
                           model::text_member(object, "Os"), versionset::set_names(object)});
      return true;
    });
  }

  void tell(const std::vector<std::string>& problems) {
    std::set<std::string> now(problems.begin(), problems.end());
    for (const std::string& problem : now) {
      if (!told_.contains(problem)) kLog.warn("downstream version set: {}", problem);
    }
    told_ = std::move(now);
  }

  Task<Result<void>> carry_out(plan::SyncPlan plan) {
    const std::unique_ptr<manager::EndpointCalls> calls =
        manager::calls_through(given_.manager, plan.next_hop);
    const Target target{
        plan.next_hop, *calls,       *artifacts_,   memory_,
        given_.store,  given_.clock, given_.timers, [this](uint64_t bytes) { bytes_ += bytes; }};
    for (const plan::Upload& upload : plan.uploads) {
      Result<void> done = co_await deliver_file(target, upload);
      if (!done) co_return done;
    }
    for (const json::object& object : plan.items) {
      Result<void> done = co_await put_object(*calls, std::string(kItems), object);
      if (!done) co_return done;
    }
    Result<void> sets = co_await put_sets(target, plan);
    if (!sets) co_return sets;
    Result<void> cleaned = co_await take_back(*calls, plan);
    if (!cleaned) co_return cleaned;
    kLog.info("version sets travelled manager={} sets={} items={} files={} taken-back={}", plan.next_hop,
              plan.sets.size(), plan.items.size(), plan.uploads.size(),
              plan.stale_sets.size() + plan.stale_items.size());
    co_return Result<void>{};
  }

  Task<Result<void>> deliver_file(const Target& target, plan::Upload upload) {
    const std::string path = "files/" + upload.path;
    Result<files::Blobs::Info> info = co_await artifacts_->fetch(upload.artifact);
    if (!info) co_return info.error();
    Result<std::string> there = co_await checksum_there(target.calls, path);
    if (!there) co_return there.error();
    if (*there == info->sha256) co_return Result<void>{};
    Result<void> sent = co_await upload_intact(target, path, *info, false);
    if (sent) ++files_;
    co_return sent;
  }

  /// One that is refused does not hold up the others.
  Task<Result<void>> put_sets(const Target& target, const plan::SyncPlan& plan) {
    Result<void> outcome;
    for (const json::object& object : plan.sets) {
      Result<void> done = co_await put_set(target, object);
      if (!done && client::is_broken(done.error())) co_return done;
      if (!done) outcome = std::move(done);
    }
    co_return outcome;
  }

  /// Secret values are sealed for the set there, and never leave in clear.
  Task<Result<void>> put_set(const Target& target, json::value set) {
    std::vector<plan::SealedAnew> secrets;
    if (model::holds_sealed(set)) {
      const std::string name = model::text_member(set.get_object(), "Id");
      Result<std::optional<json::value>> key =
          co_await client::look_up(target.calls, client::get_version_sets_pubkey(name));
      if (!key) co_return key.error();
      if (!*key || !(*key)->is_string())
        co_return Error(ErrorCode::kInvalid, fmt::format("{}: secret values cannot be sealed for it", name));
      const std::string public_key((*key)->get_string());
      Result<std::vector<plan::SealedAnew>> sealed =
          plan::seal_anew(set, [&](const json::value& here) { return sealed_for(public_key, name, here); });
      if (!sealed) co_return sealed.error();
      secrets = std::move(*sealed);
    }
    Result<void> done = co_await put_object(target.calls, std::string(kSets), std::move(set.get_object()));
    if (!done) co_return done;
    for (plan::SealedAnew& secret : secrets) {
      Result<void> kept = co_await memory_.remember_secret(target.endpoint, std::move(secret.place),
                                                           std::move(secret.here), std::move(secret.there));
      if (!kept) co_return kept;
    }
    co_return Result<void>{};
  }

  Result<json::value> sealed_for(const std::string& public_key, const std::string& set,
                                 const json::value& here) const {
    const Result<std::string> clear = opened_secret(given_.store, set, here);
    if (!clear) return clear.error();
    Result<std::string> sealed = auth::seal_for(public_key, *clear);
    if (!sealed) return sealed.error();
    return parse_json(*sealed);
  }

  Task<Result<void>> put_object(manager::EndpointCalls& calls, std::string collection, json::object object) {
    const std::string id = model::text_member(object, "Id");
    Result<bool> there = co_await is_brought(calls, collection, id);
    if (!there) co_return there.error();
    const bool exists = *there;
    const json::value body(std::move(object));
    client::Request request =
        exists ? client::put_object(collection, id) : client::post_collection(collection);
    Result<client::Answer> answer = co_await client::ask(calls, std::move(request), body);
    if (!answer) co_return answer.error();
    co_return Result<void>{};
  }

  /// Whether there is such an object there, which this server brought: the replica may be older than another
  /// one that took its place since. kConflict: that is not ours to change.
  Task<Result<bool>> is_brought(manager::EndpointCalls& calls, std::string collection, std::string id) const {
    Result<std::optional<json::value>> there =
        co_await client::look_up(calls, client::get_object(collection, id));
    if (!there) co_return there.error();
    if (!*there || !(*there)->is_object()) co_return false;
    const json::object& meta = model::object_member((*there)->get_object(), "Meta");
    if (model::text_member(meta, plan::kTravelledFrom) == given_.own_id) co_return true;
    co_return Error(ErrorCode::kConflict, fmt::format("{}/{} there is not from this server", collection, id));
  }

  Task<Result<void>> remove_object(manager::EndpointCalls& calls, std::string collection,
                                   std::string id) const {
    Result<bool> there = co_await is_brought(calls, collection, id);
    // What is not ours any more needs no removing.
    if (!there && there.error().code == ErrorCode::kConflict) co_return Result<void>{};
    if (!there) co_return there.error();
    if (!*there) co_return Result<void>{};
    co_return co_await remove(calls, client::delete_object(collection, id));
  }

  /// Sets, then items, then the files that nothing needs any more: an object that is there has its files.
  Task<Result<void>> take_back(manager::EndpointCalls& calls, const plan::SyncPlan& plan) {
    for (const std::string& name : plan.stale_sets) {
      Result<void> gone = co_await remove_object(calls, std::string(kSets), name);
      if (!gone) co_return gone;
    }
    for (const std::string& id : plan.stale_items) {
      Result<void> gone = co_await remove_object(calls, std::string(kItems), id);
      if (!gone) co_return gone;
    }
    const std::string tree = versionset::travelled_tree(given_.own_id);
    client::Request list = client::get_files().with("path", tree).with("all", "true");
    Result<std::optional<json::value>> names = co_await client::look_up(calls, std::move(list));
    if (!names) co_return names.error();
    if (!*names || !(*names)->is_array()) co_return Result<void>{};
    for (const json::value& name : (*names)->get_array()) {
      if (!name.is_string()) continue;
      const std::string path = tree + std::string(name.get_string());
      if (path.ends_with('/') || plan.files_to_keep.contains(path)) continue;
      Result<void> gone = co_await remove(calls, client::delete_files(path));
      if (!gone) co_return gone;
    }
    co_return Result<void>{};
  }

  static Task<Result<void>> remove(manager::EndpointCalls& calls, client::Request request) {
    const Result<client::Answer> answer = co_await calls.send(client::get_request(request));
    if (!answer) co_return answer.error();
    if (answer->status < 300 || answer->status == 404) co_return Result<void>{};
    co_return client::refusal_of(request, *answer);
  }

  const Dependencies given_;
  EndpointMemory memory_;
  std::unique_ptr<Artifacts> artifacts_;
  const std::shared_ptr<env::Signal> wake_ = std::make_shared<env::Signal>();
  const std::shared_ptr<Downstreams> downstreams_ = std::make_shared<Downstreams>();
  store::Follower follower_;  // ends before what it uses
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> files_{0}, bytes_{0}, failures_{0};
  struct Replica {
    env::SteadyTime as_of{};
    bool in_touch = false;
  };
  std::map<std::string, Replica> replicas_;  // of the plan that was made last; only run() uses it
  std::set<std::string> told_;               // problems; the same
  env::TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<DownstreamSync> make_downstream_sync(const Dependencies& dependencies) {
  return std::make_unique<DownstreamSyncImpl>(dependencies);
}

}  // namespace mullion::apply
