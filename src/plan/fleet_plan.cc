#include "plan/fleet_plan.h"

#include <algorithm>

#include "model/members.h"

namespace mullion::plan {
namespace {

constexpr size_t kDeepest = 64;  // servers on the way to an endpoint; longer ways are no ways

uint64_t line_bytes(const json::value& line) {
  const json::value* bytes = line.is_object() ? line.get_object().if_contains("Bytes") : nullptr;
  return bytes != nullptr && bytes->is_number() ? bytes->to_number<uint64_t>() : 0;
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

void LinkLoad::add(const std::string& endpoint, const PlanContent& content) {
  std::map<std::string, uint64_t> moved;
  for (const json::value& line : content.actions) {
    if (const uint64_t bytes = line_bytes(line); bytes > 0) moved[artifact_name(line.get_object())] = bytes;
  }
  if (moved.empty()) return;
  std::string to = endpoint;
  for (size_t depth = 0; depth < kDeepest && to != own_id_; ++depth) {
    const auto parent = parents_.find(to);
    if (parent == parents_.end()) return;
    artifacts_[{parent->second, to}].insert(moved.begin(), moved.end());
    to = parent->second;
  }
}

json::array LinkLoad::show() const {
  json::array out;
  for (const auto& [link, artifacts] : artifacts_) {
    uint64_t bytes = 0;
    for (const auto& [name, size] : artifacts) bytes += size;
    out.emplace_back(json::object{
        {"From", link.first}, {"To", link.second}, {"Bytes", bytes}, {"Artifacts", artifacts.size()}});
  }
  return out;
}

void FleetPlan::add(std::string endpoint, PlanContent content, std::optional<double> facts_age) {
  ++count_;
  Group& group = groups_[content.key()];
  if (group.endpoints.empty()) group.content = std::move(content);
  if (facts_age) {
    group.oldest = std::max(group.oldest.value_or(0), *facts_age);
    ages_[endpoint] = *facts_age;
  }
  group.endpoints.push_back(std::move(endpoint));
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
    for (const std::string& endpoint : group->endpoints) {
      load.add(endpoint, group->content);
      all.add(endpoint, group->content);
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
