#include "server/metrics.h"

#include <fmt/format.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>
#include <cmath>
#include <limits>
#include <map>
#include <sstream>

#include "env/memory_budget.h"
#include "env/pools.h"

namespace mullion::server {
namespace {

namespace json = boost::json;

struct MetricInfo {
  std::string_view name;
  prometheus::MetricType kind;
  std::string_view help;
};
constexpr MetricInfo kMetrics[] = {
#include "api/metrics.inc"
};

using Labels = std::vector<std::pair<std::string, std::string>>;

/// The families of one page, in table order; a metric that is not in the table is a bug.
class Page {
 public:
  prometheus::ClientMetric& add(std::string_view name, const Labels& labels = {}) {
    for (const MetricInfo& info : kMetrics) {
      if (info.name != name) continue;
      prometheus::MetricFamily& family = families_[&info];
      family.name = info.name;
      family.help = info.help;
      family.type = info.kind;
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      for (const auto& [key, value] : labels) metric.label.push_back({key, value});
      return metric;
    }
    assert(false && "metric is not in schema/metrics.yaml");
    return unknown_;
  }
  void gauge(std::string_view name, double value, const Labels& labels = {}) {
    add(name, labels).gauge.value = value;
  }
  void counter(std::string_view name, double value, const Labels& labels = {}) {
    add(name, labels).counter.value = value;
  }

  /// In table order.
  std::vector<prometheus::MetricFamily> families() const {
    std::vector<prometheus::MetricFamily> families;
    families.reserve(families_.size());
    for (const auto& [info, family] : families_) families.push_back(family);
    return families;
  }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families());
    return out.str();
  }

 private:
  std::map<const MetricInfo*, prometheus::MetricFamily> families_;
  prometheus::ClientMetric unknown_;
};

/// Several rooms may keep a feed of the same name.
std::map<std::string, store::CommitFeed::State> followers_by_name(const store::Store& store) {
  std::map<std::string, store::CommitFeed::State> out;
  for (const store::CommitFeed::State& state : store.followers()) {
    store::CommitFeed::State& sum = out[state.name];
    sum.waiting += state.waiting;
    sum.forgotten += state.forgotten;
    sum.failures += state.failures;
    sum.busy_seconds = std::max(sum.busy_seconds, state.busy_seconds);
  }
  return out;
}

void add_store(Page& page, const MetricSources& sources) {
  const store::Store::Statistics statistics = sources.store.statistics();
  page.gauge("mullion_store_objects", static_cast<double>(statistics.objects));
  page.counter("mullion_store_commits_total", static_cast<double>(statistics.commits));
  page.counter("mullion_store_groups_total", static_cast<double>(statistics.groups));
  page.gauge("mullion_store_commit_seconds", statistics.last_commit_seconds);
  page.gauge("mullion_store_log_bytes", static_cast<double>(statistics.log_bytes));
  page.gauge("mullion_store_log_commits", static_cast<double>(statistics.log_commits));
  page.gauge("mullion_store_index_bytes", static_cast<double>(statistics.index_bytes));
  page.gauge("mullion_store_sequence", static_cast<double>(sources.store.newest().seq));
  page.gauge("mullion_store_views", static_cast<double>(statistics.views));
  page.gauge("mullion_store_oldest_view_seconds", statistics.oldest_view_seconds);
  page.gauge("mullion_store_file_bytes", static_cast<double>(statistics.file_bytes));
  page.gauge("mullion_store_free_bytes", static_cast<double>(statistics.free_bytes));
  page.gauge("mullion_store_pinned_bytes", static_cast<double>(statistics.pinned_bytes));
  for (const auto& [name, state] : followers_by_name(sources.store)) {
    const Labels follower{{"follower", name}};
    page.gauge("mullion_store_follower_waiting", static_cast<double>(state.waiting), follower);
    page.gauge("mullion_store_follower_busy_seconds", state.busy_seconds, follower);
    page.counter("mullion_store_follower_failures_total", static_cast<double>(state.failures), follower);
    page.counter("mullion_store_follower_behind_total", static_cast<double>(state.forgotten), follower);
  }
  std::map<std::string, uint64_t> owners;
  for (const store::TypeDigest& digest : sources.store.snapshot()->digests())
    owners[digest.owner] += digest.count;
  for (const auto& [owner, count] : owners) {
    page.gauge("mullion_owner_objects", static_cast<double>(count),
               {{"owner", owner.empty() ? sources.id : owner}});
  }
}

