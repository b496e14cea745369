#include "manager/unreachable.h"

#include <fmt/format.h>

#include "base/percent.h"
#include "net/http.h"

namespace mullion::manager {

std::string unreachable_text(const Unreachable& facts) {
  std::string text = percent_encode(facts.owner);
  if (!facts.next_hop.empty()) text += ";hop=" + percent_encode(facts.next_hop);
  if (facts.since) text += ";since=" + env::format_rfc3339(*facts.since);
  return text + (facts.may_have_run ? ";ran=maybe" : ";ran=no");
}

bool says_may_have_run(std::string_view text) { return text.ends_with(";ran=maybe"); }

}  // namespace mullion::manager
