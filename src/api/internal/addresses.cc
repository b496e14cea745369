#include "api/internal/addresses.h"

#include <fmt/format.h>

#include "api/internal/objects.h"
#include "model/allocation.h"
#include "model/members.h"
#include "objects/lookup.h"

namespace mullion::api {
namespace {

/// Whether the device may go on using its address.
bool holds(std::string_view lease, env::WallTime now) {
  env::WallTime until;
  return !env::parse_rfc3339(text_in(lease, "ExpireTime"), until) || until > now;
}

/// Adds the addresses in the range that local objects of the collection are about; their keys are in the
/// order of the addresses.
void add_addresses_of(const store::Snapshot& snapshot, std::string_view type,
                      const model::AllocationRange& range,
                      const std::function<bool(std::string_view body)>& counts, std::set<uint32_t>& taken) {
  snapshot.scan(type, model::address_key(range.first),
                [&](std::string_view key, std::string_view owner, std::string_view body) {
                  const std::optional<uint32_t> address = model::address_of_key(key);
                  if (!address || !range.contains(*address)) return false;
                  if (!store::is_remote(owner) && counts(body)) taken.insert(*address);
                  return true;
                });
}

bool is_a_machines(const Services& services, const store::Snapshot& snapshot, uint32_t address) {
  return !objects::refs_by_index(services, snapshot, "machines", "Address", model::dotted_address(address),
                                 true, 1)
              .empty();
}

Error about_subnet(const json::object& subnet, ErrorCode code, std::string message) {
  return Error(code, "", "subnets", model::text_member(subnet, "Name"), {std::move(message)});
}

}  // namespace

Result<uint32_t> free_address(const Services& services, const store::Snapshot& snapshot,
                              const json::object& subnet) {
  const Error none =
      about_subnet(subnet, ErrorCode::kConflict,
                   fmt::format("Subnet {} has no free address", model::text_member(subnet, "Name")));
  const std::optional<model::AllocationRange> range = model::allocation_range(subnet);
  if (!range) return none;
  std::set<uint32_t> taken = model::addresses_named_by(subnet);
  add_addresses_of(
      snapshot, "reservations", *range, [](std::string_view) { return true; }, taken);
  const env::WallTime now = services.clock.wall();
  add_addresses_of(
      snapshot, "leases", *range, [now](std::string_view body) { return holds(body, now); }, taken);
  for (;;) {
    const std::optional<uint32_t> address = model::lowest_free(*range, taken);
    if (!address) return none;
    if (!is_a_machines(services, snapshot, *address)) return *address;
    taken.insert(*address);
  }
}

Result<void> check_address(const Services& services, const store::Snapshot& snapshot,
                           const json::object& subnet, uint32_t address, std::string_view token) {
  if (!model::is_in_subnet(subnet, address)) {
    return about_subnet(subnet, ErrorCode::kInvalid,
                        fmt::format("Addr: {} is not in subnet {}", model::dotted_address(address),
                                    model::text_member(subnet, "Subnet")));
  }
  const std::optional<store::StoredObject> lease = snapshot.get_local("leases", model::address_key(address));
  if (!lease || !holds(lease->body, services.clock.wall()) || text_in(lease->body, "Token") == token)
    return {};
  return about_subnet(subnet, ErrorCode::kConflict,
                      fmt::format("Address {} is leased to another device", model::dotted_address(address)));
}

}  // namespace mullion::api
