// Plugin actions. The pseudo plugin `manager` is built in; others come with plugin providers.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kManagerPlugin = "manager";

struct BuiltInAction {
  std::string_view command;
  std::vector<std::string_view> required;
};

const std::vector<BuiltInAction>& manager_actions() {
  static const std::vector<BuiltInAction> actions{
      {"addEndpoint", {"manager/url", "manager/username", "manager/password"}}};
  return actions;
}

bool is_manager_plugin(const Call& call) {
  return call.type != nullptr && call.type->prefix == "plugins" && call.target.key == kManagerPlugin;
}

json::object shown(const BuiltInAction& action) {
  json::array required;
  for (const std::string_view name : action.required) required.emplace_back(name);
  json::object out;
  out["Provider"] = kManagerPlugin;
  out["Model"] = "plugins";
  out["Command"] = action.command;
  out["RequiredParams"] = std::move(required);
  out["OptionalParams"] = json::array();
  return out;
}

Error no_action(const Call& call) {
  return Error(ErrorCode::kNotFound, "INVOKE",
               call.type == nullptr ? "plugins" : std::string(call.type->prefix),
               call.type == nullptr ? std::string(kManagerPlugin) : call.requested_id(),
               {fmt::format("Action {} on {}: Not Found", call.argument("command"),
                            call.type == nullptr ? "plugins" : call.type->prefix)});
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_actions(Call& call) {
  json::array out;
  if (is_manager_plugin(call)) {
    for (const BuiltInAction& action : manager_actions()) out.push_back(shown(action));
  }
  co_return json_response(200, json::value(std::move(out)));
}

env::Task<Result<net::Response>> show_action(Call& call) {
  if (is_manager_plugin(call)) {
    for (const BuiltInAction& action : manager_actions()) {
      if (action.command == call.argument("command"))
        co_return json_response(200, json::value(shown(action)));
    }
  }
  co_return object_error(call, ErrorCode::kNotFound,
                         {fmt::format("{}: Not Found", call.argument("command"))});
}

env::Task<Result<net::Response>> run_action(Call& call) { co_return no_action(call); }

env::Task<Result<net::Response>> run_manager_action(Call& call) {
  const bool direct = !call.arguments.has("command");
  if (!direct && call.argument("command") != "addEndpoint") co_return no_action(call);
  std::string parameters = call.body.empty() ? "{}" : call.body;
  Result<std::string> endpoint =
      co_await call.services.manager->add_endpoint(std::move(parameters), call.principal);
  if (!endpoint) {
    Error error = endpoint.error();
    if (error.type.empty()) error.type = "INVOKE";
    if (error.model.empty()) error.model = "plugins";
    if (error.key.empty()) error.key = kManagerPlugin;
    co_return error;
  }
  net::Response response = json_response(200, std::move(*endpoint));
  add_commit_header(call, call.services.store.newest(), response);
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
