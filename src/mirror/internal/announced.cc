#include "mirror/internal/announced.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace mullion::mirror {
namespace {

constexpr size_t kLongestWay = 32;

/// The managers from the owner outwards, the source last; empty when they do not lead there.
std::vector<std::string> way_of(const Attached& attached, const std::string& source,
                                const std::map<std::string, const Attached*>& by_id) {
  std::vector<std::string> way;
  const Attached* next = &attached;
  while (next->holder != source) {
    const auto holder = by_id.find(next->holder);
    const bool circle = std::ranges::find(way, next->holder) != way.end() || next->holder == attached.id;
    if (holder == by_id.end() || circle || way.size() >= kLongestWay) return {};
    way.push_back(next->holder);
    next = holder->second;
  }
  way.push_back(source);
  return way;
}

/// Why the source is not in touch with the owner; "" when it says that every manager on the way is with the
/// next. What one that is not says of those behind it is old.
std::string broken_at(const Attached& owner, const std::vector<std::string>& way,
                      const std::map<std::string, const Attached*>& by_id) {
  constexpr std::string_view kInTouch = "Connected";
  for (const std::string& hop : way) {
    const auto manager = by_id.find(hop);  // not the source
    if (manager != by_id.end() && manager->second->status != kInTouch)
      return fmt::format("the manager of {:.200} says: {:.200}", hop, manager->second->status);
  }
  return owner.status == kInTouch ? "" : fmt::format("its manager says: {:.200}", owner.status);
}

}  // namespace

std::vector<replication::Announcement> announced_owners(const std::string& source,
                                                        const std::vector<Attached>& attached) {
  std::map<std::string, const Attached*> by_id;
  for (const Attached& one : attached) {
    if (one.id.empty() || one.id == source) continue;
    const Attached*& known = by_id[one.id];
    // Attached to several: the nearest counts.
    if (known == nullptr || one.holder == source) known = &one;
  }
  std::vector<replication::Announcement> out;
  out.push_back({source, {}, true, 0, ""});
  for (const auto& [id, one] : by_id) {
    std::vector<std::string> way = way_of(*one, source, by_id);
    if (way.empty()) continue;
    replication::Announcement& announced = out.emplace_back();
    announced.owner = id;
    announced.reason = broken_at(*one, way, by_id);
    announced.in_touch = announced.reason.empty();
    announced.via = std::move(way);
    announced.untold_by = source;
  }
  return out;
}

std::vector<replication::Announcement> no_longer_announced(
    const std::vector<replication::Announcement>& before, const std::vector<replication::Announcement>& now) {
  std::vector<replication::Announcement> out;
  for (const replication::Announcement& one : before) {
    if (std::ranges::find(now, one.owner, &replication::Announcement::owner) == now.end()) out.push_back(one);
  }
  return out;
}

}  // namespace mullion::mirror
