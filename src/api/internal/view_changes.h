// What happened to the objects of a collection since somebody looked: which ones, and what they were before.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "store/follower.h"
#include "store/query.h"

namespace mullion::api {

/// A value, bounded: of more than so many objects it knows only that there are more.
class ViewChanges {
 public:
  static constexpr size_t kMostObjects = 200;
  static constexpr size_t kMostBytes = size_t{2} << 20;  // of bodies of before

  /// Change number `index` of `commit`; `before` is the body that it replaced, if any. It is shared by all
  /// who note it: what many views remember is there once.
  void note(const store::Commit& commit, size_t index, const std::shared_ptr<const std::string>& before);
  /// What changed is not known, or concerns everything.
  void note_all() { more_ = true; }

  bool more() const { return more_; }
  const std::map<store::ObjectRef, std::shared_ptr<const std::string>>& objects() const { return objects_; }

 private:
  std::map<store::ObjectRef, std::shared_ptr<const std::string>> objects_;
  size_t bytes_ = 0;
  bool more_ = false;
};

}  // namespace mullion::api
