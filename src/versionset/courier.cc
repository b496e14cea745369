#include "versionset/courier.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include "base/log.h"
#include "versionset/internal/endpoint_calls.h"
#include "versionset/internal/endpoint_memory.h"
#include "versionset/internal/json_read.h"
#include "versionset/internal/set_book.h"
#include "versionset/internal/upload.h"
#include "versionset/travel.h"

namespace mullion::versionset {
namespace {

constexpr Logger kLog("versionset");
constexpr std::string_view kSets = "version_sets";
constexpr std::string_view kItems = "catalog_items";
constexpr std::string_view kEndpoints = "endpoints";
constexpr auto kGather = std::chrono::milliseconds(50);  // changes come in groups
constexpr auto kFirstPause = std::chrono::seconds(2);
constexpr auto kLongestPause = std::chrono::minutes(5);
constexpr auto kForEver = std::chrono::hours(24);

bool matters(const store::AppliedChange& change) {
  if (change.id.type == kSets) return true;
  return store::is_remote(change.id.owner) && (change.id.type == kEndpoints || change.id.type == kItems);
}

using Objects = std::map<std::string, json::object>;

Objects objects_of(const store::Snapshot& view, std::string_view type, std::string_view owner) {
  Objects out;
  const Result<void> scanned =
      view.scan_owner(type, owner, "", [&](std::string_view key, std::string_view body) {
        out.try_emplace(std::string(key), parse_object(body));
        return true;
      });
  if (!scanned) kLog.error("objects cannot be read type={} what={}", type, scanned.error().text());
  return out;
}

class CourierImpl final : public Courier {
 public:
  explicit CourierImpl(const Dependencies& given)
      : given_(given),
        memory_(given_.store),
        artifacts_(make_artifacts(given_.catalog, given_.blobs)),
        tasks_(given_.runtime.executor(), "courier") {}
  ~CourierImpl() override {
    if (subscription_ != 0) given_.store.unsubscribe(subscription_);
  }

