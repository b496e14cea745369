// How fast one endpoint is asked.
#pragma once

#include <optional>

#include "env/clock.h"

namespace mullion::mirror {

/// Stands back for as long as the endpoint asks for, or longer each time while it fails. Pure, not
/// thread-safe.
class Pace {
 public:
  static constexpr env::Duration kFirst = std::chrono::seconds(1);
  static constexpr env::Duration kLongest = std::chrono::minutes(1);

  /// A request was answered with `status`, of which 429 and 503 ask for less; `retry_after`: what the answer
  /// asks for.
  void answered(int status, std::optional<env::Duration> retry_after, env::SteadyTime now);
  /// It was not.
  void failed(env::SteadyTime now);
  /// No request is to be sent before.
  env::SteadyTime not_before() const { return not_before_; }
  /// Whether the last one failed.
  bool is_failing() const { return failures_ > 0; }

 private:
  int failures_ = 0;
  env::SteadyTime not_before_{};
};

}  // namespace mullion::mirror
