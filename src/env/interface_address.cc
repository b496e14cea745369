#include "env/interface_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

#include "env/file.h"

namespace mullion::env {
namespace {

constexpr int kNetAdmin = 12, kNetRaw = 13;  // capabilities, by their numbers in CapEff
constexpr unsigned char kToAllOnTheLine = 0xff;

/// Closed at the end of its life.
class Socket {
 public:
  Socket(int family, int type, int protocol) : number_(::socket(family, type | SOCK_CLOEXEC, protocol)) {}
  ~Socket() {
    if (number_ >= 0) ::close(number_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

struct RawAddress {
  int family = AF_INET;
  std::array<unsigned char, 16> bytes{};
  size_t size() const { return family == AF_INET ? 4 : 16; }
};

std::optional<RawAddress> raw_address(const std::string& text) {
  RawAddress out;
  if (::inet_pton(AF_INET, text.c_str(), out.bytes.data()) == 1) return out;
  out.family = AF_INET6;
  if (::inet_pton(AF_INET6, text.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

using Interfaces = std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)>;

Interfaces interfaces() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) first = nullptr;
  return {first, ::freeifaddrs};
}

bool is_address(const sockaddr& found, const RawAddress& wanted) {
  if (found.sa_family != wanted.family) return false;
  const void* bytes = wanted.family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(found).sin_addr)
                          : &reinterpret_cast<const sockaddr_in6&>(found).sin6_addr;
  return std::memcmp(bytes, wanted.bytes.data(), wanted.size()) == 0;
}

/// Of an Ethernet interface.
std::optional<std::array<unsigned char, 6>> hardware_address(const std::string& interface) {
  const Interfaces all = interfaces();
  for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next) {
    if (interface != one->ifa_name || one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_PACKET)
      continue;
    const auto& link = reinterpret_cast<const sockaddr_ll&>(*one->ifa_addr);
    if (link.sll_hatype != ARPHRD_ETHER || link.sll_halen != 6) return std::nullopt;
    std::array<unsigned char, 6> out{};
    std::memcpy(out.data(), link.sll_addr, out.size());
    return out;
  }
  return std::nullopt;
}

/// A message of the kernel's address table: a head of fixed size, then attributes.
class AddressMessage {
 public:
  AddressMessage(uint16_t type, uint16_t flags, const RawAddress& address, unsigned prefix, unsigned index) {
    head().nlmsg_type = type;
    head().nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    head().nlmsg_len = NLMSG_LENGTH(sizeof(ifaddrmsg));
    auto& facts = *static_cast<ifaddrmsg*>(NLMSG_DATA(&head()));
    facts.ifa_family = static_cast<uint8_t>(address.family);
    facts.ifa_prefixlen = static_cast<uint8_t>(prefix);
    facts.ifa_index = index;
    add(IFA_LOCAL, address.bytes.data(), address.size());
    add(IFA_ADDRESS, address.bytes.data(), address.size());
  }
  void add(uint16_t type, const void* data, size_t size) {
    auto* attribute = reinterpret_cast<rtattr*>(bytes_.data() + NLMSG_ALIGN(head().nlmsg_len));
    attribute->rta_type = type;
    attribute->rta_len = static_cast<uint16_t>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(attribute), data, size);
    head().nlmsg_len = static_cast<uint32_t>(NLMSG_ALIGN(head().nlmsg_len) + RTA_ALIGN(attribute->rta_len));
  }
  /// What the kernel answers: 0, or a number of errno.
  int send() {
    const Socket line(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    if (line.number() < 0 || ::send(line.number(), bytes_.data(), head().nlmsg_len, 0) < 0) return errno;
    alignas(nlmsghdr) std::array<char, 4096> answer{};
    const ssize_t size = ::recv(line.number(), answer.data(), answer.size(), 0);
    if (size < 0) return errno;
    const auto* reply = reinterpret_cast<const nlmsghdr*>(answer.data());
    if (static_cast<size_t>(size) < NLMSG_LENGTH(sizeof(nlmsgerr)) || reply->nlmsg_type != NLMSG_ERROR)
      return EIO;
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(reply))->error;
  }

