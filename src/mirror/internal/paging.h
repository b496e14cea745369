// Which pages of a collection to ask for, and what an answered page proves.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mirror/internal/shown.h"

namespace mullion::mirror {

/// Walks through one collection, once. Nothing is taken for granted of the endpoint: a page is used for what
/// it shows by itself. By keys (`Key=Gte(LAST)`, sorted) pages cannot shift while objects come and go; an
/// endpoint whose pages do not obey that is walked through by offsets. Pure: no clock, no network.
class Paging {
 public:
  static constexpr size_t kMostObjects = 2000;  // of one page
  static constexpr size_t kWantedBytes = size_t{1} << 20;
  /// Keys that may be remembered of a collection that is walked through by offsets.
  static constexpr size_t kMostKeys = 500'000;
  /// Objects of one collection.
  static constexpr uint64_t kMostShown = 10'000'000;

  /// `by_offset`: what the last walk through it showed.
  explicit Paging(bool by_offset = false) : by_offset_(by_offset) {}

  /// The query of the next page, encoded: "limit=200&sort=Key&Key=Gte%28a%29". Absent: it was the last one.
  std::optional<std::string> next() const;

  /// Keys whose presence a page tells: from <= key < to; empty `to`: no end. Absence is only told of
  /// these, and only by pages in the order of keys.
  struct Span {
    std::string from, to;
  };
  /// The answer to next(): every object of the page, of whatever layer; `bytes`: its length; `matching`: how
  /// many objects the endpoint says that the filter leaves, when it says so. Answers the keys it tells of:
  /// absent when only what is shown is known. kTooLarge: too many keys to walk through by offsets.
  Result<std::optional<Span>> take(const std::vector<Shown>& page, size_t bytes,
                                   std::optional<uint64_t> matching);
  /// The page was refused with an error of the query: it is asked for in another way. False: there is none.
  bool refused();
  /// The page was too large to be read. False: even one object is.
  bool too_large();

  bool by_offset() const { return by_offset_; }
  /// By offsets, at the end: what was shown. An object that is not among it is not shown by this walk.
  bool saw(const std::string& owner, const std::string& key) const { return seen_.contains({owner, key}); }

 private:
  bool is_in_order(const std::vector<Shown>& page) const;
  Result<std::optional<Span>> take_by_key(const std::vector<Shown>& page, std::optional<uint64_t> matching);
  Result<std::optional<Span>> take_by_offset(const std::vector<Shown>& page);
  void fit(size_t objects, size_t bytes);
  void walk_by_offset();

  bool by_offset_;
  bool sorted_ = true;
  bool done_ = false;
  size_t limit_ = 200;
  std::string last_;  // key of the last object shown; "" before the first
  uint64_t shown_ = 0;
  size_t largest_ = 0;   // objects of one page so far
  bool beyond_ = false;  // the next page begins behind `last_`, not with it
  uint64_t offset_ = 0;
  bool anchored_ = false;  // by offsets: the next page should begin with `last_`
  int steps_back_ = 0, barren_ = 0;
  std::set<std::pair<std::string, std::string>> seen_;
};

}  // namespace mullion::mirror
