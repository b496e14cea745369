#include "catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/json.hpp>
#include <boost/system/system_error.hpp>
#include <map>

#include "base/json.h"
#include "base/mutex.h"
#include "catalog/internal/builder.h"
#include "catalog/internal/fetcher.h"
#include "catalog/internal/installed_here.h"
#include "catalog/internal/log.h"
#include "catalog/internal/remote_catalogs.h"
#include "env/attempt.h"
#include "model/object.h"

namespace mullion::catalog {

namespace {

constexpr std::string_view kType = "catalog_items";

/// What may change what the catalogs are: items, and where this server says it gets them (profile `global`).
store::Interest what_catalogs_come_from() {
  store::Interest out;
  out.rules = {{std::string(kType)}};
  out.rules.push_back({.type = "profiles", .key = "global"});
  return out;
}

bool is_cancellation(const boost::system::system_error& failure) {
  return failure.code() == boost::asio::error::operation_aborted;
}

/// Own objects, then those of packs.
std::vector<Item> stored_items(const store::Snapshot& snapshot) {
  std::vector<Item> out;
  for (const std::string_view owner : {store::kOwn, store::kLayered}) {
    snapshot.scan_owner(kType, owner, "", [&out](std::string_view key, std::string_view body) {
      const auto object = parse_json(body);
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
        installed_(dependencies_),
        remote_(dependencies_, dependencies_.base_root / "catalog" / "remote"),
        items_(std::make_shared<const Items>()) {
    installed_.follow([changed = changed_] { changed->notify_all(); });
  }

  Task<Result<BuildReport>> build(std::string principal) override;
  std::shared_ptr<const Items> items() const override {
    Lock lock(mutex_);
    return items_;
  }
  void on_change(std::function<void()> listener) override {
    Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }
  Task<Result<files::Blobs::Info>> fetch(Artifact artifact) override;
  Collection unused(const std::vector<Need>& needed) override;
  Task<Result<BuildReport>> remove(std::vector<KeptVersion> versions, std::string principal) override;
  std::vector<std::string> problems() const override { return remote_.problems(); }
  void start() override;
  Task<void> stop() override;

 private:
  Task<void> run_builds();
  Task<Result<BuildReport>> build_once(std::string principal);
  Task<void> follow();
  Task<void> refresh();
  Task<void> refresh_once(bool all);
  bool stopping() const;
  void count(std::vector<std::string> wanted);
  void join();
  std::vector<std::string> places() const;
  std::vector<std::string> want() {
    return remote_.want([this] { return places(); });
  }

  const Dependencies dependencies_;
  env::TaskGroup tasks_;
  Builder builder_;
  Fetcher fetcher_;
  InstalledHere installed_;
  RemoteCatalogs remote_;
  std::shared_ptr<store::CommitFeed> feed_;
  /// Something that items() is made of. Listeners that cannot be taken back hold it too.
  const std::shared_ptr<env::Signal> changed_ = std::make_shared<env::Signal>();
  env::Signal built_;    // a build ended
  Mutex join_mutex_;     // taken before mutex_
  mutable Mutex mutex_;  // guards everything below
  std::shared_ptr<const Items> items_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> listeners_ GUARDED_BY(mutex_);
  // Builds are numbered by their callers: a build covers all who called before it began.
  uint64_t called_ GUARDED_BY(mutex_) = 0, covered_ GUARDED_BY(mutex_) = 0;
  bool building_ GUARDED_BY(mutex_) = false, stopping_ GUARDED_BY(mutex_) = false;
  bool ask_again_ GUARDED_BY(mutex_) = true;             // catalogs of elsewhere, at once
  std::vector<std::string> counted_ GUARDED_BY(mutex_);  // places whose catalogs are part of items()
  std::string principal_ GUARDED_BY(mutex_);
  Result<BuildReport> last_build_ GUARDED_BY(mutex_) = BuildReport{};
};

Task<Result<BuildReport>> LocalCatalog::build(std::string principal) {
  uint64_t ticket = 0;
  {
    Lock lock(mutex_);
    if (stopping_) co_return Error(ErrorCode::kUnavailable, "the server is stopping");
    ticket = ++called_;
    principal_ = std::move(principal);
    if (!std::exchange(building_, true)) tasks_.spawn("build", [this] { return run_builds(); });
  }
  while (true) {
    const uint64_t seen = built_.version();
    {
      Lock lock(mutex_);
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
      Lock lock(mutex_);
      building_ = covered_ < called_ && !stopping_;
      if (!building_) co_return;
      covers = called_;
      principal = principal_;
    }
    Result<BuildReport> report = co_await build_once(std::move(principal));
    {
      Lock lock(mutex_);
      last_build_ = std::move(report);
      covered_ = covers;
      ask_again_ = true;
    }
    built_.notify_all();
    changed_->notify_all();
  }
}

/// Whatever happens is a result: who waits must hear of it.
Task<Result<BuildReport>> LocalCatalog::build_once(std::string principal) {
  try {
    Result<BuildReport> report = co_await builder_.build(std::move(principal));
    co_await env::run_blocking([this] { join(); });  // who built it sees it at once
    co_return report;
  } catch (const boost::system::system_error& failure) {
    if (is_cancellation(failure)) throw;
    kLog.error("build failed what={}", failure.what());
    co_return Error(ErrorCode::kInternal, failure.what());
  } catch (const std::exception& failure) {
    kLog.error("build failed what={}", failure.what());
    co_return Error(ErrorCode::kInternal, failure.what());
  }
}

std::vector<std::string> LocalCatalog::places() const {
  const auto global = dependencies_.store.snapshot()->get_local("profiles", "global");
  return global ? catalog_places(global->body) : std::vector<std::string>();
}

/// Blocks.
void LocalCatalog::join() {
  Lock one_at_a_time(join_mutex_);  // an older view must not replace a newer one
  std::vector<Item> all = stored_items(*dependencies_.store.snapshot());
  std::vector<std::string> counted;
  std::shared_ptr<const Items> before;
  {
    Lock lock(mutex_);
    counted = counted_;
    before = items_;
  }
  std::vector<Item> elsewhere = remote_.items(counted);
  all.insert(all.end(), std::make_move_iterator(elsewhere.begin()), std::make_move_iterator(elsewhere.end()));
  InstalledItems here = installed_items(all, installed_.list(), dependencies_.platform);
  all.insert(all.end(), std::make_move_iterator(here.items.begin()),
             std::make_move_iterator(here.items.end()));
  if (before->all() == all && before->withheld() == here.withheld) return;
  auto joined = std::make_shared<const Items>(std::move(all), std::move(here.withheld));
  std::vector<std::function<void()>> listeners;
  {
    Lock lock(mutex_);
    items_ = std::move(joined);
    listeners = listeners_;
  }
  for (const auto& listener : listeners) listener();
}

bool LocalCatalog::stopping() const {
  Lock lock(mutex_);
  return stopping_;
}

/// Keeps items() as the store is.
Task<void> LocalCatalog::follow() {
  while (!stopping()) {
    const uint64_t seen = changed_->version();
    Task<void> work = env::run_blocking([this] {
      (void)want();  // a round that reads what is not named any more ends
      join();
    });
    (void)co_await env::attempt(kLog, "joining", std::move(work));
    // False is the time-out as well as the end, which the next suspension tells apart.
    co_await changed_->wait(seen, dependencies_.refresh_interval);
  }
}

/// From now on these places are part of items(). Blocks.
void LocalCatalog::count(std::vector<std::string> wanted) {
  {
    Lock lock(mutex_);
    counted_ = wanted;
  }
  remote_.keep_only(wanted);
  join();
}

/// Catalogs that were just named are read, or have failed, before they count: nothing is missing for a
/// moment.
Task<void> LocalCatalog::refresh_once(bool all) {
  std::vector<std::string> wanted, fresh;
  co_await env::run_blocking([&] {
    wanted = want();
    fresh = remote_.unknown(wanted);
  });
  co_await remote_.refresh(fresh);
  co_await env::run_blocking([&] { count(wanted); });
  if (!all) co_return;
  std::erase_if(wanted, [&fresh](const std::string& place) {
    return std::find(fresh.begin(), fresh.end(), place) != fresh.end();
  });
  co_await remote_.refresh(wanted);
  co_await env::run_blocking([this] { join(); });
}

/// Keeps items() as the catalogs of elsewhere are. A task of its own: own objects do not wait for slow
/// servers.
Task<void> LocalCatalog::refresh() {
  const env::Clock& clock = dependencies_.clock;
  env::SteadyTime next_question = clock.steady();
  while (!stopping()) {
    const uint64_t seen = changed_->version();
    bool all = clock.steady() >= next_question;
    {
      Lock lock(mutex_);
      all = std::exchange(ask_again_, false) || all;
    }
    Task<void> work = refresh_once(all);
    (void)co_await env::attempt(kLog, "reading catalogs", std::move(work));
    if (all) next_question = clock.steady() + dependencies_.refresh_interval;
    co_await changed_->wait(seen, dependencies_.refresh_interval);
  }
}

Task<Result<files::Blobs::Info>> LocalCatalog::fetch(Artifact artifact) {
  if (!installed_name(artifact.source)) co_return co_await fetcher_.fetch(std::move(artifact));
  Result<files::Blobs::Info> info = Error(ErrorCode::kNotFound, "");
  co_await env::run_blocking([&] { info = installed_.open(artifact); });
  co_return info;
}

Collection LocalCatalog::unused(const std::vector<Need>& needed) {
  join();  // an object that was stored just now counts
  std::vector<TreeFile> files;
  const env::Path tree = dependencies_.base_root / "files" / kTreeName;
  const auto names = dependencies_.blobs.list("files", kTreeName, true);
  for (const std::string& name : names ? *names : std::vector<std::string>()) {
    if (name.ends_with('/')) continue;
    std::error_code problem;
    const uint64_t bytes = std::filesystem::file_size(tree / name, problem);
    files.push_back({name, problem ? 0 : bytes});
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
  fetcher_.sweep();
  (void)env::remove_tree(dependencies_.base_root / "catalog" / "work");  // copies of programs that were asked
  count(places());                                                       // as an earlier process read them
  feed_ = store::attach_signal(dependencies_.store, "catalog", what_catalogs_come_from(), changed_);
  tasks_.spawn("follow", [this] { return follow(); });
  tasks_.spawn("refresh", [this] { return refresh(); });
}

Task<void> LocalCatalog::stop() {
  {
    Lock lock(mutex_);
    if (std::exchange(stopping_, true)) co_return;
  }
  feed_.reset();
  built_.notify_all();
  changed_->notify_all();
  co_await tasks_.async_stop();
  co_await remote_.stop();
  co_await fetcher_.stop();
}

}  // namespace

std::unique_ptr<Catalog> make_catalog(Dependencies dependencies) {
  return std::make_unique<LocalCatalog>(std::move(dependencies));
}

}  // namespace mullion::catalog