 private:
  nlmsghdr& head() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  alignas(nlmsghdr) std::array<char, 256> bytes_{};
};

/// An address of this program in the words of the system, or why it has none.
Result<RawAddress> known(const InterfaceAddress& address) {
  const std::optional<RawAddress> raw = raw_address(address.address);
  if (!raw) return Error(ErrorCode::kInvalid, fmt::format("{} is no IP address", address.address));
  if (!has_interface(address.interface))
    return Error(ErrorCode::kNotFound, fmt::format("there is no interface {}", address.interface));
  return *raw;
}

/// As it stands on the line.
struct [[gnu::packed]] ArpPacket {
  uint16_t hardware = htons(ARPHRD_ETHER), protocol = htons(ETH_P_IP);
  uint8_t hardware_size = 6, protocol_size = 4;
  uint16_t operation = 0;
  std::array<unsigned char, 6> from_hardware{};
  std::array<unsigned char, 4> from{};
  std::array<unsigned char, 6> to_hardware{};
  std::array<unsigned char, 4> to{};
};

Result<void> sent(ssize_t result, std::string_view what) {
  return result < 0 ? Result<void>(error_from_errno(errno, std::string(what))) : Result<void>();
}

Result<void> send_arp(const RawAddress& address, const std::array<unsigned char, 6>& own, unsigned index) {
  const Socket line(AF_PACKET, SOCK_DGRAM, 0);
  if (line.number() < 0) return error_from_errno(errno, "ARP");
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ARP);
  all.sll_ifindex = static_cast<int>(index);
  all.sll_halen = 6;
  std::memset(all.sll_addr, kToAllOnTheLine, 6);
  // Some neighbours learn from requests only, others from replies only.
  for (const uint16_t operation : {ARPOP_REQUEST, ARPOP_REPLY}) {
    ArpPacket packet;
    packet.operation = htons(operation);
    packet.from_hardware = own;
    std::memcpy(packet.from.data(), address.bytes.data(), 4);
    packet.to = packet.from;
    if (operation == ARPOP_REPLY) packet.to_hardware.fill(kToAllOnTheLine);
    const Result<void> done = sent(::sendto(line.number(), &packet, sizeof(packet), 0,
                                            reinterpret_cast<const sockaddr*>(&all), sizeof(all)),
                                   "ARP");
    if (!done) return done;
  }
  return {};
}

struct Advertisement {
  nd_neighbor_advert head{};
  nd_opt_hdr option{ND_OPT_TARGET_LINKADDR, 1};
  std::array<unsigned char, 6> own{};
};

Result<void> send_advertisement(const RawAddress& address, const std::array<unsigned char, 6>& own,
                                unsigned index) {
  const Socket line(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  if (line.number() < 0) return error_from_errno(errno, "neighbour advertisement");
  const int hops = 255;  // the only value that neighbours accept
  const int interface = static_cast<int>(index);
  ::setsockopt(line.number(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops));
  ::setsockopt(line.number(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof(interface));
  Advertisement packet;
  packet.head.nd_na_type = ND_NEIGHBOR_ADVERT;
  packet.head.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
  std::memcpy(&packet.head.nd_na_target, address.bytes.data(), 16);
  packet.own = own;
  sockaddr_in6 all{};
  all.sin6_family = AF_INET6;
  all.sin6_scope_id = index;
  ::inet_pton(AF_INET6, "ff02::1", &all.sin6_addr);
  return sent(::sendto(line.number(), &packet, sizeof(packet), 0, reinterpret_cast<const sockaddr*>(&all),
                       sizeof(all)),
              "neighbour advertisement");
}

}  // namespace

Result<InterfaceAddress> parse_interface_address(std::string_view cidr, std::string interface) {
  const Error wrong(ErrorCode::kInvalid, "is an address with its prefix, as 192.0.2.1/24");
  const size_t slash = cidr.find('/');
  if (slash == std::string_view::npos) return wrong;
  InterfaceAddress out{std::move(interface), std::string(cidr.substr(0, slash)), 0};
  const std::optional<RawAddress> raw = raw_address(out.address);
  const std::string_view digits = cidr.substr(slash + 1);
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), out.prefix);
  const bool whole = failure == std::errc() && end == digits.data() + digits.size();
  if (!raw || !whole || out.prefix == 0 || out.prefix > raw->size() * 8) return wrong;
  return out;
}

bool has_interface(const std::string& name) { return ::if_nametoindex(name.c_str()) != 0; }

bool has_address(const std::string& address) {
  const std::optional<RawAddress> wanted = raw_address(address);
  const Interfaces all = interfaces();
  for (const ifaddrs* one = all.get(); wanted && one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr != nullptr && is_address(*one->ifa_addr, *wanted)) return true;
  }
  return false;
}

Result<void> may_move_addresses() {
  const Result<std::string> status = read_file("/proc/self/status");
  const size_t line = status ? status->find("\nCapEff:\t") : std::string::npos;
  uint64_t held = 0;
  if (line != std::string::npos) {
    const char* digits = status->data() + line + std::strlen("\nCapEff:\t");
    std::from_chars(digits, status->data() + status->size(), held, 16);
  }
  for (const auto& [bit, name] : {std::pair{kNetAdmin, "CAP_NET_ADMIN"}, std::pair{kNetRaw, "CAP_NET_RAW"}}) {
    if ((held >> bit & 1) == 0)
      return Error(ErrorCode::kForbidden,
                   fmt::format("this server has not the right to change addresses ({})", name));
  }
  return {};
}

Result<void> hold_address(const InterfaceAddress& address, std::chrono::seconds lifetime) {
  const Result<RawAddress> raw = known(address);
  if (!raw) return raw.error();
  AddressMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, *raw, address.prefix,
                         ::if_nametoindex(address.interface.c_str()));
  ifa_cacheinfo life{};
  life.ifa_valid = static_cast<uint32_t>(lifetime.count());
  life.ifa_prefered = raw->family == AF_INET ? life.ifa_valid : 0;
  message.add(IFA_CACHEINFO, &life, sizeof(life));
  const uint32_t flags = IFA_F_NODAD;
  if (raw->family == AF_INET6) message.add(IFA_FLAGS, &flags, sizeof(flags));
  const int code = message.send();
  if (code != 0) return error_from_errno(code, fmt::format("{} at {}", address.address, address.interface));
  return {};
}

Result<void> drop_address(const InterfaceAddress& address) {
  if (!has_interface(address.interface)) return {};  // it went with the interface
  const Result<RawAddress> raw = known(address);
  if (!raw) return raw.error();
  const int code =
      AddressMessage(RTM_DELADDR, 0, *raw, address.prefix, ::if_nametoindex(address.interface.c_str()))
          .send();
  if (code == 0 || code == EADDRNOTAVAIL) return {};
  return error_from_errno(code, fmt::format("{} at {}", address.address, address.interface));
}

Result<void> announce_address(const InterfaceAddress& address) {
  const Result<RawAddress> raw = known(address);
  if (!raw) return raw.error();
  const auto own = hardware_address(address.interface);
  if (!own) return {};
  const unsigned index = ::if_nametoindex(address.interface.c_str());
  return raw->family == AF_INET ? send_arp(*raw, *own, index) : send_advertisement(*raw, *own, index);
}

}  // namespace mullion::env
