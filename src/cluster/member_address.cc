#include "cluster/internal/member_address.h"

#include <fmt/format.h>

#include "net/keyed_stream.h"

namespace mullion::cluster {
namespace {

bool needs_no_interface(std::string_view ip) {
  return ip == "0.0.0.0" || ip == "::" || ip.starts_with("127.");
}

std::string at_port_of(const std::string& address, const std::string& ip) {
  const std::string port = address.substr(address.rfind(':') + 1);
  const bool brackets = ip.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", brackets ? "[" : "", ip, brackets ? "]" : "", port);
}

}  // namespace

std::string ip_of(std::string_view address) {
  std::string_view ip = address.substr(0, address.rfind(':'));
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  return std::string(ip);
}

bool is_of_this_machine(const std::string& address, const std::function<bool(const std::string& ip)>& here) {
  if (!net::is_ip_and_port(address)) return false;
  const std::string ip = ip_of(address);
  return needs_no_interface(ip) || here(ip);
}

std::string listening_address(const std::string& kept, const HaSettings& settings,
                              const std::function<bool(const std::string& ip)>& here) {
  const auto fits = [&here](const std::string& address) { return is_of_this_machine(address, here); };
  if (fits(kept)) return kept;
  if (fits(settings.consensus_address)) return settings.consensus_address;
  const std::string outside = at_port_of(kept, settings.outside_address);
  return fits(outside) ? outside : kept;
}

}  // namespace mullion::cluster
