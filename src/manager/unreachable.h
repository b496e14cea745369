// What a client is told when an endpoint was not reached, in a form that programs read.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "env/clock.h"

namespace mullion::manager {

/// On every 503 that is about an endpoint which was not reached. Whoever forwards passes it on as it is.
inline constexpr std::string_view kUnreachableHeader = "X-Mullion-Unreachable";

struct Unreachable {
  std::string owner;                   // whom the request was for
  std::string next_hop;                // whom this server would have sent it to; "" without a way
  std::optional<env::WallTime> since;  // when the replica of the owner was current last; absent when never
  /// The connection ended after the request had begun to leave: nobody here knows whether it was carried out.
  /// False only when not a byte of it was sent, or the next hop refused it before doing anything.
  bool may_have_run = false;
};

/// "OWNER;hop=HOP;since=RFC3339;ran=no|maybe", without what is absent; ids are percent-encoded. Pure.
std::string unreachable_text(const Unreachable& facts);
/// Whether such a text says that the request may have been carried out.
bool says_may_have_run(std::string_view text);

}  // namespace mullion::manager
