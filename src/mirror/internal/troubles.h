// Collections that cannot be read: since when, and when they are tried again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "mirror/shortcomings.h"

namespace mullion::mirror {

/// Pure, not thread-safe.
class Troubles {
 public:
  static constexpr env::Duration kFirst = std::chrono::seconds(5);

  /// `before`: those of the connection before, which stand until they are read. Tries of one are at most
  /// `longest` apart.
  Troubles(const std::vector<Trouble>& before, env::Duration longest);

  /// It was read. False: there was no trouble.
  bool fine(const std::string& prefix);
  /// It was not. Since when, and as of when its objects are, stays as the first failure said.
  void failed(Trouble trouble, env::SteadyTime now);
  /// The endpoint has these collections and no others.
  void keep(const std::set<std::string>& prefixes);

  /// The collections to be tried at `now`.
  std::vector<std::string> due(env::SteadyTime now) const;
  std::optional<env::SteadyTime> next_due() const;
  std::vector<Trouble> all() const;

 private:
  struct State {
    Trouble trouble;
    int failures = 0;
    std::optional<env::SteadyTime> due;  // absent: not tried on this connection
  };
  std::map<std::string, State> known_;
  env::Duration longest_;
};

}  // namespace mullion::mirror