void add_histogram(Page& page, std::string_view name, const Labels& labels, const Latency& latency) {
  prometheus::ClientMetric::Histogram& histogram = page.add(name, labels).histogram;
  histogram.sample_count = latency.count;
  histogram.sample_sum = latency.sum_seconds;
  uint64_t cumulative = 0;
  for (size_t i = 0; i < latency.buckets.size(); ++i) {
    cumulative += latency.buckets[i];
    const bool last = i == kLatencyBounds.size();
    histogram.bucket.push_back(
        {cumulative, last ? std::numeric_limits<double>::infinity() : kLatencyBounds[i]});
  }
}

void add_endpoints(Page& page, const MetricSources& sources) {
  using manager::ReadFrom;
  for (const manager::OwnerFreshness& owner : sources.manager.freshness({}, ReadFrom::no_objects())) {
    const Labels labels{{"endpoint", owner.owner}};
    page.gauge("mullion_endpoint_connected", owner.in_touch ? 1 : 0, labels);
    page.gauge("mullion_endpoint_held_up_collections", static_cast<double>(owner.held_up.size()), labels);
  }
  for (const manager::OwnerFreshness& owner : sources.manager.freshness({}, ReadFrom::everything()))
    page.gauge("mullion_endpoint_age_seconds", owner.age_seconds, {{"endpoint", owner.owner}});
  for (const manager::EndpointStatistics& endpoint : sources.manager.statistics()) {
    const Labels labels{{"endpoint", endpoint.id}};
    page.gauge("mullion_endpoint_lag_commits", static_cast<double>(endpoint.lag), labels);
    for (const auto& [name, value] :
         {std::pair<std::string_view, uint64_t>{"mullion_replication_received_bytes_total", endpoint.bytes},
          {"mullion_replication_commits_total", endpoint.commits},
          {"mullion_replication_snapshots_total", endpoint.snapshots},
          {"mullion_replication_digest_mismatches_total", endpoint.mismatches},
          {"mullion_mirror_corrections_total", endpoint.corrections},
          {"mullion_replication_reconnects_total", endpoint.connects},
          {"mullion_forward_errors_total", endpoint.forwards.errors}}) {
      page.counter(name, static_cast<double>(value), labels);
    }
    add_histogram(page, "mullion_forward_seconds", labels, endpoint.forwards);
  }
}

void add_plans(Page& page, const MetricSources& sources) {
  const apply::Configurator::Statistics statistics = sources.configurator.statistics();
  page.counter("mullion_apply_actions_total", static_cast<double>(statistics.actions_done),
               {{"result", "done"}});
  page.counter("mullion_apply_actions_total", static_cast<double>(statistics.actions_failed),
               {{"result", "failed"}});
  page.gauge("mullion_applying_endpoints", static_cast<double>(statistics.applying));
  page.counter("mullion_plans_total", static_cast<double>(statistics.plans));
  page.gauge("mullion_plan_endpoints", static_cast<double>(statistics.with_actions), {{"state", "open"}});
  page.gauge("mullion_plan_endpoints", static_cast<double>(statistics.endpoints - statistics.with_actions),
             {{"state", "done"}});
}

