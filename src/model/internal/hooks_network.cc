#include "model/allocation.h"
#include "model/internal/hooks.h"

namespace mullion::model::internal {
namespace {

constexpr int64_t kLeastActiveSeconds = 60;
constexpr int64_t kLeastReservedSeconds = 7200;

bool is_unicast(uint32_t address) {
  const bool loopback = address >> 24 == 127;
  const bool link_local = address >> 16 == 0xA9FE;
  return address != 0 && address < 0xE0000000u && !loopback && !link_local;
}

void check_active_range(HookContext& context, uint32_t network, int bits) {
  const uint32_t mask = bits == 0 ? 0 : ~uint32_t{0} << (32 - bits);
  uint32_t first = 0;
  uint32_t last = 0;
  const bool inside = parse_ipv4(text_of(context.object, "ActiveStart"), first) &&
                      parse_ipv4(text_of(context.object, "ActiveEnd"), last) &&
                      (first & mask) == (network & mask) && (last & mask) == (network & mask);
  if (!inside) {
    context.refuse("ActiveStart and ActiveEnd must be addresses inside the subnet");
  } else if (first > last) {
    context.refuse("ActiveStart must not be after ActiveEnd");
  }
  if (integer_of(context.object, "ActiveLeaseTime") < kLeastActiveSeconds) {
    context.refuse("ActiveLeaseTime must be greater than or equal to 60 seconds");
  }
}

/// A subnet as reservations see it.
struct Network {
  std::string name;
  uint32_t address = 0;
  int bits = 0;

  uint32_t mask() const { return bits == 0 ? 0 : ~uint32_t{0} << (32 - bits); }
  bool contains(uint32_t other) const { return (other & mask()) == (address & mask()); }
  /// The first and the last address of a network that has room for both.
  bool sets_apart(uint32_t other) const {
    return bits < 31 && ((other & ~mask()) == 0 || (other & ~mask()) == ~mask());
  }
};

/// The narrowest subnet around an address.
std::optional<Network> network_around(const Lookup& lookup, uint32_t address) {
  std::optional<Network> best;
  for (const json::object& subnet : lookup.all("subnets")) {
    Network network{std::string(text_of(subnet, "Name"))};
    if (!parse_cidr(text_of(subnet, "Subnet"), network.address, network.bits)) continue;
    if (network.contains(address) && (!best || network.bits > best->bits)) best = std::move(network);
  }
  return best;
}

/// Another reservation for the same device: without scope it counts everywhere, with one in its subnet.
std::optional<json::object> rival_of(const HookContext& context, const std::string& scope) {
  const json::object& own = context.object;
  for (json::object& other : context.lookup.where("reservations", "Token", text_of(own, "Token"))) {
    if (object_key(context.type, other) == context.key) continue;
    if (text_of(other, "Strategy") != text_of(own, "Strategy")) continue;
    const bool same_scope = boolean_of(own, "Scoped") && text_of(other, "Subnet") == scope;
    if (!boolean_of(other, "Scoped") || same_scope) return std::move(other);
  }
  return std::nullopt;
}

}  // namespace

void check_subnet_range(HookContext& context) {
  uint32_t network = 0;
  int bits = 0;
  const std::string_view range = text_of(context.object, "Subnet");
  if (!parse_cidr(range, network, bits)) {
    return context.refuse(fmt::format("Invalid subnet {}: invalid CIDR address: {}", range, range));
  }
  const std::string_view next_server = text_of(context.object, "NextServer");
  uint32_t server = 0;
  if (!next_server.empty() && parse_ipv4(next_server, server) && server != 0 && !is_unicast(server)) {
    context.refuse(fmt::format("Invalid NextServer `{}`", next_server));
  }
  if (text_of(context.object, "Strategy").empty()) context.refuse("Strategy must have a value");
  if (boolean_of(context.object, "Proxy") && boolean_of(context.object, "Unmanaged")) {
    context.refuse("Proxy and Unmanaged cannot both be true");
  }
  if (!boolean_of(context.object, "OnlyReservations") && !boolean_of(context.object, "Proxy")) {
    check_active_range(context, network, bits);
  }
  if (integer_of(context.object, "ReservedLeaseTime") < kLeastReservedSeconds) {
    context.refuse("ReservedLeaseTime must be greater than or equal to 7200 seconds");
  }
}

void check_subnet_allocation(HookContext& context) {
  std::optional<uint32_t> ends[2];
  const std::string_view fields[] = {"AllocateStart", "AllocateEnd"};
  for (size_t i = 0; i < std::size(fields); ++i) {
    uint32_t address = 0;
    if (!parse_ipv4(text_of(context.object, fields[i]), address)) continue;  // not set
    if (!is_in_subnet(context.object, address))
      context.refuse(fmt::format("{} must be an address inside the subnet", fields[i]));
    ends[i] = address;
  }
  if (ends[0] && ends[1] && *ends[0] > *ends[1])
    context.refuse("AllocateStart must not be after AllocateEnd");
}

void check_subnet_change(HookContext& context) {
  if (context.before == nullptr) return;
  if (text_of(*context.before, "Strategy") != text_of(context.object, "Strategy")) {
    context.refuse_reference("Strategy cannot change");
  }
  if (text_of(*context.before, "Subnet") != text_of(context.object, "Subnet")) {
    context.refuse_reference("Subnet range cannot change");
  }
}

void check_reservation_address(HookContext& context) {
  const std::string_view text = text_of(context.object, "Addr");
  uint32_t address = 0;
  if (!parse_ipv4(text, address) || !is_unicast(address)) {
    context.refuse(fmt::format("Invalid Address: {}", text));
  }
  if (text_of(context.object, "Token").empty()) context.refuse("Token must not be empty");
  if (text_of(context.object, "Strategy").empty()) context.refuse("Strategy must not be empty");
}

void check_reservation_scope(HookContext& context) {
  const std::string text(text_of(context.object, "Addr"));
  uint32_t address = 0;
  if (!parse_ipv4(text, address) || !is_unicast(address)) return;
  const std::optional<Network> network = network_around(context.lookup, address);
  const std::string scope = network ? network->name : std::string();
  const bool scoped = boolean_of(context.object, "Scoped");
  context.object["Subnet"] = scope;
  if (scoped && !network) {
    context.refuse_reference(fmt::format("Address {} is not in a defined Subnet, and Scoped is true.", text));
  }
  if (network && network->sets_apart(address)) {
    context.refuse_reference(
        fmt::format("Address {} is a network or broadcast address for subnet {}", text, scope));
  }
  const std::optional<json::object> rival = rival_of(context, scope);
  if (!rival) return;
  const std::string holder = boolean_of(*rival, "Scoped")
                                 ? fmt::format("Reservation {} in subnet {}", context.key, scope)
                                 : fmt::format("Unscoped reservation {}", context.key);
  context.refuse_reference(fmt::format("{} already has Strategy {}: Token {}", holder,
                                       text_of(context.object, "Strategy"),
                                       text_of(context.object, "Token")));
}

}  // namespace mullion::model::internal
