// Where a member listens for the others. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cluster/node.h"

namespace mullion::cluster {

/// The IP of an "IP:port", without the brackets of IPv6.
std::string ip_of(std::string_view address);

/// Whether a process of this machine can listen at the IP of "IP:port". `here`: whether an interface has it;
/// all of 127.0.0.0/8 is every machine's.
bool is_of_this_machine(const std::string& address, const std::function<bool(const std::string& ip)>& here);

/// Where to listen: `kept`, what this member was told once, when its IP is of this machine. Else the
/// machine has got another one meanwhile: what the process was started with, or the port of `kept` at the IP
/// by which others reach the machine. `kept` as well when nothing fits.
std::string listening_address(const std::string& kept, const HaSettings& settings,
                              const std::function<bool(const std::string& ip)>& here);

}  // namespace mullion::cluster
