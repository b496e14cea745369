// Facts about the running process for people who look for a fault: bounded, without secrets.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <map>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/info.h"
#include "api/internal/objects.h"
#include "base/log.h"
#include "base/text.h"
#include "env/file.h"

namespace mullion::api {
namespace {

constexpr uint64_t kLongestWatch = 60;  // seconds

json::object memory_facts() {
  json::object out;
  const Result<std::string> status = env::read_file("/proc/self/status");
  if (!status) return out;
  std::string_view rest = *status;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const size_t colon = line.find(":\t");
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    if (!name.starts_with("Vm") && !name.starts_with("Rss") && name != "Threads") continue;
    if (const std::string_view value = trimmed(line.substr(colon + 1)); !value.empty()) out[name] = value;
  }
  return out;
}

/// Processor time of each thread so far, milliseconds, by "NUMBER NAME".
std::map<std::string, int64_t> thread_times() {
  std::map<std::string, int64_t> times;
  std::error_code problem;
  for (std::filesystem::directory_iterator at("/proc/self/task", problem), end; !problem && at != end;
       at.increment(problem)) {
    const Result<std::string> stat = env::read_file(at->path() / "stat");
    if (!stat) continue;  // it has just ended
    const size_t open = stat->find('('), close = stat->rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    long ticks[2] = {};
    // utime and stime are the 12th and 13th fields behind the name.
    if (std::sscanf(stat->c_str() + close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                    &ticks[0], &ticks[1]) != 2) {
      continue;
    }
    times[at->path().filename().string() + " " + stat->substr(open + 1, close - open - 1)] =
        (ticks[0] + ticks[1]) * 1000 / ::sysconf(_SC_CLK_TCK);
  }
  return times;
}

/// What each thread used within `seconds`.
env::Task<json::object> thread_facts(uint64_t seconds) {
  std::map<std::string, int64_t> before;
  if (seconds > 0) {
    before = thread_times();
    co_await env::sleep_for(std::chrono::seconds(seconds));
  }
  json::object threads;
  for (const auto& [name, time] : thread_times()) threads[name] = time - before[name];
  json::object out;
  out["Seconds"] = seconds;
  out["CpuMilliseconds"] = std::move(threads);
  co_return out;
}

json::object store_facts(const Services& services) {
  const store::Store::Statistics statistics = services.store.statistics();
  json::object out;
  out["Objects"] = statistics.objects;
  out["LogBytes"] = statistics.log_bytes;
  out["LogCommits"] = statistics.log_commits;
  out["IndexBytes"] = statistics.index_bytes;
  out["Commits"] = statistics.commits;
  out["Groups"] = statistics.groups;
  out["LastCommitSeconds"] = statistics.last_commit_seconds;
  out["Epoch"] = fmt::format("{:016x}", services.store.newest().epoch);
  out["Sequence"] = services.store.newest().seq;
  return out;
}

json::array route_facts(const Services& services) {
  json::array out;
  for (size_t i = 0; i < services.statistics.size(); ++i) {
    const Latency latency = services.statistics[i].read();
    if (latency.count == 0) continue;
    const bool routed = i < route_table().size();
    json::object route;
    route["Methods"] = routed ? route_table()[i].methods : std::string_view();
    route["Path"] = routed ? route_table()[i].pattern : std::string_view("other");
    route["Count"] = latency.count;
    route["Errors"] = latency.errors;
    route["MeanMilliseconds"] = latency.sum_seconds * 1000 / static_cast<double>(latency.count);
    out.push_back(std::move(route));
  }
  return out;
}

json::object event_facts(const Services& services) {
  json::object out;
  out["Websockets"] = services.websockets.load();
  out["Readers"] = services.events.readers();
  out["Dropped"] = services.events.dropped();
  return out;
}

json::object shown_preferences(const Services& services) {
  json::object out;
  for (const auto& [name, value] : services.preferences.all()) {
    out[name] = name.ends_with("Secret") ? prefs::kMaskedPreference : std::string_view(value);
  }
  return out;
}

json::array digest_facts(const store::Snapshot& snapshot, std::string_view type) {
  json::array out;
  for (const store::TypeDigest& digest : snapshot.digests()) {
    if (!type.empty() && digest.type != type) continue;
    json::object entry;
    entry["Type"] = digest.type;
    entry["Owner"] = digest.owner;
    entry["Count"] = digest.count;
    entry["Digest"] = digest.digest.hex();
    out.push_back(std::move(entry));
  }
  return out;
}

/// Everything of this page in one, with what a helper far away needs to know. The licence and log lines stay
/// out: the one names customers, the other names people.
json::object support_facts(const Services& services, const auth::Principal& principal) {
  json::object info = info_object(services, principal);
  info.erase("License");
  info.erase("scopes");
  json::object out;
  out["Info"] = std::move(info);
  out["Preferences"] = shown_preferences(services);
  out["Memory"] = memory_facts();
  out["Store"] = store_facts(services);
  out["Collections"] = digest_facts(*services.store.snapshot(), "");
  out["Routes"] = route_facts(services);
  out["Events"] = event_facts(services);
  return out;
}

/// What clients of servers written in Go ask for: the nearest that this one knows, watched for some seconds
/// where theirs would be.
struct DebugName {
  std::string_view asked, answered;
  uint64_t seconds;
};
constexpr DebugName kDebugNames[] = {{"allocs", "memory", 0},        {"heap", "memory", 0},
                                     {"heapdump", "memory", 0},      {"goroutine", "threads", 0},
                                     {"threadcreate", "threads", 0}, {"profile", "threads", 5},
                                     {"trace", "threads", 5}};

DebugName debug_name(std::string_view what) {
  for (const DebugName& name : kDebugNames) {
    if (name.asked == what) return name;
  }
  return {what, what, 0};
}

Result<uint64_t> watch_seconds(const Call& call, uint64_t unsaid) {
  const std::string text(call.request.query_value("seconds").value_or(std::to_string(unsaid)));
  uint64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure == std::errc{} && end == text.data() + text.size() && seconds <= kLongestWatch) return seconds;
  return Error(ErrorCode::kBadRequest, "", "debug", call.argument("what"),
               {fmt::format("seconds: expected a number up to {}", kLongestWatch)});
}

