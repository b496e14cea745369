#include "api/internal/view_hub.h"

#include <algorithm>
#include <set>

#include "base/mutex.h"

namespace mullion::api {

ViewHub::ViewHub(store::Store& store, env::Runtime& runtime)
    : store_(store),
      follower_(store, runtime,
                {"views",
                 {.rules = {{"", store::Interest::Owners::kAny}}},
                 [this](const std::shared_ptr<const store::Commit>& commit) { follow(*commit); },
                 [this] { tell_missed(); }}) {}

void ViewHub::add(const std::string& type, const std::shared_ptr<ViewListener>& listener) {
  Lock lock(mutex_);
  std::vector<Entry>& filed = entries_[type];
  if (std::ranges::find(filed, listener.get(), &Entry::id) != filed.end()) return;
  filed.push_back({listener.get(), listener});
  ++count_;
}

void ViewHub::remove(const std::string& type, const ViewListener* listener) {
  Lock lock(mutex_);
  const auto filed = entries_.find(type);
  if (filed == entries_.end()) return;
  count_ -= std::erase_if(filed->second, [&](const Entry& entry) { return entry.id == listener; });
  if (filed->second.empty()) entries_.erase(filed);
}

std::vector<std::shared_ptr<ViewListener>> ViewHub::listeners(const std::string& type) const {
  std::vector<std::shared_ptr<ViewListener>> out;
  Lock lock(mutex_);
  const auto filed = entries_.find(type);
  if (filed == entries_.end()) return out;
  for (const Entry& entry : filed->second) {
    if (std::shared_ptr<ViewListener> listener = entry.listener.lock()) out.push_back(std::move(listener));
  }
  return out;
}

void ViewHub::follow(const store::Commit& commit) {
  if (count_ == 0) return;
  const bool replicas = store_.replicas_shown();
  std::map<std::string_view, std::vector<std::shared_ptr<ViewListener>>> known;
  for (size_t i = 0; i < commit.changes.size(); ++i) {
    const store::ObjectId& id = commit.changes[i].id;
    if (!replicas && store::is_remote(id.owner)) continue;
    const auto [found, fresh] = known.try_emplace(id.type);
    if (fresh) found->second = listeners(id.type);
    if (found->second.empty()) continue;
    const std::optional<std::string>& old = commit.changes[i].old_body;
    const auto before = old ? std::make_shared<const std::string>(*old) : nullptr;
    for (const std::shared_ptr<ViewListener>& listener : found->second) listener->changed(commit, i, before);
  }
}

void ViewHub::tell_missed() {
  std::set<std::shared_ptr<ViewListener>> all;
  {
    Lock lock(mutex_);
    for (const auto& [type, filed] : entries_) {
      for (const Entry& entry : filed) {
        if (std::shared_ptr<ViewListener> listener = entry.listener.lock()) all.insert(std::move(listener));
      }
    }
  }
  for (const std::shared_ptr<ViewListener>& listener : all) listener->missed();
}

}  // namespace mullion::api
