#include "catalog/catalog.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "base/log.h"
#include "catalog/internal/builder.h"
#include "catalog/internal/fetcher.h"
#include "catalog/internal/remote_catalogs.h"
#include "model/object.h"

namespace mullion::catalog {

namespace {

constexpr Logger kLog("catalog");
constexpr std::string_view kType = "catalog_items";

/// Whether a commit may change what the catalogs are.
bool concerns_catalogs(const store::Commit& commit) {
  return std::any_of(commit.changes.begin(), commit.changes.end(), [](const store::AppliedChange& change) {
    if (store::is_remote(change.id.owner)) return false;
    return change.id.type == kType || (change.id.type == "profiles" && change.id.key == "global");
  });
}

/// Own objects, then those of packs.
std::vector<Item> stored_items(const store::Snapshot& snapshot) {
  std::vector<Item> out;
  for (const std::string_view owner : {store::kOwn, store::kLayered}) {
    (void)snapshot.scan_owner(kType, owner, "", [&out](std::string_view key, std::string_view body) {
      const auto object = model::parse_json(body);
      auto item = object && object->is_object() ? Item::parse(object->get_object())
                                                : Result<Item>(Error(ErrorCode::kInvalid, "no object"));
      if (item) {
        out.push_back(std::move(*item));
      } else {
        kLog.debug("catalog item is left out key={} reason={}", key, item.error().text());
      }
      return true;
    });
  }
  return out;
}

class LocalCatalog final : public Catalog {
 public:
  explicit LocalCatalog(Dependencies dependencies)
      : dependencies_(std::move(dependencies)),
        tasks_(dependencies_.runtime.executor(), "catalog"),
        builder_(dependencies_),
        fetcher_(dependencies_),
        remote_(dependencies_.runtime, dependencies_.blobs, dependencies_.base_root / "catalog" / "remote"),
        items_(std::make_shared<const Items>()) {}

  Task<Result<BuildReport>> build(std::string principal) override;
  std::shared_ptr<const Items> items() const override {
    std::lock_guard lock(mutex_);
    return items_;
  }
  void on_change(std::function<void()> listener) override {
    std::lock_guard lock(mutex_);
    listeners_.push_back(std::move(listener));
  }
  Task<Result<content::Blobs::Info>> fetch(Artifact artifact) override {
    return fetcher_.fetch(std::move(artifact));
  }
  Collection unused(const std::vector<Need>& needed) override;
  Task<Result<BuildReport>> remove(std::vector<KeptVersion> versions, std::string principal) override;
  std::vector<std::string> problems() const override { return remote_.problems(); }
  void start() override;
  Task<void> stop() override;

 private:
  Task<void> run_builds();
  Task<void> follow();
  void join();
  std::vector<std::string> places() const;

