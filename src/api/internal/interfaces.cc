#include "api/internal/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "api/api.h"
#include "api/internal/answers.h"
#include "api/internal/handlers.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

int prefix_length(const unsigned char* mask, size_t bytes) {
  int bits = 0;
  for (size_t i = 0; i < bytes; ++i) bits += __builtin_popcount(mask[i]);
  return bits;
}

std::string address_text(const ifaddrs& entry) {
  char text[INET6_ADDRSTRLEN] = {};
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry.ifa_addr);
    const auto* mask = reinterpret_cast<const sockaddr_in*>(entry.ifa_netmask);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    return fmt::format("{}/{}", text,
                       prefix_length(reinterpret_cast<const unsigned char*>(&mask->sin_addr), 4));
  }
  const auto* address = reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr);
  const auto* mask = reinterpret_cast<const sockaddr_in6*>(entry.ifa_netmask);
  ::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof(text));
  return fmt::format("{}/{}", text, prefix_length(mask->sin6_addr.s6_addr, 16));
}

bool interface_exists(const Call& call, const NetworkInterface& interface) {
  return call.principal.sees({"interfaces", store::kOwn, interface.name});
}

json::object shown_interface(const NetworkInterface& interface) {
  json::object out;
  out["ReadOnly"] = true;
  out["Meta"] = json::object();
  out["Name"] = interface.name;
  out["Index"] = interface.index;
  json::array addresses;
  for (const std::string& address : interface.addresses) addresses.emplace_back(address);
  out["ActiveAddress"] = interface.addresses.empty() ? "" : interface.addresses.front();
  out["Addresses"] = std::move(addresses);
  out["Gateway"] = "";
  out["DnsServers"] = json::array();
  out["DnsDomain"] = "";
  return out;
}

}  // namespace

std::string host_in_url(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

std::string outside_address() {
  for (const NetworkInterface& interface : network_interfaces()) {
    for (const std::string& address : interface.addresses) {
      if (!address.starts_with("127.") && address.find(':') == std::string::npos)
        return address.substr(0, address.find('/'));
    }
  }
  return "127.0.0.1";
}

std::vector<NetworkInterface> network_interfaces() {
  std::map<std::string, NetworkInterface> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    NetworkInterface& interface = found[entry->ifa_name];
    interface.name = entry->ifa_name;
    interface.index = ::if_nametoindex(entry->ifa_name);
    if (entry->ifa_addr == nullptr || entry->ifa_netmask == nullptr) continue;
    const int family = entry->ifa_addr->sa_family;
    if (family == AF_INET || family == AF_INET6) interface.addresses.push_back(address_text(*entry));
  }
  ::freeifaddrs(list);
  std::vector<NetworkInterface> out;
  out.reserve(found.size());
  for (auto& [name, interface] : found) out.push_back(std::move(interface));
  return out;
}

namespace handlers {

env::Task<Result<net::Response>> list_interfaces(Call& call) {
  json::array out;
  for (const NetworkInterface& interface : network_interfaces()) {
    const auth::Right right{"interfaces", "get", auth::Subject::here(interface.name)};
    if (!auth::covers(call.principal.claims, right) || !interface_exists(call, interface)) continue;
    out.push_back(shown_interface(interface));
  }
  const std::string count = std::to_string(out.size());
  net::Response response = json_response(200, json::value(std::move(out)));
  response.headers.set("X-DRP-LIST-COUNT", count);
  response.headers.set("X-DRP-LIST-TOTAL-COUNT", count);
  response.headers.set("X-DRP-LIST-FILTER-COUNT", count);
  co_return response;
}

env::Task<Result<net::Response>> show_interface(Call& call) {
  for (const NetworkInterface& interface : network_interfaces()) {
    if (interface.name != call.requested_id() || !interface_exists(call, interface)) continue;
    net::Response response = json_response(200, json::value(shown_interface(interface)));
    response.headers.set("ETag", etag_of(std::get<std::string>(response.body)));
    co_return response;
  }
  co_return Error(ErrorCode::kNotFound, "", "interfaces", call.requested_id(), {"No interface"});
}

}  // namespace handlers
}  // namespace mullion::api
