#include "api/internal/view_watches.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/mutex.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// Whether owners are in touch is written into Endpoint objects.
constexpr std::string_view kEndpointObjects = "endpoints";
constexpr env::Duration kLongWait = std::chrono::minutes(5);

bool is_view_name(std::string_view name) {
  return !name.empty() && name.size() <= ViewWatches::kMostName &&
         std::ranges::all_of(name, [](unsigned char c) { return c > ' ' && c < 0x7f; });
}

bool same_owners(const std::map<std::string, uint64_t>& a, const std::map<std::string, uint64_t>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.first == y.first; });
}

/// Ages alone are no news: they grow by themselves.
bool is_news(const ViewLook& before, const ViewLook& now) {
  return !now.keys.empty() || now.more || before.count != now.count || before.total != now.total ||
         !same_owners(before.stale, now.stale);
}

std::string shown_look(const ViewLook& look) {
  json::object object{{"Count", look.count}, {"Total", look.total}};
  object["Keys"] = json::array(look.keys.begin(), look.keys.end());
  object["More"] = look.more;
  json::object stale;
  for (const auto& [owner, age] : look.stale) stale[owner] = age;
  object["Stale"] = std::move(stale);
  return json::serialize(object);
}

}  // namespace

bool concerns_every_view(std::string_view collection) { return collection == kEndpointObjects; }

void ViewWatches::tell_error(const std::string& name, std::string_view reason) {
  given_.tell("error", name, json::serialize(json::string_view(reason)));
}

void ViewWatches::watch(std::string_view text) {
  const size_t blank = std::min(text.find(' '), text.size());
  const std::string name(text.substr(0, std::min(blank, kMostName)));
  const std::string_view wanted = text.substr(std::min(blank + 1, text.size()));
  const size_t mark = std::min(wanted.find('?'), wanted.size());
  if (!is_view_name(text.substr(0, blank)) || mark == 0)
    return tell_error(name, "Expected: watch NAME COLLECTION?QUERY");
  if (wanted.size() > kMostQuery)
    return tell_error(name, fmt::format("At most {} bytes of query", kMostQuery));
  View view;
  view.collection = wanted.substr(0, mark);
  view.query = wanted.substr(std::min(mark + 1, wanted.size()));
  bool full = false;
  {
    Lock lock(mutex_);
    if (closed_) return;
    full = !views_.contains(name) && views_.size() == kMostViews;
  }
  if (full) return tell_error(name, fmt::format("At most {} views per connection", kMostViews));
  {
    Lock one_at_a_time(following_);
    follow(view.collection);  // first: nothing may fall between the first look and it
    Lock lock(mutex_);
    view.number = ++numbers_;
    views_.insert_or_assign(name, std::move(view));
  }
  unfollow_unused();
  signal_.notify_all();
}

void ViewWatches::follow(const std::string& collection) {
  for (const std::string& type : {collection, std::string(kEndpointObjects)}) {
    given_.hub.add(type, shared_from_this());
    Lock lock(mutex_);
    followed_.insert(type);
  }
}

void ViewWatches::unfollow_unused() {
  Lock one_at_a_time(following_);
  std::vector<std::string> unused;
  {
    Lock lock(mutex_);
    const auto used = [&](const std::string& type) REQUIRES(mutex_) {
      return std::ranges::any_of(views_, [&](const auto& entry) {
        return entry.second.collection == type || concerns_every_view(type);
      });
    };
    for (const std::string& type : followed_) {
      if (!used(type)) unused.push_back(type);
    }
    for (const std::string& type : unused) followed_.erase(type);
  }
  for (const std::string& type : unused) given_.hub.remove(type, this);
}

void ViewWatches::unwatch(std::string_view name) {
  {
    Lock lock(mutex_);
    const auto found = views_.find(name);
    if (found != views_.end()) views_.erase(found);
  }
  unfollow_unused();
  given_.tell("unwatch", std::string(name.substr(0, kMostName)), "null");
}

void ViewWatches::changed(const store::Commit& commit, size_t index,
                          const std::shared_ptr<const std::string>& before) {
  const std::string& type = commit.changes[index].id.type;
  bool waken = false;
  {
    Lock lock(mutex_);
    for (auto& [name, view] : views_) {
      if (view.collection == type) {
        view.changes.note(commit, index, before);
      } else if (!concerns_every_view(type)) {
        continue;
      }
      waken = waken || !view.dirty;
      view.dirty = true;
    }
  }
  if (waken) signal_.notify_all();
}

void ViewWatches::missed() {
  {
    Lock lock(mutex_);
    for (auto& [name, view] : views_) {
      view.changes.note_all();
      view.dirty = true;
    }
  }
  signal_.notify_all();
}

void ViewWatches::close() {
  {
    Lock lock(mutex_);
    closed_ = true;
    views_.clear();
  }
  unfollow_unused();
  signal_.notify_all();
}

std::optional<ViewWatches::Due> ViewWatches::next_due() const {
  Lock lock(mutex_);
  std::optional<Due> next;
  for (const auto& [name, view] : views_) {
    if (!view.dirty) continue;
    // Who has waited longest comes first, also where the pace of the reader holds back all of them.
    if (!next || view.pace.due() < next->when) next = Due{name, view.pace.due()};
  }
  if (next) next->when = std::max(next->when, pace_.due());
  return next;
}

void ViewWatches::look_again() {
  {
    Lock lock(mutex_);
    for (auto& [name, view] : views_) view.dirty = true;
  }
  signal_.notify_all();
}

env::Task<void> ViewWatches::look_at(std::string name) {
  std::string collection, query;
  ViewChanges changes;
  uint64_t number = 0;
  {
    Lock lock(mutex_);
    const auto found = views_.find(name);
    if (found == views_.end()) co_return;
    View& view = found->second;
    collection = view.collection;
    query = view.query;
    number = view.number;
    changes = std::exchange(view.changes, {});
    if (view.first) changes = {};  // the reader knows nothing yet that could have changed
    view.dirty = false;
  }
  const bool flooded = changes.more();
  const env::SteadyTime begin = given_.clock.steady();
  Result<ViewLook> look = co_await given_.look(collection, query, std::move(changes));
  const env::SteadyTime end = given_.clock.steady();
  bool news = false;
  {
    Lock lock(mutex_);
    pace_.looked(end, end - begin);
    const auto found = views_.find(name);
    if (found == views_.end() || found->second.number != number) co_return;
    View& view = found->second;
    if (!look) {
      views_.erase(found);
    } else {
      view.pace.looked(end, flooded);
      news = view.first || is_news(view.last, *look);
      view.first = false;
      view.last = *look;
    }
  }
  if (!look) {
    unfollow_unused();
    tell_error(name, look.error().messages.empty() ? "refused" : look.error().messages.front());
  } else if (news) {
    given_.tell("changed", name, shown_look(*look));
  }
}

env::Task<void> ViewWatches::run() {
  while ((co_await boost::asio::this_coro::cancellation_state).cancelled() ==
         boost::asio::cancellation_type::none) {
    const uint64_t seen = signal_.version();
    {
      Lock lock(mutex_);
      if (closed_) co_return;
    }
    const std::optional<Due> next = next_due();
    const env::SteadyTime now = given_.clock.steady();
    if (next && next->when <= now) {
      std::string name = next->name;
      co_await look_at(std::move(name));
      continue;
    }
    const env::Duration pause = next ? next->when - now : kLongWait;
    (void)co_await given_.timers.wait(signal_, seen, pause);
  }
}

}  // namespace mullion::api
