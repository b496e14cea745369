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
    announced.via = std::move(way);
    announced.in_touch = one->status == "Connected";
    if (!announced.in_touch) announced.reason = fmt::format("its manager says: {:.200}", one->status);
  }
  return out;
}

}  // namespace mullion::mirror