void add_travels(Page& page, const MetricSources& sources) {
  const apply::DownstreamSync::Statistics statistics = sources.downstream_sync.statistics();
  page.counter("mullion_travelled_files_total", static_cast<double>(statistics.files));
  page.counter("mullion_travelled_bytes_total", static_cast<double>(statistics.bytes));
  page.counter("mullion_travel_failures_total", static_cast<double>(statistics.failures));
}

void add_api(Page& page, const MetricSources& sources) {
  for (const api::RouteLatency& route : sources.api.route_latencies()) {
    const Labels labels{{"method", route.method}, {"route", route.route}};
    add_histogram(page, "mullion_api_request_seconds", labels, route.latency);
    page.counter("mullion_api_errors_total", static_cast<double>(route.latency.errors), labels);
  }
  page.gauge("mullion_api_connections", static_cast<double>(sources.api_server.connections()));
  page.gauge("mullion_api_websockets", static_cast<double>(sources.api.websockets()));
  page.counter("mullion_api_websockets_dropped_total", static_cast<double>(sources.api.dropped_websockets()));
}

void add_ports(Page& page, const MetricSources& sources) {
  for (const auto& [port, server] : {std::pair<std::string, const net::Port*>{"api", &sources.api_server},
                                     {"static", &sources.static_server},
                                     {"static-secure", &sources.static_secure_server},
                                     {"metrics", &sources.metrics_server}}) {
    const net::ConnectionStatistics counts = server->statistics();
    page.gauge("mullion_port_connections", static_cast<double>(counts.open), {{"port", port}});
    page.gauge("mullion_port_handshakes", static_cast<double>(counts.handshakes), {{"port", port}});
    page.counter("mullion_port_cut_total", static_cast<double>(counts.cut), {{"port", port}});
    for (const auto& [reason, count] : {std::pair<std::string, uint64_t>{"port", counts.refused},
                                        {"address", counts.refused_of_address},
                                        {"handshakes", counts.refused_handshakes}}) {
      page.counter("mullion_port_refused_total", static_cast<double>(count),
                   {{"port", port}, {"reason", reason}});
    }
  }
}

void add_pools(Page& page) {
  for (const env::WorkerPool::Statistics& pool : env::pool_statistics()) {
    const Labels labels{{"pool", pool.name}};
    page.gauge("mullion_pool_running", static_cast<double>(pool.running), labels);
    page.gauge("mullion_pool_waiting", static_cast<double>(pool.waiting), labels);
    page.counter("mullion_pool_refused_total", static_cast<double>(pool.refused), labels);
    add_histogram(page, "mullion_pool_wait_seconds", labels, pool.waited);
    add_histogram(page, "mullion_pool_run_seconds", labels, pool.ran);
  }
}

void add_memory(Page& page) {
  for (const env::MemoryBudget::Statistics& budget : env::memory_statistics()) {
    const Labels labels{{"use", budget.name}};
    page.gauge("mullion_memory_taken_bytes", static_cast<double>(budget.taken), labels);
    page.counter("mullion_memory_refused_total", static_cast<double>(budget.refused), labels);
  }
}

void add_plugins(Page& page, const MetricSources& sources) {
  const plugins::Providers::Counts counts = sources.providers.counts();
  page.gauge("mullion_plugins", static_cast<double>(counts.serving), {{"serving", "true"}});
  page.gauge("mullion_plugins", static_cast<double>(counts.plugins - counts.serving), {{"serving", "false"}});
  page.counter("mullion_plugin_starts_total", static_cast<double>(counts.starts));
  page.counter("mullion_plugin_failures_total", static_cast<double>(counts.failures));
  page.counter("mullion_plugin_events_missed_total", static_cast<double>(counts.missed_events));
}

void add_bulks(Page& page, const MetricSources& sources) {
  const bulk::Bulks::Statistics statistics = sources.bulks.statistics();
  page.gauge("mullion_bulks", static_cast<double>(statistics.active));
  page.gauge("mullion_bulk_requests", static_cast<double>(statistics.under_way));
}

