// The views that one reader watches: collections with filters, of which it is told how many objects there
// are and which of them changed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/view_changes.h"
#include "api/internal/view_hub.h"
#include "api/internal/view_pace.h"
#include "base/mutex.h"
#include "env/runtime.h"
#include "env/timers.h"

namespace mullion::api {

/// What a look at a view finds.
struct ViewLook {
  uint64_t count = 0;             // objects that the filters leave
  uint64_t total = 0;             // objects that the reader may see
  std::vector<std::string> keys;  // of those that changed in the view, came into it or left it; sorted
  bool more = false;              // others changed as well
  std::map<std::string, uint64_t> stale;  // owners that are not in touch, and their age in seconds
};

/// Looks at COLLECTION?QUERY with the reader's rights of now. Errors are the reader's mistakes, or passing.
using LookAtView = std::function<env::Task<Result<ViewLook>>(const std::string& collection,
                                                             const std::string& query, ViewChanges changes)>;
/// Takes what the reader is told: `action` about the view called `name`.
using TellView = std::function<void(std::string_view action, const std::string& name, std::string object)>;

/// Thread-safe.
class ViewWatches final : public ViewListener, public std::enable_shared_from_this<ViewWatches> {
 public:
  static constexpr size_t kMostViews = 50;
  static constexpr size_t kMostName = 64;
  static constexpr size_t kMostQuery = 8192;

  struct Given {
    ViewHub& hub;
    const env::Clock& clock;
    const env::Timers& timers;
    LookAtView look;
    TellView tell;
  };
  static std::shared_ptr<ViewWatches> make(Given given) {
    return std::shared_ptr<ViewWatches>(new ViewWatches(std::move(given)));
  }

  /// "NAME COLLECTION?QUERY": begins to watch, in place of what was watched under that name. What cannot be
  /// watched is told as an error that names it.
  void watch(std::string_view text);
  void unwatch(std::string_view name);
  /// Rights have changed.
  void look_again();
  void missed() override;
  void changed(const store::Commit& commit, size_t index,
               const std::shared_ptr<const std::string>& before) override;

  /// Looks and tells until close(). Once.
  env::Task<void> run();
  void close();

 private:
  struct View {
    std::string collection, query;
    ViewChanges changes;
    bool dirty = true;
    bool first = true;
    ViewPace pace;
    ViewLook last;
    uint64_t number = 0;  // which one of those that had this name
  };
  struct Due {
    std::string name;
    env::SteadyTime when;
  };

  explicit ViewWatches(Given given) : given_(std::move(given)) {}
  void tell_error(const std::string& name, std::string_view reason);
  void follow(const std::string& collection);
  /// What no view needs any more costs nothing from here on.
  void unfollow_unused();
  std::optional<Due> next_due() const;
  env::Task<void> look_at(std::string name);

  const Given given_;
  Mutex following_;  // who follows adds its view before others see what is not needed; taken first
  mutable Mutex mutex_;
  std::map<std::string, View, std::less<>> views_ GUARDED_BY(mutex_);
  std::set<std::string> followed_ GUARDED_BY(mutex_);  // at the hub
  uint64_t numbers_ GUARDED_BY(mutex_) = 0;
  ReaderPace pace_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  env::Signal signal_;
};

/// Whether a change in a collection may change what views of others show.
bool concerns_every_view(std::string_view collection);

}  // namespace mullion::api
