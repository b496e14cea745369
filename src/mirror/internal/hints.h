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

#include "env/clock.h"

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
  /// Of one collection: with more, pages cost less than single requests.
  static constexpr size_t kMostOfOne = 500;
  static constexpr size_t kLongestKey = 512;

  /// The object may have changed. An answer that is under way does not count for that: it may be older.
  void add(std::string prefix, std::string key) { add(std::move(prefix), std::move(key), kLongestKey); }
  /// The same of an object that is here: its key may be of any length.
  void add_held(std::string prefix, std::string key) {
    add(std::move(prefix), std::move(key), std::string::npos);
  }
  /// The next object to be asked for at `now`; it is under way until done().
  std::optional<Hint> take(env::SteadyTime now);
  /// When the next one is due that is not yet; absent: none.
  std::optional<env::SteadyTime> next_due() const;
  /// The answer is in the replica.
  void done(const Hint& hint);
  /// There was no answer: it is asked for again, later each time. False: it has failed too often and is left
  /// to the next walk.
  bool failed(const Hint& hint, env::SteadyTime now);
  /// The object is in the replica as of now: an answer that is under way is older.
  void overtake(const Hint& hint);
  /// Whether nothing newer than the answer under way is in the replica.
  bool is_newest(const Hint& hint) const;

  bool empty() const { return known_.empty(); }
  size_t size() const { return known_.size(); }
  /// A mark for settled() and is_quiet_since().
  uint64_t now() const { return added_; }
  /// Whether nothing was heard of the object, and nothing of it written, since the mark. False also when that
  /// is not remembered any more.
  bool is_quiet_since(const Hint& hint, uint64_t mark) const;
  /// Whether everything that was added before the mark is in the replica, collections to be walked included;
  /// but for objects that could not be read so far.
  bool settled(uint64_t mark) const;
  /// Whether there are such objects of the collection.
  bool is_failing(const std::string& prefix) const;

  /// Whether every object of `prefix` that was added before the mark was asked for once, or is left to a
  /// walk.
  bool is_asked(const std::string& prefix, uint64_t mark) const;

  /// A page of `prefix` is asked for. Until the next call is_overtaken() knows what is newer than it.
  void begin_page(std::string prefix);
  /// Whether more recent word of the object than the page is in the replica, or is asked for.
  bool is_overtaken(const std::string& prefix, const std::string& key) const;

  /// The collections of which more was said than is remembered; forgotten here.
  std::set<std::string> take_overflown();
  bool overflows() const { return !overflown_.empty(); }
  bool overflows(const std::string& prefix) const { return overflown_.contains(prefix); }
  /// take_overflown() could not all be walked through.
  void put_back(const std::set<std::string>& overflown) {
    overflown_.insert(overflown.begin(), overflown.end());
  }
  /// take_overflown() were walked through, up to the mark at that time.
  void walked(uint64_t mark);

 private:
  struct State {
    uint64_t since = 0;  // the first word that no answer in the replica covers
    bool under_way = false;
    bool again = false;      // word came while it was under way
    bool overtaken = false;  // something newer is in the replica
    uint64_t again_since = 0;
    int failures = 0;
    env::SteadyTime due{};
  };
  void add(std::string prefix, std::string key, size_t longest);
  void note(const Hint& hint);
  void overflow(const std::string& prefix, uint64_t since);
  void forget(const std::string& prefix);
  void drop(std::map<Hint, State>::iterator known);
  void remember_word(const Hint& hint);

  uint64_t added_ = 0;
  std::map<Hint, State> known_;
  std::deque<Hint> order_;                            // may name what is not known any more
  std::map<std::string, size_t> counts_;              // of known_, by collection
  std::set<std::pair<env::SteadyTime, Hint>> later_;  // failed
  std::map<Hint, uint64_t> words_;                    // when something was heard of it last, as added_
  std::map<uint64_t, Hint> words_by_age_;
  uint64_t forgotten_ = 0;  // words up to this one
  std::set<std::string> overflown_;
  std::optional<uint64_t> overflown_since_;
  std::string page_;
  std::set<std::string> recent_;  // keys of the page's collection that came into the replica since
};

}  // namespace mullion::mirror
