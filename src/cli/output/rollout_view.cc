#include "cli/output/rollout_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cli/documents/document.h"
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

const json::array& list_of(const json::value& value, std::string_view name) {
  static const json::array nothing;
  const json::value* found = member(value, name);
  return found != nullptr && found->is_array() ? found->get_array() : nothing;
}

std::string shown_member(const json::value& value, std::string_view name) {
  return escaped(text_member(value, name));
}

RolloutCounts counts_of(const json::array& endpoints) {
  RolloutCounts counts;
  for (const json::value& endpoint : endpoints) {
    const std::string state = text_member(endpoint, "State");
    if (state == "waiting" || state == "to return") {
      ++counts.waiting;
    } else if (state == "done") {
      ++counts.done;
    } else if (state == "left") {
      ++counts.left;
    } else if (state == "failed" || state == "not returned") {
      ++counts.failed;
    } else if (state == "returned") {
      ++counts.returned;
    } else {
      ++counts.under_way;
    }
  }
  return counts;
}

std::string counts_text(const RolloutCounts& counts) {
  std::vector<std::string> parts;
  for (const auto& [count, word] : {std::pair<size_t, std::string_view>{counts.waiting, "waiting"},
                                    {counts.under_way, "under way"},
                                    {counts.done, "done"},
                                    {counts.failed, "failed"},
                                    {counts.returned, "returned"},
                                    {counts.left, "left as they are"}}) {
    if (count > 0) parts.push_back(fmt::format("{} {}", count, word));
  }
  return parts.empty() ? "no endpoints" : fmt::format("{}", fmt::join(parts, ", "));
}

std::string duration_text(env::Duration duration) {
  const int64_t seconds =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(duration).count());
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string soak_text(const json::value& wave, env::WallTime now) {
  env::WallTime until;
  if (text_member(wave, "State") != "soaking" || !env::parse_rfc3339(text_member(wave, "SoakUntil"), until))
    return "";
  return until > now ? fmt::format(", {} to soak", duration_text(until - now)) : ", at its gate";
}

std::string header(const json::value& rollout) {
  const std::string reason = shown_member(rollout, "Reason");
  return fmt::format("{}: {}{}", shown_member(rollout, "Id"), shown_member(rollout, "State"),
                     reason.empty() ? "" : " (" + reason + ")");
}

void add_wave(std::vector<std::string>& lines, const json::value& wave, size_t number, env::WallTime now) {
  const std::string gate = shown_member(wave, "Gate");
  lines.push_back(fmt::format("wave {} ({}) {}: {}{}{}", number, shown_member(wave, "Name"),
                              shown_member(wave, "State"), counts_text(counts_of(list_of(wave, "Endpoints"))),
                              soak_text(wave, now), gate.empty() ? "" : ", gate: " + gate));
  size_t width = 0;
  for (const json::value& endpoint : list_of(wave, "Endpoints"))
    width = std::max(width, shown_member(endpoint, "Endpoint").size());
  for (const json::value& endpoint : list_of(wave, "Endpoints")) {
    const std::string reason = shown_member(endpoint, "Reason");
    lines.push_back(fmt::format("  {:<{}}  {}{}", shown_member(endpoint, "Endpoint"), width,
                                shown_member(endpoint, "State"), reason.empty() ? "" : ": " + reason));
  }
}

std::string action_text(const json::value& action) {
  const std::string version = shown_member(action, "Version");
  return fmt::format("    {} {} {}{}", shown_member(action, "Action"), shown_member(action, "Type"),
                     shown_member(action, "Name"), version.empty() ? "" : " " + version);
}

}  // namespace

RolloutCounts rollout_counts(const json::value& rollout) {
  json::array all;
  for (const json::value& wave : list_of(rollout, "Progress")) {
    for (const json::value& endpoint : list_of(wave, "Endpoints")) all.push_back(endpoint);
  }
  return counts_of(all);
}

std::string rollout_text(const json::value& rollout, env::WallTime now, size_t most_lines) {
  std::vector<std::string> lines{header(rollout)};
  size_t number = 0;
  for (const json::value& wave : list_of(rollout, "Progress")) add_wave(lines, wave, ++number, now);
  if (most_lines > 1 && lines.size() > most_lines) {
    const size_t hidden = lines.size() - most_lines + 1;
    lines.resize(most_lines - 1);
    lines.push_back(fmt::format("... and {} more lines", hidden));
  }
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

std::string rollout_line(const json::value& rollout) {
  const json::array& waves = list_of(rollout, "Progress");
  size_t begun = 0;
  for (const json::value& wave : waves) begun += text_member(wave, "Started").empty() ? 0 : 1;
  if (waves.empty()) return header(rollout);
  return fmt::format("{}, wave {} of {}: {}", header(rollout), begun, waves.size(),
                     counts_text(rollout_counts(rollout)));
}

std::string dry_run_text(const json::value& answer) {
  std::string out;
  size_t number = 0;
  for (const json::value& wave : list_of(answer, "Waves")) {
    const json::array& endpoints = list_of(wave, "Endpoints");
    out +=
        fmt::format("wave {} ({}): {} endpoints\n", ++number, shown_member(wave, "Name"), endpoints.size());
    for (const json::value& endpoint : endpoints) {
      const json::value* before = member(endpoint, "Before");
      const json::value* after = member(endpoint, "VersionSets");
      out += fmt::format("  {}: {} -> {}\n", shown_member(endpoint, "Endpoint"),
                         before == nullptr || !before->is_array() || before->get_array().empty()
                             ? "nothing"
                             : cell_text(*before),
                         after == nullptr ? "" : cell_text(*after));
      if (const std::string problem = shown_member(endpoint, "Problem"); !problem.empty())
        out += "    " + problem + "\n";
      for (const json::value& action : list_of(endpoint, "Actions")) out += action_text(action) + "\n";
    }
  }
  if (number == 0) out += "no endpoints\n";
  for (const json::value& problem : list_of(answer, "Problems"))
    out += "problem: " + cell_text(problem) + "\n";
  return out;
}

bool rollout_is_over(const json::value& rollout) {
  const std::string state = text_member(rollout, "State");
  return state == "done" || state == "returned" || state == "aborted" || state == "failed";
}

}  // namespace mullion::cli
