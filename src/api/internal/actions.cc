// Plugin actions, of objects and of the system. The pseudo plugin `manager` is built in.
#include <array>

#include "api/internal/action_params.h"
#include "api/internal/answers.h"
#include "api/internal/bulk_requests.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/manager_actions.h"
#include "api/internal/objects.h"
#include "api/internal/rollout_actions.h"
#include "model/bounded_work.h"
#include "model/json_schema.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kGlobal = "global";  // whose parameters actions of the system see

plugins::ProviderAction offer_of(const ManagerAction& action) {
  plugins::ProviderAction offer{std::string(kManagerPlugin), "plugins", std::string(action.command), {}, {}};
  offer.required.assign(action.required.begin(), action.required.end());
  offer.optional.assign(action.optional.begin(), action.optional.end());
  return offer;
}

/// A collection whose actions this server carries out itself. They are offered under the name of the
/// collection.
struct BuiltIn {
  std::string_view prefix;
  std::span<const std::string_view> commands;
  env::Task<Result<std::string>> (*run)(Call& call, std::string command);  // the JSON text of the answer
};
constexpr std::array kBuiltIn{BuiltIn{"bulks", kBulkCommands, run_bulk_action},
                              BuiltIn{"rollouts", kRolloutCommands, run_rollout_action}};

const BuiltIn* built_in(const Call& call) {
  for (const BuiltIn& entry : kBuiltIn) {
    if (call.type != nullptr && call.type->prefix == entry.prefix) return &entry;
  }
  return nullptr;
}

bool is_manager_plugin(const Call& call) {
  return call.type != nullptr && call.type->prefix == "plugins" && call.target.key == kManagerPlugin;
}

json::object shown_action(const plugins::ProviderAction& action) {
  return {{"Provider", action.provider},
          {"Model", action.model},
          {"Command", action.command},
          {"RequiredParams", json::array(action.required.begin(), action.required.end())},
          {"OptionalParams", json::array(action.optional.begin(), action.optional.end())}};
}

/// What the actions are about: an object, or the system.
struct Subject {
  std::string model;       // as actions name it: a prefix, or "" for the system
  std::string model_name;  // as errors name it
  std::string key;
  json::value object;   // as the plugin gets it: opened, with its owner
  json::object params;  // of all levels, opened
};

Error about(const Subject& subject, Error error, std::string_view type) {
  if (error.type.empty()) error.type = type;
  if (error.model.empty()) error.model = subject.model_name;
  if (error.key.empty()) error.key = subject.key;
  return error;
}

Result<Subject> object_subject(Call& call) {
  Result<json::object> object = parse_stored(call.target.body);
  if (!object) return object.error();
  Subject subject;
  subject.model = subject.model_name = call.type->prefix;
  subject.key = call.requested_id();
  subject.params = objects::aggregated_params(*call.type, *call.services.store.snapshot(), *object,
                                              call.target, {false, &call.services});
  if (call.type->traits.has_params && (*object)["Params"].is_object()) {
    objects::decode_params(call.services, call.type->prefix, call.target.key,
                           (*object)["Params"].get_object());
  }
  if (call.type->traits.has_endpoint) (*object)["Endpoint"] = call.services.endpoint_name(call.target.owner);
  subject.object = std::move(*object);
  return subject;
}

Result<Subject> system_subject(Call& call) {
  Subject subject;
  subject.model_name = "system";
  subject.key = kGlobal;
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const model::ObjectType& profiles = *model::find_object_type("profiles");
  const std::optional<Target> global = find_here(call, *snapshot, profiles, std::string(kGlobal));
  if (!global) return subject;
  Result<json::object> object = parse_stored(global->body);
  if (!object) return object.error();
  subject.params = objects::aggregated_params(profiles, *snapshot, *object, *global, {false, &call.services});
  return subject;
}

Result<Subject> action_subject(Call& call) {
  return call.type == nullptr ? system_subject(call) : object_subject(call);
}

