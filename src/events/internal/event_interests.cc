#include "events/internal/event_interests.h"

#include <algorithm>

#include "base/mutex.h"

namespace mullion::events {
namespace {

/// A pattern with more combinations of words than this is filed under fewer, wider names.
constexpr size_t kMostNames = 64;
/// Stands for "any"; no word holds it together with a separator in front.
constexpr std::string_view kAny = "\x01";

std::string filed_name(std::string_view type, std::string_view key) {
  std::string name(type);
  name += '\0';
  name += key;
  return name;
}

std::vector<std::string> words_of(const EventPattern::Part& part) {
  if (part.any || part.words.size() > kMostNames) return {std::string(kAny)};
  std::vector<std::string> words = part.words;
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

/// The names a pattern is filed under: at least one covers every event that it matches.
std::vector<std::string> names_of(const EventPattern& pattern) {
  const std::vector<std::string> types = words_of(pattern.type());
  std::vector<std::string> keys = words_of(pattern.key());
  if (types.size() * keys.size() > kMostNames) keys = {std::string(kAny)};
  std::vector<std::string> names;
  for (const std::string& type : types) {
    for (const std::string& key : keys) names.push_back(filed_name(type, key));
  }
  return names;
}

}  // namespace

void EventInterests::add(const EventPattern& pattern, const std::shared_ptr<EventQueue>& queue) {
  const std::vector<std::string> names = names_of(pattern);
  Lock lock(mutex_);
  for (const std::string& name : names) entries_[name].push_back({queue.get(), queue});
}

void EventInterests::remove(const EventPattern& pattern, const EventQueue* queue) {
  const std::vector<std::string> names = names_of(pattern);
  Lock lock(mutex_);
  for (const std::string& name : names) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) continue;
    std::vector<Entry>& filed = found->second;
    const auto entry =
        std::find_if(filed.begin(), filed.end(), [queue](const Entry& one) { return one.id == queue; });
    if (entry == filed.end()) continue;
    *entry = std::move(filed.back());
    filed.pop_back();
    if (filed.empty()) entries_.erase(found);
  }
}

std::vector<std::shared_ptr<EventQueue>> EventInterests::find(std::string_view type,
                                                              std::string_view key) const {
  std::vector<std::shared_ptr<EventQueue>> found;
  {
    Lock lock(mutex_);
    if (entries_.empty()) return found;
    for (const std::string& name :
         {filed_name(type, key), filed_name(type, kAny), filed_name(kAny, key), filed_name(kAny, kAny)}) {
      const auto filed = entries_.find(name);
      if (filed == entries_.end()) continue;
      for (const Entry& entry : filed->second) {
        if (std::shared_ptr<EventQueue> queue = entry.queue.lock()) found.push_back(std::move(queue));
      }
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

bool EventInterests::empty() const {
  Lock lock(mutex_);
  return entries_.empty();
}

}  // namespace mullion::events
