#include "env/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

namespace mullion::env {
namespace {

constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);

/// The text of an address whose bytes from `keep` on are cleared.
template <size_t Size>
std::string prefix_text(std::array<unsigned char, Size> bytes, size_t keep) {
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(keep), bytes.end(), 0);
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(Size == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof(text));
  return keep == Size ? std::string(text) : std::string(text) + '/' + std::to_string(keep * 8);
}

Network of_v4(const std::array<unsigned char, 4>& bytes) {
  return {prefix_text(bytes, 4), prefix_text(bytes, 3), bytes[0] == 127};
}

Network of_v6(const std::array<unsigned char, 16>& bytes) {
  if (std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0)
    return of_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  const bool loopback = bytes.back() == 1 &&
                        std::all_of(bytes.begin(), bytes.end() - 1, [](unsigned char b) { return b == 0; });
  return {prefix_text(bytes, 8), prefix_text(bytes, 6), loopback};
}

}  // namespace

Network network_of(std::string_view address) {
  const std::string text(address);
  std::array<unsigned char, 4> v4{};
  if (::inet_pton(AF_INET, text.c_str(), v4.data()) == 1) return of_v4(v4);
  std::array<unsigned char, 16> v6{};
  if (::inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return of_v6(v6);
  return {text, text, false};
}

}  // namespace mullion::env
