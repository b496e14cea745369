#include "net/forwarding.h"

#include <algorithm>

#include "base/text.h"

namespace mullion::net {
namespace {

/// RFC 9110, section 7.6.1.
constexpr std::string_view kHopByHop[] = {"Connection", "Keep-Alive",         "Proxy-Connection",
                                          "TE",         "Transfer-Encoding",  "Trailer",
                                          "Upgrade",    "Proxy-Authenticate", "Proxy-Authorization"};

/// Whether one of the `Connection` headers names `name`.
bool is_named(const std::vector<std::string_view>& connection, std::string_view name) {
  for (std::string_view list : connection) {
    while (!list.empty()) {
      const size_t comma = std::min(list.find(','), list.size());
      if (equal_ignoring_case(trimmed(list.substr(0, comma)), name)) return true;
      list.remove_prefix(std::min(comma + 1, list.size()));
    }
  }
  return false;
}

bool is_hop_by_hop(std::string_view name) {
  return std::any_of(std::begin(kHopByHop), std::end(kHopByHop),
                     [name](std::string_view own) { return equal_ignoring_case(own, name); });
}

}  // namespace

Headers end_to_end(const Headers& headers) {
  const std::vector<std::string_view> connection = headers.get_all("Connection");
  Headers out;
  for (const auto& [name, value] : headers.items()) {
    if (!is_hop_by_hop(name) && !is_named(connection, name)) out.add(name, value);
  }
  return out;
}

}  // namespace mullion::net
