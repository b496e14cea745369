#include "cluster/acquaintance.h"

#include <fmt/format.h>

#include <sstream>

namespace mullion::cluster {

std::string encode_met(const std::map<MemberId, Standing>& met) {
  std::string out;
  for (const auto& [id, one] : met) {
    out += fmt::format("{} {} {} {} {} {}\n", id, one.incarnation, one.nonce, one.term, one.last_term,
                       one.last_index);
  }
  return out;
}

std::map<MemberId, Standing> decode_met(std::string_view text) {
  std::map<MemberId, Standing> out;
  std::istringstream lines{std::string(text)};
  MemberId id = 0;
  Standing one;
  while (lines >> id >> one.incarnation >> one.nonce >> one.term >> one.last_term >> one.last_index)
    out[id] = one;
  return out;
}

}  // namespace mullion::cluster
