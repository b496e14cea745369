#include "content/content.h"

namespace mullion::content {

const std::vector<std::string> kFeatures = {
    "api-v3",
    "sane-exit-codes",
    "common-blob-size",
    "change-stage-map",
    "job-exit-states",
    "package-repository-handling",
    "profileless-machine",
    "threaded-log-levels",
    "plugin-v2",
    "fsm-runner",
    "plugin-v2-safe-config",
    "workflows",
    "default-workflow",
    "http-range-header",
    "roles",
    "tenants",
    "secure-params",
    "separate-meta-api",
    "slim-objects",
    "secure-param-upgrade",
    "secure-params-in-content-packs",
    "sprig",
    "multiarch",
    "actions-in-task-list",
    "endpoint-refs",
    "endpoint-proxy",
    "inline-upgrade",
    "bundle-objects",
    "task-prerequisites",
    "content-prerequisite-version-checking",
    "stage-paramer",
    "overridable-bootloaders",
    "centos-8",
    "virtual-media-boot",
    "replication-stream",
};

}  // namespace mullion::content
