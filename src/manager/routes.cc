#include "manager/routes.h"

#include <algorithm>
#include <tuple>

namespace mullion::manager {
namespace {

struct Candidate {
  const Neighbour* neighbour;
  const replication::Announcement* announced;
};

std::string refusal(std::string_view own_id, const replication::Announcement& announced) {
  if (announced.owner == own_id) return "it is this server itself";
  if (std::ranges::find(announced.via, own_id) != announced.via.end())
    return "the way leads through this server";
  return {};
}

auto rank(const Candidate& candidate, std::string_view in_use) {
  return std::tuple(!candidate.neighbour->connected, !candidate.announced->in_touch,
                    candidate.announced->via.size(), candidate.neighbour->id != in_use,
                    std::string_view(candidate.neighbour->id));
}

}  // namespace

std::vector<std::string> Plan::subscriptions(std::string_view neighbour) const {
  std::vector<std::string> out;
  for (const auto& [owner, route] : routes) {
    if (route.next_hop == neighbour && route.followed) out.push_back(owner);
  }
  return out;
}

Plan plan_routes(std::string_view own_id, const std::vector<Neighbour>& neighbours, const Plan& current) {
  Plan plan;
  std::map<std::string, std::vector<Candidate>, std::less<>> candidates;
  for (const Neighbour& neighbour : neighbours) {
    for (const replication::Announcement& announced : neighbour.announced) {
      std::string reason = refusal(own_id, announced);
      if (reason.empty()) {
        candidates[announced.owner].push_back({&neighbour, &announced});
      } else {
        plan.refused.push_back({neighbour.id, announced.owner, std::move(reason)});
      }
    }
  }
  for (auto& [owner, ways] : candidates) {
    const auto used = current.routes.find(owner);
    const std::string_view in_use = used == current.routes.end() ? std::string_view() : used->second.next_hop;
    std::ranges::sort(ways, {}, [&](const Candidate& way) { return rank(way, in_use); });
    const Candidate& best = ways.front();
    Route& route = plan.routes[owner];
    route = {owner, best.neighbour->id, best.announced->via, best.neighbour->single_pane, {}};
    for (size_t i = 1; i < ways.size(); ++i) route.stand_by.push_back(ways[i].neighbour->id);
  }
  return plan;
}

}  // namespace mullion::manager