/// `budget`: for the schemas of the parameters.
ActionSources sources_of(const Call& call, const Subject& subject, const json::object& given,
                         model::Budget& budget) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  return {given, subject.params,
          [snapshot](std::string_view name) { return objects::param_default(*snapshot, name); },
          [snapshot, &budget](std::string_view name, const json::value& value) {
            return objects::param_problems(*snapshot, name, value, budget);
          }};
}

/// The first required parameter that has no value anywhere; empty when all have one.
std::string missing_parameter_of(const Call& call, const Subject& subject,
                                 const plugins::ProviderAction& action) {
  const json::object nothing;
  model::Budget unused(0);  // no value is judged
  return missing_parameter(action, sources_of(call, subject, nothing, unused));
}

/// Actions with the command of this request, of the plugin it names if it does.
std::vector<plugins::OfferedAction> offered(const Call& call, const Subject& subject) {
  const std::string plugin(call.request.query_value("plugin").value_or(""));
  std::vector<plugins::OfferedAction> actions = call.services.providers.actions(subject.model, plugin);
  if (is_manager_plugin(call)) {
    for (const ManagerAction& action : manager_actions()) {
      actions.push_back({std::string(kManagerPlugin), offer_of(action)});
    }
  }
  if (const BuiltIn* own = built_in(call)) {
    const std::string prefix(own->prefix);
    for (const std::string_view command : own->commands)
      actions.push_back({prefix, {prefix, prefix, std::string(command), {}, {}}});
  }
  if (!call.arguments.has("command")) return actions;
  std::erase_if(actions, [&call](const plugins::OfferedAction& offer) {
    return offer.action.command != call.argument("command");
  });
  return actions;
}

Error no_action(const Call& call, const Subject& subject) {
  return about(subject,
               Error(ErrorCode::kNotFound,
                     fmt::format("Action {} on {}: Not Found", call.argument("command"), subject.model_name)),
               "INVOKE");
}

json::array shown_without_missing(const Call& call, const Subject& subject) {
  json::array out;
  for (const plugins::OfferedAction& offer : offered(call, subject)) {
    // Those of the manager are about what is not there yet: their parameters come with the call.
    const bool built_in = offer.plugin == kManagerPlugin;
    if (built_in || missing_parameter_of(call, subject, offer.action).empty())
      out.push_back(shown_action(offer.action));
  }
  return out;
}

std::string event_object(const plugins::OfferedAction& offer) {
  return json::serialize(json::object{{"Plugin", offer.plugin}, {"Command", offer.action.command}});
}

std::string action_text(const plugins::OfferedAction& offer, Subject& subject, json::object params) {
  json::object action;
  action["Model"] = std::move(subject.object);
  action["Plugin"] = offer.plugin;
  action["Command"] = offer.action.command;
  action["CommandSet"] = "";
  action["Params"] = std::move(params);
  std::string text;
  model::append_json(text, action);
  return text;
}

Result<json::object> given_parameters(Call& call) {
  if (call.body.empty()) return json::object();
  Result<json::value> body = parse_body(call);
  if (!body) return body.error();
  if (body->is_null()) return json::object();
  if (!body->is_object())
    return object_error(call, ErrorCode::kBadRequest, {"The body is not a JSON object"});
  json::object given = std::move(body->get_object());
  if (call.type != nullptr) objects::decode_params(call.services, call.type->prefix, call.target.key, given);
  return given;
}

/// The answer of an action of this server itself, with the place in the log that shows what it did.
net::Response carried_out(const Call& call, std::string answer) {
  net::Response response = json_response(200, std::move(answer));
  add_commit_header(call, call.services.store.newest(), response);
  return response;
}

env::Task<Result<net::Response>> list_actions_of(Call& call) {
  Result<Subject> subject = action_subject(call);
  if (!subject) co_return subject.error();
  co_return json_response(200, json::value(shown_without_missing(call, *subject)));
}

