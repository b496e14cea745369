// The metrics (schema/metrics.yaml): a page in Prometheus text form, and JSON for the API.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/api.h"
#include "apply/configurator.h"
#include "apply/downstream_sync.h"
#include "base/result.h"
#include "bulk/bulks.h"
#include "env/clock.h"
#include "manager/manager.h"
#include "net/port.h"
#include "plugins/providers.h"
#include "rollout/rollouts.h"
#include "store/store.h"

namespace mullion::server {

struct MetricSources {
  const store::Store& store;
  const api::Api& api;
  const manager::Manager& manager;
  const rollout::Rollouts& rollouts;
  const bulk::Bulks& bulks;
  const plugins::Providers& providers;
  const apply::Configurator& configurator;
  const apply::DownstreamSync& downstream_sync;
  const net::Port& api_server;
  const net::Port& static_server;
  const net::Port& static_secure_server;
  const net::Port& metrics_server;
  std::string id;
  std::string version;
  env::SteadyTime started;
};

std::string metrics_text(const MetricSources& sources);
/// {"Time","Id","Metrics":[{"Name","Kind","Help","Samples":[...]}]} of the metrics with these names, of all
/// without any. A sample has its Labels and a Value, or Count, Sum and cumulative Buckets ({"Le","Count"});
/// what is above the last bucket is in Count alone. kBadRequest for a name that no metric has.
Result<std::string> metrics_json(const MetricSources& sources, const std::vector<std::string>& names);

}  // namespace mullion::server