void add_rollouts(Page& page, const MetricSources& sources) {
  const rollout::Rollouts::Statistics statistics = sources.rollouts.statistics();
  page.gauge("mullion_rollouts", static_cast<double>(statistics.rollouts));
  for (const auto& [state, count] : {std::pair<std::string, size_t>{"waiting", statistics.waiting},
                                     {"under way", statistics.under_way},
                                     {"done", statistics.done},
                                     {"failed", statistics.failed}}) {
    page.gauge("mullion_rollout_endpoints", static_cast<double>(count), {{"state", state}});
  }
}

void fill(Page& page, const MetricSources& sources) {
  page.gauge("mullion_build_info", 1, {{"version", sources.version}, {"id", sources.id}});
  page.gauge("mullion_uptime_seconds",
             std::chrono::duration<double>(env::system_clock().steady() - sources.started).count());
  add_store(page, sources);
  add_endpoints(page, sources);
  add_plans(page, sources);
  add_travels(page, sources);
  add_api(page, sources);
  add_ports(page, sources);
  add_pools(page);
  add_memory(page);
  add_plugins(page, sources);
  add_rollouts(page, sources);
  add_bulks(page, sources);
}

json::object labels_json(const prometheus::ClientMetric& metric) {
  json::object out;
  for (const prometheus::ClientMetric::Label& label : metric.label) out[label.name] = label.value;
  return out;
}

void add_histogram_json(json::object& out, const prometheus::ClientMetric::Histogram& histogram) {
  json::array buckets;
  for (const prometheus::ClientMetric::Bucket& bucket : histogram.bucket) {
    if (std::isinf(bucket.upper_bound)) continue;  // JSON has no such number
    buckets.push_back(json::object{{"Le", bucket.upper_bound}, {"Count", bucket.cumulative_count}});
  }
  out["Count"] = histogram.sample_count;
  out["Sum"] = histogram.sample_sum;
  out["Buckets"] = std::move(buckets);
}

json::object sample_json(prometheus::MetricType kind, const prometheus::ClientMetric& metric) {
  json::object out;
  out["Labels"] = labels_json(metric);
  if (kind == prometheus::MetricType::Histogram) {
    add_histogram_json(out, metric.histogram);
  } else {
    const double value = kind == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
    out["Value"] = std::isfinite(value) ? json::value(value) : json::value(nullptr);
  }
  return out;
}

std::string_view kind_word(prometheus::MetricType kind) {
  if (kind == prometheus::MetricType::Counter) return "counter";
  return kind == prometheus::MetricType::Histogram ? "histogram" : "gauge";
}

json::object family_json(const prometheus::MetricFamily& family) {
  json::array samples;
  for (const prometheus::ClientMetric& metric : family.metric)
    samples.push_back(sample_json(family.type, metric));
  return {{"Name", family.name},
          {"Kind", kind_word(family.type)},
          {"Help", family.help},
          {"Samples", std::move(samples)}};
}

Result<void> check_names(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::ranges::any_of(kMetrics, [&](const MetricInfo& info) { return info.name == name; })) continue;
    Error error(ErrorCode::kBadRequest, fmt::format("names: there is no metric {:.100}", name));
    error.field = "names";
    return error;
  }
  return {};
}

}  // namespace

std::string metrics_text(const MetricSources& sources) {
  Page page;
  fill(page, sources);
  return page.text();
}

Result<std::string> metrics_json(const MetricSources& sources, const std::vector<std::string>& names) {
  if (Result<void> known = check_names(names); !known) return known.error();
  Page page;
  fill(page, sources);
  json::array metrics;
  for (const prometheus::MetricFamily& family : page.families()) {
    if (names.empty() || std::ranges::count(names, family.name) > 0) metrics.push_back(family_json(family));
  }
  return json::serialize(json::object{{"Time", env::format_rfc3339(env::system_clock().wall())},
                                      {"Id", sources.id},
                                      {"Metrics", std::move(metrics)}});
}

}  // namespace mullion::server
