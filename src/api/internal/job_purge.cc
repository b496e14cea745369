#include "api/internal/job_purge.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "auth/auth.h"

namespace mullion::api {
namespace {

Error bad_purge_word(std::string_view name, std::string_view text, std::string_view wanted) {
  return Error(ErrorCode::kBadRequest, "", "jobs", "", {fmt::format("{}: {} is not {}", name, text, wanted)});
}

Result<uint64_t> parse_keep(std::string_view text) {
  uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure == std::errc{} && end == text.data() + text.size()) return number;
  return bad_purge_word("jobsToKeep", text, "a number");
}

Result<env::Duration> parse_age(std::string_view name, std::string_view text) {
  Result<env::Duration> age = auth::parse_ttl(text);
  if (age) return age;
  return bad_purge_word(name, text, "an age like 30d, 12h or never");
}

/// The age that counts: what the client says, else zero when it chose by number, else the preference.
std::string_view chosen_age(const std::string& given, bool by_number, const std::string& preferred) {
  if (!given.empty()) return given;
  if (by_number) return "0";
  return preferred.empty() ? std::string_view("never") : std::string_view(preferred);
}

bool is_chosen(const JobFacts& job, const PurgeRules& rules) {
  if (rules.machine) return job.machine == *rules.machine;
  return !rules.machine_missing || !job.machine_exists;
}

bool is_old_enough(const JobFacts& job, const PurgeRules& rules, env::WallTime now) {
  const env::Duration age = job.state == "failed" ? rules.failed_after : rules.complete_after;
  if (age == auth::kForever) return false;
  return job.end <= now - age;
}

bool starts_later(const JobFacts& a, const JobFacts& b) {
  return a.start != b.start ? a.start > b.start : a.key < b.key;
}

}  // namespace

Result<PurgeRules> purge_rules(const PurgeWords& words) {
  PurgeRules rules;
  rules.machine_missing = words.machine == "missing";
  if (!words.machine.empty() && !rules.machine_missing) rules.machine = words.machine;
  Result<uint64_t> keep = parse_keep(!words.keep.empty()             ? words.keep
                                     : !words.preferred_keep.empty() ? words.preferred_keep
                                                                     : "0");
  if (!keep) return keep.error();
  rules.keep = *keep;
  const bool by_number = !words.keep.empty() && words.failed_after.empty() && words.complete_after.empty();
  Result<env::Duration> failed = parse_age(
      "failedJobsPurgedAfter", chosen_age(words.failed_after, by_number, words.preferred_failed_after));
  if (!failed) return failed.error();
  Result<env::Duration> complete = parse_age(
      "completeJobsPurgedAfter", chosen_age(words.complete_after, by_number, words.preferred_complete_after));
  if (!complete) return complete.error();
  rules.failed_after = *failed;
  rules.complete_after = *complete;
  return rules;
}

bool is_deletable_job(std::string_view state) { return state == "finished" || state == "failed"; }

std::vector<std::string> jobs_to_purge(std::vector<JobFacts> jobs, const PurgeRules& rules,
                                       env::WallTime now) {
  std::sort(jobs.begin(), jobs.end(), starts_later);
  std::map<std::string, uint64_t> newer;  // jobs of a machine that were met already
  std::vector<std::string> keys;
  for (const JobFacts& job : jobs) {
    const bool kept = newer[job.machine]++ < rules.keep;
    if (!is_chosen(job, rules) || !is_deletable_job(job.state)) continue;
    const bool orphan = rules.machine_missing;  // then only those are chosen
    const bool spared = kept || (job.current && job.machine_exists) || !is_old_enough(job, rules, now);
    if (orphan || !spared) keys.push_back(job.key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace mullion::api
