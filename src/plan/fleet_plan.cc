#include "plan/fleet_plan.h"

#include <algorithm>

#include "model/members.h"

namespace mullion::plan {
namespace {

constexpr size_t kDeepest = 64;  // servers on the way to an endpoint; longer ways are no ways

uint64_t line_bytes(const json::value& line) {
  return line.is_object() ? model::count_member(line.get_object(), "Bytes") : 0;
}

/// Places of other lines say nothing about what is done.
void add_lines(json::array& out, const json::array& lines) {
  for (const json::value& line : lines) {
    if (!line.is_object()) continue;
    json::object same = line.get_object();
    for (const char* member : {"Number", "After"}) same.erase(member);
    out.emplace_back(std::move(same));
  }
}

/// Equal names are fetched once.
std::string artifact_name(const json::object& line) {
  const std::string sum = model::text_member(line, "Sha256Sum");
  if (!sum.empty()) return sum;
  return model::text_member(line, "Type") + "/" + model::text_member(line, "Name") + "/" +
         model::text_member(line, "Version");
}

json::array texts(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

}  // namespace

uint64_t PlanContent::bytes() const {
  uint64_t sum = 0;
  for (const json::array* lines : {&actions, &deletions}) {
    for (const json::value& line : *lines) sum += line_bytes(line);
  }
  return sum;
}

bool PlanContent::restarts() const {
  return std::ranges::any_of(actions, [](const json::value& line) {
    return line.is_object() && model::flag_member(line.get_object(), "Restarts");
  });
}

std::string PlanContent::key() const {
  json::array done, gone;
  add_lines(done, actions);
  add_lines(gone, deletions);
  return json::serialize(json::array{std::move(done), std::move(gone), texts(problems)});
}

std::shared_ptr<const Moved> moved_by(const PlanContent& content) {
  Moved moved;
  for (const json::value& line : content.actions) {
    if (const uint64_t bytes = line_bytes(line); bytes > 0) moved[artifact_name(line.get_object())] = bytes;
  }
  return std::make_shared<const Moved>(std::move(moved));
}

void LinkLoad::add(const std::string& endpoint, const std::shared_ptr<const Moved>& moved) {
  if (moved->empty()) return;
  std::string to = endpoint;
  for (size_t depth = 0; depth < kDeepest && to != own_id_; ++depth) {
    const auto parent = parents_.find(to);
    if (parent == parents_.end()) return;
    loads_[{parent->second, to}].insert(moved);
    to = parent->second;
  }
}

LinkLoad::Sum LinkLoad::sum_of(const Loads& loads) {
  Moved all;
  for (const std::shared_ptr<const Moved>& moved : loads) {
    for (const auto& [name, bytes] : *moved) {
      uint64_t& most = all[name];
      most = std::max(most, bytes);
    }
  }
  Sum out{.artifacts = all.size()};
  for (const auto& [name, bytes] : all) out.bytes += bytes;
  return out;
}

json::array LinkLoad::show() const {
  std::map<Loads, Sum> sums;  // links that carry the same are many
  json::array out;
  for (const auto& [link, loads] : loads_) {
    const auto [sum, fresh] = sums.try_emplace(loads);
    if (fresh) sum->second = sum_of(loads);
    out.emplace_back(json::object{{"From", link.first},
                                  {"To", link.second},
                                  {"Bytes", sum->second.bytes},
                                  {"Artifacts", sum->second.artifacts}});
  }
  return out;
}

void FleetPlan::add(std::vector<Planned> endpoints, PlanContent content) {
  if (endpoints.empty()) return;
  count_ += endpoints.size();
  Group& group = groups_[content.key()];
  if (group.endpoints.empty()) group.content = std::move(content);
  for (Planned& planned : endpoints) {
    if (planned.facts_age) {
      group.oldest = std::max(group.oldest.value_or(0), *planned.facts_age);
      ages_[planned.endpoint] = *planned.facts_age;
    }
    group.endpoints.push_back(std::move(planned.endpoint));
  }
}

void FleetPlan::add_unplanned(std::string endpoint, std::string reason) {
  ++count_;
  unplanned_[std::move(reason)].push_back(std::move(endpoint));
}

json::object FleetPlan::show(const std::string& own_id, const Parents& parents) const {
  LinkLoad all(parents, own_id);
  std::vector<const Group*> order;
  order.reserve(groups_.size());
  for (const auto& [key, group] : groups_) order.push_back(&group);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [](const Group* group) { return group->endpoints.size(); });
  json::array groups;
  for (const Group* group : order) {
    LinkLoad load(parents, own_id);
    const std::shared_ptr<const Moved> moved = moved_by(group->content);
    for (const std::string& endpoint : group->endpoints) {
      load.add(endpoint, moved);
      all.add(endpoint, moved);
    }
    groups.emplace_back(json::object{{"Count", group->endpoints.size()},
                                     {"Endpoints", texts(group->endpoints)},
                                     {"Actions", group->content.actions},
                                     {"Deletions", group->content.deletions},
                                     {"Problems", texts(group->content.problems)},
                                     {"Bytes", group->content.bytes()},
                                     {"Restarts", group->content.restarts()},
                                     {"Links", load.show()},
                                     {"OldestFacts", group->oldest.value_or(0)}});
  }
  json::array problems;
  for (const auto& [reason, endpoints] : unplanned_) {
    problems.emplace_back(
        json::object{{"Reason", reason}, {"Count", endpoints.size()}, {"Endpoints", texts(endpoints)}});
  }
  json::object ages;
  for (const auto& [endpoint, age] : ages_) ages[endpoint] = age;
  return {{"Count", count_},
          {"Groups", std::move(groups)},
          {"Problems", std::move(problems)},
          {"Links", all.show()},
          {"FactsAges", std::move(ages)}};
}

}  // namespace mullion::plan
