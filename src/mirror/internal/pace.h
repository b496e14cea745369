// How fast one endpoint is asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "env/clock.h"
#include "net/http.h"

namespace mullion::mirror {

/// A header that is a whole number.
std::optional<uint64_t> number_in(const net::Headers& headers, std::string_view name);
/// What `Retry-After` asks for: seconds, or a date, which is compared with the answer's own `Date`, since
/// clocks differ.
std::optional<env::Duration> asked_pause(const net::Headers& headers);

/// Stands back for as long as the endpoint asks for, or longer each time while it fails. Pure, not
/// thread-safe.
class Pace {
 public:
  static constexpr env::Duration kFirst = std::chrono::seconds(1);
  static constexpr env::Duration kLongest = std::chrono::minutes(1);
  static constexpr env::Duration kLongestAskedFor = std::chrono::hours(1);

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
