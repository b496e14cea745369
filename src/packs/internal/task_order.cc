#include "packs/internal/task_order.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <set>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "packs/internal/pack.h"

namespace mullion::packs {

namespace {

constexpr std::string_view kTasks = "tasks";
constexpr size_t kMostOrderMessages = 100;

void add_task(TaskPrerequisites& tasks, std::string_view name, std::string_view body) {
  const auto parsed = parse_json(body);
  if (!parsed || !parsed->is_object()) return;
  tasks[std::string(name)] = model::texts_member(parsed->get_object(), "Prerequisites");
}

void add_tasks_of(TaskPrerequisites& tasks, const store::Snapshot& snapshot, std::string_view owner) {
  snapshot.scan_owner(kTasks, owner, "", [&](std::string_view key, std::string_view body) {
    add_task(tasks, key, body);
    return true;
  });
}

/// Depth-first over all tasks, each looked at once, without recursion: whoever makes packs chooses how long
/// their chains are.
class CircleSearch {
 public:
  explicit CircleSearch(const TaskPrerequisites& tasks) : tasks_(tasks) {}

  /// Every circle that closes a way, as the names on it.
  std::vector<std::vector<std::string>> run() {
    for (const auto& [name, prerequisites] : tasks_) walk_from(name);
    return std::move(circles_);
  }

 private:
  struct Step {
    const std::string* name;
    const std::vector<std::string>* prerequisites;
    size_t next = 0;
  };

  void enter(const std::string& name) {
    const auto found = tasks_.find(name);
    if (found == tasks_.end() || !seen_.insert(name).second) return;
    on_way_.insert(name);
    way_.push_back({&found->first, &found->second, 0});
  }

  void walk_from(const std::string& start) {
    enter(start);
    while (!way_.empty()) {
      Step& step = way_.back();
      if (step.next == step.prerequisites->size()) {
        on_way_.erase(*step.name);
        way_.pop_back();
        continue;
      }
      const std::string& next = (*step.prerequisites)[step.next++];
      if (on_way_.contains(next)) {
        keep_circle(next);
      } else {
        enter(next);
      }
    }
  }

  void keep_circle(const std::string& start) {
    if (circles_.size() >= kMostOrderMessages) return;
    auto from = std::ranges::find_if(way_, [&](const Step& step) { return *step.name == start; });
    std::vector<std::string> circle;
    for (; from != way_.end() && circle.size() < kMostOrderMessages; ++from) circle.push_back(*from->name);
    circles_.push_back(std::move(circle));
  }

  const TaskPrerequisites& tasks_;
  std::vector<Step> way_;
  std::set<std::string> on_way_, seen_;
  std::vector<std::vector<std::string>> circles_;
};

/// What real servers say of each task on a circle.
void tell_circle(std::vector<std::string> circle, std::vector<std::string>& out) {
  for (size_t i = 0; i < circle.size(); ++i) {
    out.push_back(fmt::format("Task {} depends on itself!", circle.front()));
    out.push_back(fmt::format("{}: {} (cycle at 0)", fmt::join(circle, ": "), circle.front()));
    std::rotate(circle.begin(), circle.begin() + 1, circle.end());
  }
}

}  // namespace

TaskPrerequisites task_prerequisites(const std::map<ObjectName, std::string>& bodies,
                                     const store::Snapshot& snapshot) {
  TaskPrerequisites tasks;
  for (auto at = bodies.lower_bound(ObjectName(kTasks, "")); at != bodies.end() && at->first.first == kTasks;
       ++at)
    add_task(tasks, at->first.second, at->second);
  add_tasks_of(tasks, snapshot, store::kOwn);
  return tasks;
}

TaskPrerequisites task_prerequisites(const store::Snapshot& snapshot) {
  TaskPrerequisites tasks;
  add_tasks_of(tasks, snapshot, store::kLayered);
  add_tasks_of(tasks, snapshot, store::kOwn);
  return tasks;
}

std::vector<std::string> impossible_tasks(const TaskPrerequisites& tasks) {
  std::vector<std::string> out;
  for (std::vector<std::string>& circle : CircleSearch(tasks).run()) tell_circle(std::move(circle), out);
  for (const auto& [name, prerequisites] : tasks) {
    for (const std::string& wanted : prerequisites) {
      if (!tasks.contains(wanted))
        out.push_back(fmt::format("Task {} missing prerequisite {}", name, wanted));
    }
  }
  return out;
}

Result<void> check_task_order(const TaskPrerequisites& before, const TaskPrerequisites& after) {
  const std::vector<std::string> known = impossible_tasks(before);
  std::vector<std::string> fresh = impossible_tasks(after);
  std::erase_if(fresh,
                [&](const std::string& text) { return std::ranges::find(known, text) != known.end(); });
  if (fresh.empty()) return {};
  if (fresh.size() > kMostOrderMessages) fresh.resize(kMostOrderMessages);
  return Error(ErrorCode::kInvalid, std::string(kUndecodable), "contents", "", std::move(fresh));
}

}  // namespace mullion::packs
