// Which addresses of a subnet are handed out to whoever asks for one. Pure; addresses are in host byte order.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace mullion::model {

/// Every address from the first to the last.
struct AllocationRange {
  uint32_t first = 0;
  uint32_t last = 0;
  bool contains(uint32_t address) const { return first <= address && address <= last; }
  bool operator==(const AllocationRange&) const = default;
};

/// From AllocateStart to AllocateEnd; what is not set is the end of the network. The address of the network
/// and its broadcast address are not handed out, unless it is too small to have them (/31, /32). Nothing when
/// `Subnet` is no network, or nothing is left of it.
std::optional<AllocationRange> allocation_range(const boost::json::object& subnet);

/// Whether the address lies in the network of the subnet.
bool is_in_subnet(const boost::json::object& subnet, uint32_t address);

/// Addresses that the subnet itself names: NextServer and those in its options, such as routers.
std::set<uint32_t> addresses_named_by(const boost::json::object& subnet);

/// The lowest address of the range that is not among `taken`; nothing when all are.
std::optional<uint32_t> lowest_free(const AllocationRange& range, const std::set<uint32_t>& taken);

/// The number of a dotted address; nothing when `text` is none.
std::optional<uint32_t> address_number(std::string_view text);
std::string dotted_address(uint32_t address);
/// The key that reservations and leases of the address have.
std::string address_key(uint32_t address);
/// What address_key() made; nothing for other texts.
std::optional<uint32_t> address_of_key(std::string_view key);

}  // namespace mullion::model
