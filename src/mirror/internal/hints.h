// What events and answers said may have changed: objects to be asked for again.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace mullion::mirror {

struct Hint {
  std::string prefix, key;
  auto operator<=>(const Hint&) const = default;
};

/// Each object at most once, however often it is named. With too many of them whole collections are walked
/// through instead. Pure, not thread-safe.
class Hints {
 public:
  static constexpr size_t kMost = 10'000;
  static constexpr size_t kLongestKey = 512;

  /// The object may have changed. An answer that is under way does not count: it may be older.
  void add(std::string prefix, std::string key);
  /// The next object to be asked for; it is under way until done().
  std::optional<Hint> take();
  /// The answer is in the replica.
  void done(const Hint& hint);
  /// There was no answer.
  void failed(const Hint& hint);
  /// The object is in the replica as of now: an answer that is under way is older.
  void overtake(const Hint& hint);
  /// Whether the answer under way is still the newest word of the object.
  bool is_newest(const Hint& hint) const;

  bool empty() const { return known_.empty(); }
  size_t size() const { return known_.size(); }
  /// A mark for settled().
  uint64_t now() const { return added_; }
  /// Whether everything that was added before the mark is in the replica, collections to be walked included.
  bool settled(uint64_t mark) const;

  /// A page of `prefix` is asked for. Until the next call is_overtaken() knows what is newer than it.
  void begin_page(std::string prefix);
  /// Whether more recent word of the object than the page is in the replica, or is asked for.
  bool is_overtaken(const std::string& prefix, const std::string& key) const;

  /// The collections of which more was said than is remembered; forgotten here.
  std::set<std::string> take_overflown();
  bool overflows() const { return !overflown_.empty(); }
  /// take_overflown() were walked through, up to the mark at that time.
  void walked(uint64_t mark);

 private:
  struct State {
    uint64_t since = 0;  // the first word that no answer in the replica covers
    bool under_way = false;
    bool again = false;  // word came while it was under way
    uint64_t again_since = 0;
  };
  void note(const Hint& hint);

  uint64_t added_ = 0;
  std::map<Hint, State> known_;
  std::deque<Hint> order_;
  std::set<std::string> overflown_;
  std::optional<uint64_t> overflown_since_;
  std::string page_;
  std::set<std::string> recent_;  // keys of the page's collection that came into the replica since
};

}  // namespace mullion::mirror
