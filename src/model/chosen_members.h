// Some members of an object: what `fields=Name,OS.Name` leaves of it.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::model {

/// Immutable, shareable.
class ChosenMembers {
 public:
  static constexpr size_t kMostNames = 100;

  /// A comma list of member names; what follows a dot is a member of that member. Blanks around names and
  /// empty entries do not count. kNotAcceptable when there are more than kMostNames, or a name lacks a part.
  static Result<ChosenMembers> parse(std::string_view text);

  /// The chosen members of `object` in its order. Those that it does not have are left out. A path goes
  /// through lists to the members of their objects; a member may have dots in its own name.
  boost::json::object of(const boost::json::object& object) const;
  /// Chooses `name` too.
  void add(std::string_view name) { paths_.emplace_back(name); }

 private:
  std::vector<std::string> paths_;
};

}  // namespace mullion::model
