// A plugin provider that counts: on machines, for the whole system, and in a collection of its own.
#include <fstream>

#include "mullion_plugin.h"

using mullion::plugin::Call;
using mullion::plugin::json;
using mullion::plugin::Provider;
using mullion::plugin::Refusal;
using mullion::plugin::Server;

namespace {

constexpr const char* kContent = R"(
meta:
  Documentation: The parameters of the incrementer.
sections:
  params:
    incrementer/step:
      Name: incrementer/step
      Description: How much one call adds.
      Schema: {type: integer, default: 1, minimum: 1}
    incrementer/count:
      Name: incrementer/count
      Schema: {type: integer}
    incrementer/limit:
      Name: incrementer/limit
      Description: The largest count that the plugin gives.
      Schema: {type: integer, default: 1000}
    incrementer/password:
      Name: incrementer/password
      Secure: true
      Schema: {type: string}
)";

/// What the machine would count next. The caller stores it: plugins do not change objects behind their
/// owner's back.
json increment(const Call& call) {
  const int64_t count =
      call.params.value("incrementer/count", int64_t{0}) + call.params.value("incrementer/step", int64_t{1});
  if (count > call.config.value("incrementer/limit", int64_t{0})) throw Refusal("The limit is reached", 409);
  call.server.publish("incrementer", "counted", call.object.value("Uuid", ""), count);
  return {{"incrementer/count", count}};
}

/// Needs a count: the action is offered only where there is one.
json reset(const Call& call) { return {{"was", call.params.at("incrementer/count")}}; }

/// Reads the server's own objects; an action of the system.
json count_machines(const Call& call) { return {{"machines", call.server.objects("machines").size()}}; }

void check_config(const json& params, const Server& server) {
  if (params.value("incrementer/limit", int64_t{0}) < 0)
    throw Refusal("incrementer/limit must not be negative");
  server.log("configured with limit " + std::to_string(params.value("incrementer/limit", int64_t{0})));
}

}  // namespace

int main(int argc, char** argv) {
  Provider provider("incrementer", "v1.0.0");
  provider.auto_start()
      .documentation("An example: counts on machines.")
      .token("info", "get")
      .content(kContent)
      .params({}, {"incrementer/limit", "incrementer/password"})
      .collection("counters",
                  {{"Value", {{"type", "integer"}, {"isrequired", true}}}, {"Hot", {{"type", "boolean"}}}})
      .action("machines", "increment", {}, {"incrementer/step", "incrementer/count"}, increment)
      .action("machines", "reset_count", {"incrementer/count"}, {}, reset)
      .action("", "count_machines", {}, {}, count_machines)
      .on_config(check_config)
      .on_unpack([](const std::string& folder) { std::ofstream(folder + "/readme.txt") << "Counts.\n"; });
  return provider.run(argc, argv);
}