  const Dependencies dependencies_;
  env::TaskGroup tasks_;
  Builder builder_;
  Fetcher fetcher_;
  RemoteCatalogs remote_;
  uint64_t subscription_ = 0;
  env::Signal changed_;       // something that items() is made of
  env::Signal built_;         // a build ended
  std::mutex join_mutex_;     // taken before mutex_
  mutable std::mutex mutex_;  // guards everything below
  std::shared_ptr<const Items> items_;
  std::vector<std::function<void()>> listeners_;
  // Builds are numbered by their callers: a build covers all who called before it began.
  uint64_t called_ = 0, covered_ = 0;
  bool building_ = false, stopping_ = false;
  bool ask_again_ = true;  // catalogs of elsewhere, at once
  std::string principal_;
  Result<BuildReport> last_build_ = BuildReport{};
};

Task<Result<BuildReport>> LocalCatalog::build(std::string principal) {
  uint64_t ticket = 0;
  {
    std::lock_guard lock(mutex_);
    if (stopping_) co_return Error(ErrorCode::kUnavailable, "the server is stopping");
    ticket = ++called_;
    principal_ = std::move(principal);
    if (!std::exchange(building_, true)) tasks_.spawn("build", [this] { return run_builds(); });
  }
  while (true) {
    const uint64_t seen = built_.version();
    {
      std::lock_guard lock(mutex_);
      if (covered_ >= ticket) co_return last_build_;
      if (stopping_) co_return Error(ErrorCode::kUnavailable, "the server is stopping");
    }
    const bool told = co_await built_.wait(seen, std::chrono::hours(24));
    if (!told) co_return Error(ErrorCode::kCancelled, "cancelled");
  }
}

Task<void> LocalCatalog::run_builds() {
  while (true) {
    uint64_t covers = 0;
    std::string principal;
    {
      std::lock_guard lock(mutex_);
      building_ = covered_ < called_ && !stopping_;
      if (!building_) co_return;
      covers = called_;
      principal = principal_;
    }
    Result<BuildReport> report = co_await builder_.build(std::move(principal));
    co_await env::run_blocking([this] { join(); });  // who built it sees it at once
    {
      std::lock_guard lock(mutex_);
      last_build_ = std::move(report);
      covered_ = covers;
      ask_again_ = true;
    }
    built_.notify_all();
    changed_.notify_all();
  }
}

std::vector<std::string> LocalCatalog::places() const {
  const auto global = dependencies_.store.snapshot()->get_local("profiles", "global");
  return global ? catalog_places(global->body) : std::vector<std::string>();
}

/// Blocks.
void LocalCatalog::join() {
  std::lock_guard one_at_a_time(join_mutex_);  // an older view must not replace a newer one
  std::vector<Item> all = stored_items(*dependencies_.store.snapshot());
  std::vector<Item> elsewhere = remote_.items(places());
  all.insert(all.end(), std::make_move_iterator(elsewhere.begin()), std::make_move_iterator(elsewhere.end()));
  std::vector<std::function<void()>> listeners;
  {
    std::lock_guard lock(mutex_);
    if (items_->all() == all) return;
    items_ = std::make_shared<const Items>(std::move(all));
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener();
}

/// Keeps items() as the store and the catalogs of elsewhere are.
Task<void> LocalCatalog::follow() {
  const env::Clock& clock = env::system_clock();
  std::vector<std::string> asked;
  env::SteadyTime next_question = clock.steady();
  while (true) {
    const uint64_t seen = changed_.version();
    std::vector<std::string> wanted;
    // Catalogs that were just named are read before they count: nothing is missing for a moment.
    co_await env::run_blocking([&] {
      wanted = places();
      if (wanted == asked) join();
    });
    bool ask = wanted != asked || clock.steady() >= next_question;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) co_return;
      ask = std::exchange(ask_again_, false) || ask;
    }
    if (ask) {
      co_await remote_.refresh(wanted);
      asked = std::move(wanted);
      next_question = clock.steady() + dependencies_.refresh_interval;
      co_await env::run_blocking([this] { join(); });
    }
    // False is the time-out as well as the end, which the next suspension tells apart.
    co_await changed_.wait(seen, dependencies_.refresh_interval);
  }
}

Collection LocalCatalog::unused(const std::vector<Need>& needed) {
  join();  // an object that was stored just now counts
  std::vector<TreeFile> files;
  const env::Path tree = dependencies_.base_root / "files" / kTreeName;
  const auto names = dependencies_.blobs.list("files", kTreeName, true);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    std::error_code ignored;
    if (!name.ends_with('/')) files.push_back({name, std::filesystem::file_size(tree / name, ignored)});
  }
  return collect(files, reasons_of(*items(), needed, dependencies_.static_url() + "/files/"));
}

Task<Result<BuildReport>> LocalCatalog::remove(std::vector<KeptVersion> versions, std::string principal) {
  Result<void> removed;
  co_await env::run_blocking([&] {
    for (const KeptVersion& version : versions) {
      for (const std::string& path : version.paths) {
        auto gone = dependencies_.blobs.remove("files", fmt::format("{}/{}", kTreeName, path));
        if (!gone) removed = gone;
        env::Path folder = (dependencies_.base_root / "files" / kTreeName / path).parent_path();
        std::error_code problem;  // folders that are empty now go too, others refuse
        while (folder.filename() != kTreeName && std::filesystem::remove(folder, problem) && !problem) {
          folder = folder.parent_path();
        }
      }
    }
  });
  Result<BuildReport> report = co_await build(std::move(principal));
  if (!removed) co_return removed.error();
  co_return report;
}

void LocalCatalog::start() {
  join();
  subscription_ = dependencies_.store.subscribe([this](const std::shared_ptr<const store::Commit>& commit) {
    if (concerns_catalogs(*commit)) changed_.notify_all();
  });
  tasks_.spawn("follow", [this] { return follow(); });
}

Task<void> LocalCatalog::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) co_return;
  }
  if (subscription_ != 0) dependencies_.store.unsubscribe(subscription_);
  built_.notify_all();
  changed_.notify_all();
  co_await tasks_.async_stop();
}

}  // namespace

std::unique_ptr<Catalog> make_catalog(Dependencies dependencies) {
  return std::make_unique<LocalCatalog>(std::move(dependencies));
}

}  // namespace mullion::catalog
