#include "cli/output/bulk_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cli/documents/document.h"
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

constexpr size_t kNamesShown = 8;  // of the endpoints of a group

const json::array& lines_in(const json::value& value, std::string_view name) {
  static const json::array nothing;
  const json::value* found = member(value, name);
  return found != nullptr && found->is_array() ? found->get_array() : nothing;
}

std::string text_in(const json::value& value, std::string_view name) {
  return escaped(text_member(value, name));
}

/// Members of Bulk.Counts beside Total and Done, in the order in which people want to know.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kCountWords{{
    {"Running", "under way"},
    {"AlreadySo", "already so"},
    {"Locked", "locked"},
    {"NotAllowed", "not allowed"},
    {"Refused", "refused"},
    {"Conflict", "in conflict"},
    {"Unreachable", "unreachable"},
    {"Unknown", "unknown"},
    {"Pending", "to come"},
}};

std::string moved_text(uint64_t bytes) {
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  if (bytes < 10'000'000'000) return fmt::format("{} MB", bytes / 1'000'000);
  return fmt::format("{} GB", bytes / 1'000'000'000);
}

std::string names_text(const json::array& names) {
  std::vector<std::string> shown;
  for (const json::value& name : names) {
    if (shown.size() == kNamesShown) break;
    if (name.is_string()) shown.push_back(escaped(name.get_string()));
  }
  const size_t left = names.size() - shown.size();
  return fmt::format("{}{}", fmt::join(shown, " "), left == 0 ? "" : fmt::format(" and {} more", left));
}

std::string plan_line_text(const json::value& line, bool red) {
  const std::string current = text_in(line, "Current");
  const std::string version = text_in(line, "Version");
  const std::string text =
      fmt::format("    {} {} {}{}{}{}", text_in(line, "Action"), text_in(line, "Type"), text_in(line, "Name"),
                  version.empty() ? "" : " " + version, current.empty() ? "" : " (now " + current + ")",
                  count_member(line, "Bytes") == 0 ? "" : ", " + moved_text(count_member(line, "Bytes")));
  return red ? fmt::format("\x1b[31m{}\x1b[0m\n", text) : text + "\n";
}

std::string links_text(const json::array& links) {
  std::string out;
  for (const json::value& link : links) {
    out += fmt::format("  {} -> {}: {}, {} artifacts\n", text_in(link, "From"), text_in(link, "To"),
                       moved_text(count_member(link, "Bytes")), count_member(link, "Artifacts"));
  }
  return out;
}

std::string group_text(const json::value& group, size_t number, bool red) {
  const json::array& actions = lines_in(group, "Actions");
  const json::array& deletions = lines_in(group, "Deletions");
  const json::value* restarts = member(group, "Restarts");
  const json::value* oldest = member(group, "OldestFacts");
  const double age = oldest != nullptr && oldest->is_number() ? oldest->to_number<double>() : 0;
  std::string out =
      fmt::format("plan {}: {} endpoints, {} actions, {} deletions, {} each, {}{}\n  {}\n", number,
                  count_member(group, "Count"), actions.size(), deletions.size(),
                  moved_text(count_member(group, "Bytes")),
                  restarts != nullptr && *restarts == json::value(true) ? "with a restart" : "no restart",
                  age > 0 ? fmt::format(", from facts up to {:.0f} s old", age) : "",
                  names_text(lines_in(group, "Endpoints")));
  for (const json::value& line : actions) out += plan_line_text(line, false);
  for (const json::value& line : deletions) out += plan_line_text(line, red);
  for (const json::value& problem : lines_in(group, "Problems")) {
    if (problem.is_string()) out += fmt::format("    problem: {}\n", escaped(problem.get_string()));
  }
  return out;
}

}  // namespace

std::string bulk_line(const json::value& bulk) {
  static const json::value nothing;
  const json::value* counts = member(bulk, "Counts");
  if (counts == nullptr) counts = &nothing;
  std::string out = fmt::format("{} {}: {} of {} done", text_in(bulk, "Id"), text_in(bulk, "State"),
                                count_member(*counts, "Done"), count_member(*counts, "Total"));
  for (const auto& [name, word] : kCountWords) {
    if (const uint64_t count = count_member(*counts, name); count > 0)
      out += fmt::format(", {} {}", count, word);
  }
  const std::string reason = text_in(bulk, "Reason");
  return reason.empty() ? out : fmt::format("{} ({})", out, reason);
}

bool bulk_rests(const json::value& bulk) {
  const std::string state = text_member(bulk, "State");
  return state != "running" && state != "freezing";
}

std::string bulk_preview_text(const json::value& preview) {
  const auto counts = [](const json::value& line) {
    const uint64_t judged = count_member(line, "Judged");
    const uint64_t all = count_member(line, "Count");
    return fmt::format("would change {}, already so {}, locked {}, not allowed {}{}",
                       count_member(line, "WouldChange"), count_member(line, "AlreadySo"),
                       count_member(line, "Locked"), count_member(line, "NotAllowed"),
                       judged < all ? fmt::format(" (of {} looked at)", judged) : "");
  };
  std::string out = fmt::format("{} objects: {}\n", count_member(preview, "Count"), counts(preview));
  for (const json::value& owner : lines_in(preview, "Owners")) {
    const json::value* touch = member(owner, "InTouch");
    const bool dark = touch != nullptr && *touch == json::value(false);
    out += fmt::format("  {}: {} objects, {}{}\n", text_in(owner, "Endpoint"), count_member(owner, "Count"),
                       counts(owner), dark ? "; not in touch: will be unreachable" : "");
  }
  return out;
}

std::string bulk_items_text(const json::value& page) {
  std::string out;
  for (const json::value& item : lines_in(page, "Items")) {
    const std::string message = text_in(item, "Message");
    out += fmt::format("{} {} {}{}\n", text_in(item, "Endpoint"), text_in(item, "Key"),
                       text_in(item, "Outcome"), message.empty() ? "" : ": " + message);
  }
  return out + fmt::format("{} of {}\n", lines_in(page, "Items").size(), count_member(page, "Total"));
}

std::string fleet_plan_text(const json::value& plan, bool red) {
  const json::array& groups = lines_in(plan, "Groups");
  uint64_t unplanned = 0;
  for (const json::value& problem : lines_in(plan, "Problems")) unplanned += count_member(problem, "Count");
  std::string out = fmt::format("{} endpoints, {} plans, {} endpoints without one\n",
                                count_member(plan, "Count"), groups.size(), unplanned);
  size_t number = 0;
  for (const json::value& group : groups) out += group_text(group, ++number, red);
  for (const json::value& problem : lines_in(plan, "Problems")) {
    out += fmt::format("no plan: {} endpoints: {}\n  {}\n", count_member(problem, "Count"),
                       text_in(problem, "Reason"), names_text(lines_in(problem, "Endpoints")));
  }
  const json::array& links = lines_in(plan, "Links");
  if (!links.empty()) out += "over these links:\n" + links_text(links);
  return out;
}

}  // namespace mullion::cli