json::object sort_of_index(const model::Index& index) {
  json::object out;
  out["Type"] = index.type_text;
  out["Unique"] = index.unique;
  out["Unordered"] = index.unordered;
  out["Regex"] = index.regex;
  return out;
}

json::object index_facts(const Services& services, const model::ObjectType& type) {
  json::object indexes;
  for (const model::Index& index : type.indexes) indexes[index.name] = sort_of_index(index);
  json::object out;
  out["Prefix"] = type.prefix;
  out["Owners"] = digest_facts(*services.store.snapshot(), type.prefix);
  out["Indexes"] = std::move(indexes);
  return out;
}

struct Page {
  std::string_view name;
  json::value (*facts)(const Call& call);
};
constexpr Page kPages[] = {
    {"memory", [](const Call&) { return json::value(memory_facts()); }},
    {"store", [](const Call& call) { return json::value(store_facts(call.services)); }},
    {"routes", [](const Call& call) { return json::value(route_facts(call.services)); }},
    {"events", [](const Call& call) { return json::value(event_facts(call.services)); }},
    {"support", [](const Call& call) { return json::value(support_facts(call.services, call.principal)); }},
};

/// Beside the threads that serve: facts are as many as there are owners, collections and routes.
template <typename Facts>
env::Task<Result<net::Response>> gather(const Call& call, Facts facts) {
  co_return co_await heavy(call, env::Pool::kProcessor,
                           [&] { return Result<net::Response>(json_response(200, facts())); });
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> show_debug(Call& call) {
  const DebugName name = debug_name(call.argument("what"));
  const std::string what(name.answered);
  const Result<uint64_t> seconds = watch_seconds(call, name.seconds);
  if (!seconds) co_return seconds.error();
  if (what == "threads") co_return json_response(200, json::value(co_await thread_facts(*seconds)));
  const auto* const page = std::ranges::find(kPages, what, &Page::name);
  if (page != std::end(kPages)) co_return co_await gather(call, [&] { return page->facts(call); });
  co_return Error(ErrorCode::kNotFound, "", "debug", what,
                  {"Not Found", "Known are: events, memory, routes, store, support, threads"});
}

env::Task<Result<net::Response>> show_index_debug(Call& call) {
  const std::string& prefix = call.argument("collection");
  const model::ObjectType* type = call.services.find_type(prefix);
  if (type == nullptr) co_return Error(ErrorCode::kNotFound, "", prefix, "", {"Not Found"});
  co_return co_await gather(call, [&] { return json::value(index_facts(call.services, *type)); });
}

}  // namespace handlers
}  // namespace mullion::api
