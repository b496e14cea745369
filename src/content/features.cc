#include "content/content.h"

namespace mullion::content {

const std::vector<std::string> kFeatures = {
    "api-v3",
    "sane-exit-codes",
    "common-blob-size",
    "job-exit-states",
    "profileless-machine",
    "threaded-log-levels",
    "plugin-v2",
    "plugin-v2-safe-config",
    "http-range-header",
    "roles",
    "tenants",
    "secure-params",
    "separate-meta-api",
    "slim-objects",
    "secure-params-in-content-packs",
    "endpoint-refs",
    "endpoint-proxy",
    "bundle-objects",
    "content-prerequisite-version-checking",
    "stage-paramer",
    "selective-job-purge",
    "replication-stream",
    "embedded-pool",
    "partial-objects",
    "regex-string-filters",
    "log-has-head-method",
};

namespace {

/// What objects of packs are written for and this version keeps without acting on it.
constexpr const char* kKept[] = {
    "change-stage-map",
    "package-repository-handling",
    "fsm-runner",
    "workflows",
    "default-workflow",
    "secure-param-upgrade",
    "sprig",
    "multiarch",
    "actions-in-task-list",
    "inline-upgrade",
    "task-prerequisites",
    "overridable-bootloaders",
    "centos-8",
    "virtual-media-boot",
};

}  // namespace

std::vector<std::string> accepted_features() {
  std::vector<std::string> all = kFeatures;
  all.insert(all.end(), std::begin(kKept), std::end(kKept));
  return all;
}

}  // namespace mullion::content
