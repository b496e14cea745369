// Follows the commits for those who watch views, filed under the collections that can change them.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/follower.h"

namespace mullion::api {

/// One that wants to know of changes. Called on the runtime, in the order of commits, never twice at once.
class ViewListener {
 public:
  virtual ~ViewListener() = default;
  /// Change number `index` of `commit` is about a collection that it asked for. `before` is the body that it
  /// replaced, if any: one text for all listeners, who may keep it.
  virtual void changed(const store::Commit& commit, size_t index,
                       const std::shared_ptr<const std::string>& before) = 0;
  /// Commits went by unseen.
  virtual void missed() = 0;
};

/// Thread-safe.
class ViewHub {
 public:
  ViewHub(store::Store& store, env::Runtime& runtime);
  /// No listener is called any more when this returns.
  void stop() { follower_.stop(); }
  /// What is committed after this call is told, as long as `listener` lives. Twice is as good as once.
  void add(const std::string& type, const std::shared_ptr<ViewListener>& listener);
  void remove(const std::string& type, const ViewListener* listener);
  /// Listeners by collection, each counted where it is filed.
  size_t listeners() const { return count_; }

 private:
  struct Entry {
    const ViewListener* id;  // known even when the listener is gone
    std::weak_ptr<ViewListener> listener;
  };
  void follow(const store::Commit& commit);
  std::vector<std::shared_ptr<ViewListener>> listeners(const std::string& type) const;
  void tell_missed();

  store::Store& store_;
  mutable Mutex mutex_;
  std::map<std::string, std::vector<Entry>, std::less<>> entries_ GUARDED_BY(mutex_);
  std::atomic<size_t> count_{0};
  store::Follower follower_;  // last: it calls until it is gone
};

}  // namespace mullion::api
