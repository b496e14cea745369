// Network interfaces of this machine: the one place of the API that asks the operating system.
#pragma once

#include <string>
#include <vector>

namespace mullion::api {

struct NetworkInterface {
  std::string name;
  unsigned index = 0;
  std::vector<std::string> addresses;  // CIDR
};
/// Sorted by name.
std::vector<NetworkInterface> network_interfaces();

}  // namespace mullion::api
