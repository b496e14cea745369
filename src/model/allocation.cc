#include "model/allocation.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "model/internal/hooks.h"

namespace mullion::model {
namespace {

namespace json = boost::json;

/// What is set, else `otherwise`. An address that cannot be read counts as not set: rules refuse it.
uint32_t address_or(const json::object& subnet, std::string_view field, uint32_t otherwise) {
  uint32_t address = 0;
  return internal::parse_ipv4(internal::text_of(subnet, field), address) ? address : otherwise;
}

std::optional<AllocationRange> network_of(const json::object& subnet) {
  uint32_t address = 0;
  int bits = 0;
  if (!internal::parse_cidr(internal::text_of(subnet, "Subnet"), address, bits)) return std::nullopt;
  const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
  return AllocationRange{address & mask, address | ~mask};
}

void add_addresses(std::string_view list, std::set<uint32_t>& out) {
  for (const std::string& part : trimmed_list(list)) {
    if (const std::optional<uint32_t> address = address_number(part)) out.insert(*address);
  }
}

}  // namespace

std::optional<AllocationRange> allocation_range(const json::object& subnet) {
  const std::optional<AllocationRange> network = network_of(subnet);
  if (!network) return std::nullopt;
  AllocationRange usable = *network;
  if (usable.last - usable.first > 1) {  // else it has no address of its own
    ++usable.first;
    --usable.last;
  }
  const AllocationRange range{std::max(usable.first, address_or(subnet, "AllocateStart", usable.first)),
                              std::min(usable.last, address_or(subnet, "AllocateEnd", usable.last))};
  if (range.first > range.last) return std::nullopt;
  return range;
}

bool is_in_subnet(const json::object& subnet, uint32_t address) {
  const std::optional<AllocationRange> network = network_of(subnet);
  return network && network->contains(address);
}

std::set<uint32_t> addresses_named_by(const json::object& subnet) {
  std::set<uint32_t> out;
  add_addresses(internal::text_of(subnet, "NextServer"), out);
  const json::array* options = internal::list_of(subnet, "Options");
  if (options == nullptr) return out;
  for (const json::value& option : *options) {
    if (option.is_object()) add_addresses(internal::text_of(option.get_object(), "Value"), out);
  }
  return out;
}

std::optional<uint32_t> lowest_free(const AllocationRange& range, const std::set<uint32_t>& taken) {
  uint32_t candidate = range.first;
  for (auto next = taken.lower_bound(range.first); next != taken.end() && *next == candidate; ++next) {
    if (candidate == range.last) return std::nullopt;
    ++candidate;
  }
  return candidate;
}

std::optional<uint32_t> address_number(std::string_view text) {
  uint32_t address = 0;
  if (!internal::parse_ipv4(text, address)) return std::nullopt;
  return address;
}

std::string dotted_address(uint32_t address) { return internal::ipv4_text(address); }

std::string address_key(uint32_t address) { return fmt::format("{:08X}", address); }

std::optional<uint32_t> address_of_key(std::string_view key) {
  constexpr size_t kDigits = 8;
  uint32_t address = 0;
  const auto [end, problem] = std::from_chars(key.data(), key.data() + key.size(), address, 16);
  if (key.size() != kDigits || problem != std::errc() || end != key.data() + key.size()) return std::nullopt;
  return address;
}

}  // namespace mullion::model