env::Task<Result<net::Response>> show_action_of(Call& call) {
  Result<Subject> subject = action_subject(call);
  if (!subject) co_return subject.error();
  const std::vector<plugins::OfferedAction> actions = offered(call, *subject);
  if (actions.empty()) {
    Error error(ErrorCode::kNotFound, fmt::format("{}: Not Found", call.argument("command")));
    co_return about(*subject, std::move(error), "GET");
  }
  const json::array fitting = shown_without_missing(call, *subject);
  if (!fitting.empty()) co_return json_response(200, fitting.front());
  const plugins::ProviderAction& action = actions.front().action;
  Error error(ErrorCode::kInvalid, fmt::format("Action {} Missing Parameter {}", action.command,
                                               missing_parameter_of(call, *subject, action)));
  co_return about(*subject, std::move(error), "GET");
}

env::Task<Result<net::Response>> run_action_of(Call& call) {
  Result<Subject> subject = action_subject(call);
  if (!subject) co_return subject.error();
  const std::vector<plugins::OfferedAction> actions = offered(call, *subject);
  if (actions.empty()) co_return no_action(call, *subject);
  Result<json::object> given = given_parameters(call);
  if (!given) co_return given.error();
  const plugins::OfferedAction& offer = actions.front();
  Result<json::object> params = co_await model::within_budget<json::object>(
      caller_of(call), model::kInlineSchemaSteps, model::kSchemaSteps, [&](model::Budget& budget) {
        return action_parameters(offer.action, sources_of(call, *subject, *given, budget));
      });
  if (!params) co_return about(*subject, params.error(), "INVOKE");
  if (const BuiltIn* own = built_in(call); own != nullptr && offer.plugin == own->prefix) {
    Result<std::string> answer = co_await own->run(call, offer.action.command);
    if (!answer) co_return about(*subject, answer.error(), "INVOKE");
    co_return carried_out(call, std::move(*answer));
  }
  std::string text = action_text(offer, *subject, std::move(*params));
  Result<std::string> answer = co_await call.services.providers.run_action(offer.plugin, std::move(text));
  if (!answer) co_return about(*subject, answer.error(), "INVOKE");
  call.services.events.publish(subject->model_name, "action",
                               call.type == nullptr ? subject->key : call.target.key,
                               call.principal.audit_name(), event_object(offer));
  co_return json_response(200, answer->empty() ? std::string("null") : std::move(*answer));
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_actions(Call& call) { co_return co_await list_actions_of(call); }
env::Task<Result<net::Response>> show_action(Call& call) { co_return co_await show_action_of(call); }
env::Task<Result<net::Response>> run_action(Call& call) { co_return co_await run_action_of(call); }
env::Task<Result<net::Response>> list_system_actions(Call& call) { co_return co_await list_actions_of(call); }
env::Task<Result<net::Response>> show_system_action(Call& call) { co_return co_await show_action_of(call); }
env::Task<Result<net::Response>> run_system_action(Call& call) { co_return co_await run_action_of(call); }

/// The command stands in the path: behind actions/, or directly behind the plugin.
env::Task<Result<net::Response>> run_manager_action(Call& call) {
  const std::string_view pattern = call.route->pattern;
  const std::string command = call.arguments.has("command")
                                  ? call.argument("command")
                                  : std::string(pattern.substr(pattern.rfind('/') + 1));
  const ManagerAction* action = find_manager_action(command);
  if (action == nullptr) {
    Subject manager;
    manager.model_name = "plugins";
    manager.key = kManagerPlugin;
    co_return no_action(call, manager);
  }
  Result<std::string> answer = std::string();
  if (Result<void> known = check_parameters(*action, call.body); known) {
    answer = co_await action->run(call);
  } else {
    answer = known.error();
  }
  if (!answer) {
    Error error = answer.error();
    if (error.type.empty()) error.type = "INVOKE";
    if (error.model.empty()) error.model = "plugins";
    if (error.key.empty()) error.key = kManagerPlugin;
    co_return error;
  }
  co_return carried_out(call, std::move(*answer));
}

}  // namespace handlers
}  // namespace mullion::api
