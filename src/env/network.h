// What an address says about who is behind it.
#pragma once

#include <string>
#include <string_view>

namespace mullion::env {

/// The networks of an address: whoever controls one address of `host` controls them all, whoever controls one
/// of `site` may well control the others.
struct Network {
  std::string host;  // "192.0.2.7" or "2001:db8:1:2::/64"
  std::string site;  // "192.0.2.0/24" or "2001:db8:1::/48"
  bool loopback = false;
};

/// `address`: an IP address in text form, IPv4 in IPv6 included; anything else is a network of its own.
Network network_of(std::string_view address);

}  // namespace mullion::env
