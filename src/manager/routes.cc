#include "manager/routes.h"

#include <fmt/format.h>

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

std::string another_server(const replication::Announcement& announced, std::string_view known) {
  return fmt::format("another server has this id there: certificate {}, known is {}", announced.certificate,
                     known);
}

auto rank(const Candidate& candidate, std::string_view in_use) {
  return std::tuple(!candidate.neighbour->connected, !candidate.announced->in_touch,
                    candidate.announced->via.size(), !candidate.announced->untold_by.empty(),
                    candidate.neighbour->id != in_use, std::string_view(candidate.neighbour->id));
}

const std::string& certificate_through(const std::vector<Candidate>& ways, std::string_view neighbour) {
  static const std::string kNone;
  const auto way = std::ranges::find(ways, neighbour,
                                     [](const Candidate& c) { return std::string_view(c.neighbour->id); });
  return way == ways.end() ? kNone : way->announced->certificate;
}

bool is_another(const Candidate& way, std::string_view certificate) {
  return !certificate.empty() && !way.announced->certificate.empty() &&
         way.announced->certificate != certificate;
}

/// The certificate that the owner has to have; empty when nobody knows one. `ways`: best first.
std::string known_certificate(std::string_view owner, const std::vector<Candidate>& ways, const Route* used) {
  std::string known = certificate_through(ways, owner);
  if (known.empty() && used != nullptr) known = certificate_through(ways, used->next_hop);
  if (known.empty() && used != nullptr) known = used->certificate;
  const bool lost = std::ranges::all_of(ways, [&](const Candidate& way) { return is_another(way, known); });
  if (!known.empty() && !lost) return known;
  for (const Candidate& way : ways) {
    if (!way.announced->certificate.empty()) return way.announced->certificate;
  }
  return {};
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
    const auto found = current.routes.find(owner);
    const Route* used = found == current.routes.end() ? nullptr : &found->second;
    const std::string_view in_use = used == nullptr ? std::string_view() : used->next_hop;
    std::ranges::sort(ways, {}, [&](const Candidate& way) { return rank(way, in_use); });
    std::string certificate = known_certificate(owner, ways, used);
    std::erase_if(ways, [&](const Candidate& way) {
      if (!is_another(way, certificate)) return false;
      plan.refused.push_back({way.neighbour->id, owner, another_server(*way.announced, certificate)});
      return true;
    });
    const Candidate& best = ways.front();
    Route& route = plan.routes[owner];
    route = {owner, best.neighbour->id, best.announced->via, best.neighbour->single_pane, {}};
    route.certificate = std::move(certificate);
    for (size_t i = 1; i < ways.size(); ++i) route.stand_by.push_back(ways[i].neighbour->id);
  }
  return plan;
}

}  // namespace mullion::manager