  void start() override {
    subscription_ =
        given_.store.subscribe([wake = wake_](const std::shared_ptr<const store::Commit>& commit) {
          if (std::ranges::any_of(commit->changes, matters)) wake->notify_all();
        });
    // These listeners cannot be taken back; what they hold outlives us.
    given_.catalog.on_change([wake = wake_] { wake->notify_all(); });
    given_.manager.on_endpoint_change([wake = wake_](const std::string&) { wake->notify_all(); });
    tasks_.spawn("courier", [this] { return run(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    wake_->notify_all();
    co_await tasks_.async_stop();
  }

  Statistics statistics() const override { return {files_, bytes_, failures_}; }

 private:
  /// One round after the other: what changes during a round is seen by the next.
  Task<void> run() {
    env::Duration pause = kForEver;
    uint64_t seen = 0;
    while (!stopping_) {
      co_await wake_->wait(seen, pause);
      if (!co_await env::sleep_for(kGather)) co_return;
      seen = wake_->version();
      const bool fine = !given_.manager.active() || co_await deliver();
      if (fine) {
        pause = kForEver;
        continue;
      }
      ++failures_;
      pause = pause == env::Duration(kForEver) ? env::Duration(kFirstPause)
                                               : std::min<env::Duration>(pause * 2, kLongestPause);
    }
  }

  /// False: something did not arrive.
  Task<bool> deliver() {
    TravelPlan plan;
    co_await env::run_blocking([&] { plan = make_plan(); });
    tell(plan.problems);
    const size_t count = plan.travels.size();
    if (count == 0) co_return true;
    // A manager that is slow or dark does not hold up the others.
    auto results = std::make_shared<Results>();
    for (const Travel& travel : plan.travels) {
      tasks_.spawn("travel", [this, travel, results]() -> Task<void> {
        const Result<void> done = co_await carry_out(travel);
        if (!done) {
          kLog.warn("version sets do not reach the manager below manager={} reason={}", travel.next_hop,
                    reason_of(done.error()));
        }
        results->add(done.ok());
      });
    }
    while (!stopping_) {
      const uint64_t before = results->changed.version();
      if (results->ended() == count) break;
      co_await results->changed.wait(before, kForEver);
    }
    co_return results->all_fine();
  }

  struct Results {
    void add(bool fine) {
      {
        std::lock_guard lock(mutex);
        ++count;
        failed = failed || !fine;
      }
      changed.notify_all();
    }
    size_t ended() const {
      std::lock_guard lock(mutex);
      return count;
    }
    bool all_fine() const {
      std::lock_guard lock(mutex);
      return !failed;
    }
    env::Signal changed;
    mutable std::mutex mutex;
    size_t count = 0;
    bool failed = false;
  };

  TravelPlan make_plan() {
    const std::shared_ptr<const store::Snapshot> view = given_.store.snapshot();
    Objects own_sets = objects_of(*view, kSets, store::kOwn);
    own_sets.merge(objects_of(*view, kSets, store::kLayered));
    std::map<std::string, ManagerBelow> managers;
    std::vector<EndpointBelow> endpoints;
    for (const manager::OwnerFreshness& owner : given_.manager.freshness({})) {
      if (owner.next_hop.empty()) continue;
      if (owner.next_hop == owner.owner) {
        ManagerBelow there{objects_of(*view, kSets, owner.owner), objects_of(*view, kItems, owner.owner)};
        if (!there.sets.empty() || !there.items.empty()) managers[owner.owner] = std::move(there);
      }
      add_endpoints(*view, owner, endpoints);
    }
    const std::shared_ptr<const catalog::Items> items = given_.catalog.items();
    return plan_travel({given_.own_id, own_sets, endpoints, managers, *items,
                        [this](const std::string& path) { return file_facts(path); }});
  }

  /// Endpoints that the manager `owner` configures.
  void add_endpoints(const store::Snapshot& view, const manager::OwnerFreshness& owner,
                     std::vector<EndpointBelow>& endpoints) const {
    for (const auto& [id, object] : objects_of(view, kEndpoints, owner.owner)) {
      if (id == given_.own_id) continue;
      endpoints.push_back(
          {id, owner.next_hop, text_member(object, "Arch"), text_member(object, "Os"), set_names(object)});
    }
  }

  std::optional<FileFacts> file_facts(const std::string& path) const {
    const size_t slash = path.find('/');
    const Result<content::Blobs::Info> info =
        given_.blobs.stat(path.substr(0, slash), path.substr(slash + 1));
    if (!info) return std::nullopt;
    return FileFacts{info->sha256, info->size};
  }

  void tell(const std::vector<std::string>& problems) {
    std::set<std::string> now(problems.begin(), problems.end());
    for (const std::string& problem : now) {
      if (!told_.contains(problem)) kLog.warn("version set below: {}", problem);
    }
    told_ = std::move(now);
  }

  Task<Result<void>> carry_out(Travel travel) {
    const std::unique_ptr<EndpointCalls> calls = calls_through(given_.manager, travel.next_hop);
    const Target target{travel.next_hop, *calls,       *artifacts_,
                        memory_,         given_.store, [this](uint64_t bytes) { bytes_ += bytes; }};
    for (const Cargo& cargo : travel.cargo) {
      Result<void> done = co_await deliver_file(target, cargo);
      if (!done) co_return done;
    }
    for (const auto& [collection, objects] :
         {std::pair(kItems, &travel.items), std::pair(kSets, &travel.sets)}) {
      for (const json::object& object : *objects) {
        Result<void> done = co_await put_object(*calls, std::string(collection), object);
        if (!done) co_return done;
      }
    }
    for (const auto& [collection, keys] :
         {std::pair(kSets, &travel.stale_sets), std::pair(kItems, &travel.stale_items)}) {
      for (const std::string& key : *keys) co_await remove(*calls, fmt::format("{}/{}", collection, key));
    }
    for (const std::string& path : travel.stale_files) co_await remove(*calls, "files/" + path);
    kLog.info("version sets travelled manager={} sets={} items={} files={} taken-back={}", travel.next_hop,
              travel.sets.size(), travel.items.size(), travel.cargo.size(),
              travel.stale_sets.size() + travel.stale_items.size());
    co_return Result<void>{};
  }

  Task<Result<void>> deliver_file(const Target& target, Cargo cargo) {
    const std::string path = "files/" + cargo.path;
    Result<content::Blobs::Info> info = co_await artifacts_->fetch(cargo.artifact);
    if (!info) co_return info.error();
    Result<std::string> there = co_await checksum_there(target.calls, path);
    if (!there) co_return there.error();
    if (*there == info->sha256) co_return Result<void>{};
    Result<void> sent = co_await upload_file(target, path, *info, false);
    if (sent) ++files_;
    co_return sent;
  }

  static Task<Result<void>> put_object(EndpointCalls& calls, std::string collection, json::object object) {
    const std::string path = fmt::format("{}/{}", collection, text_member(object, "Id"));
    Result<std::optional<json::value>> there = co_await look_up(calls, target_of(path));
    if (!there) co_return there.error();
    const bool exists = there->has_value();
    net::ClientRequest request = json_request(exists ? "PUT" : "POST", target_of(exists ? path : collection),
                                              json::value(std::move(object)));
    Result<Answer> answer = co_await ask(calls, std::move(request));
    if (!answer) co_return answer.error();
    co_return Result<void>{};
  }

  /// What is in use there stays until it is not: a later round tries again.
  static Task<void> remove(EndpointCalls& calls, std::string path) {
    net::ClientRequest request = get_request(target_of(path));
    request.method = "DELETE";
    const Result<Answer> answer = co_await calls.send(std::move(request));
    const bool gone = answer && (answer->status < 300 || answer->status == 404);
    if (!gone) kLog.info("what travelled is not taken back yet path={}", path);
  }

  const Dependencies given_;
  EndpointMemory memory_;
  std::unique_ptr<Artifacts> artifacts_;
  const std::shared_ptr<env::Signal> wake_ = std::make_shared<env::Signal>();
  uint64_t subscription_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> files_{0}, bytes_{0}, failures_{0};
  std::set<std::string> told_;  // problems; only deliver() uses it
  env::TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<Courier> make_courier(const Dependencies& dependencies) {
  return std::make_unique<CourierImpl>(dependencies);
}

}  // namespace mullion::versionset
