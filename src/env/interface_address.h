// Addresses that this process puts on an interface of the machine, and takes away again.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::env {

/// An IPv4 or IPv6 address with the length of its network's prefix, and where it belongs.
struct InterfaceAddress {
  std::string interface;
  std::string address;
  unsigned prefix = 0;
  bool operator==(const InterfaceAddress&) const = default;
};

/// "192.0.2.1/24" as an address of `interface`. Pure. kInvalid.
Result<InterfaceAddress> parse_interface_address(std::string_view cidr, std::string interface);

bool has_interface(const std::string& name);
/// Whether any interface of this machine has the address, given without a prefix.
bool has_address(const std::string& address);
/// Whether this process may change addresses and send what tells others of it: kForbidden names the right
/// that is missing.
Result<void> may_move_addresses();

/// Adds the address, or renews it: the kernel takes it away by itself once `lifetime` has passed without
/// another call, whatever has become of this process. Outgoing connections do not begin from it.
Result<void> hold_address(const InterfaceAddress& address, std::chrono::seconds lifetime);
/// Takes it away; one that is not there is no error.
Result<void> drop_address(const InterfaceAddress& address);
/// Tells the neighbours on the line that the address is here now: ARP, or neighbour advertisements. Does
/// nothing on an interface without such neighbours.
Result<void> announce_address(const InterfaceAddress& address);

}  // namespace mullion::env
