#include "api/internal/request_rules.h"

#include <array>

namespace mullion::api {
namespace {

constexpr std::array kRequestRules{
    RequestRules{.prefix = "endpoints", .asks_of_param_writers = "endpoints getSecure"},
    RequestRules{.prefix = "machines", .aggregates_params = true},
    RequestRules{.prefix = "rollouts", .asks_of_writers = "endpoints get;endpoints update;version_sets get"},
    RequestRules{.prefix = "bulks", .asks_of_writers = "* *"},
};
constexpr RequestRules kNoRules{};

}  // namespace

const RequestRules& request_rules(std::string_view prefix) {
  for (const RequestRules& rules : kRequestRules) {
    if (rules.prefix == prefix) return rules;
  }
  return kNoRules;
}

}  // namespace mullion::api
