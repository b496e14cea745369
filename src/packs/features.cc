#include "packs/features.h"

#include <algorithm>

namespace mullion::packs {

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
    "ux-socket-token",
    "event-resume",
    "ux-fields",
    "ux-group-by",
    "ux-search",
    "ux-watch",
};

namespace {

/// What features of published servers are about. Their names say it: elevated-tasks, job-exit-states,
/// virtual-media-boot. Objects of these kinds are kept, shown and replicated whatever they hold, and what
/// acts on them (agents, boot loaders, renderers) decides by itself what it understands, so a pack that was
/// written for such a feature loads. Other features change what the server itself does, and are announced
/// (kFeatures) or lacking.
constexpr std::string_view kKeptSubjects[] = {
    // objects that packs bring
    "bootenv", "bootenvs", "context", "contexts", "param", "params", "profile", "profiles", "stage", "stages",
    "task", "tasks", "template", "templates", "workflow", "workflows",
    // what runs them on machines, and what they say to it
    "action", "actions", "agent", "env", "exit", "fsm", "job", "jobs", "log", "runner", "sprig",
    // what machines boot
    "arch", "boot", "bootloader", "bootloaders", "iso", "isos", "kernel", "multiarch", "package",
    "repository", "media",
    // systems they install, as in centos-8
    "alma", "centos", "debian", "esxi", "fedora", "photon", "redhat", "rhel", "rocky", "suse", "ubuntu",
    "windows"};

/// Features about other subjects that packs of older servers name and that ask for nothing here.
constexpr std::string_view kOlder[] = {"secure-param-upgrade", "inline-upgrade"};

bool is_about_kept_objects(std::string_view feature) {
  while (!feature.empty()) {
    const size_t end = std::min(feature.find('-'), feature.size());
    if (std::ranges::find(kKeptSubjects, feature.substr(0, end)) != std::end(kKeptSubjects)) return true;
    feature.remove_prefix(std::min(end + 1, feature.size()));
  }
  return false;
}

}  // namespace

bool is_feature_accepted(std::string_view feature, const std::vector<std::string>& announced) {
  return std::ranges::find(announced, feature) != announced.end() ||
         std::ranges::find(kOlder, feature) != std::end(kOlder) || is_about_kept_objects(feature);
}

}  // namespace mullion::packs
