// Meta, parameters, actions, and the lists inside objects.
#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/sealing.h"
#include "cli/documents/source.h"
#include "model/pointer.h"
#include "model/secure_params.h"

namespace mullion::cli {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

client::Request get_meta(const Invocation& call) {
  return client::get_meta_object(call.subject, call.argument(0));
}
client::Request patch_meta(const Invocation& call) {
  return client::patch_meta_object(call.subject, call.argument(0));
}
client::Request get_params(const Invocation& call) {
  return client::get_object_params(call.subject, call.argument(0));
}
client::Request patch_params(const Invocation& call) {
  return client::patch_object_params(call.subject, call.argument(0));
}

Query read_query(const Invocation& call) {
  Query query;
  for (const std::string_view flag : {"aggregate", "compose", "decode"}) {
    if (call.flags.on(flag)) query.emplace_back(flag, "true");
  }
  add_flag(call, "params", query);
  return query;
}

Result<void> patch_map(Invocation& call, const client::Request& request, const json::array& patch) {
  return print_answer(call, call.session.send_value(request, json::value(patch)));
}

/// The value as the server may see it: sealed for the object when the parameter is secure.
Result<json::value> sealed_for(Invocation& call, const std::string& key, const json::value& value) {
  if (model::is_sealed(value)) return value;
  Result<json::value> param = call.session.get(client::get_object("params", key));
  if (!param) return param.error().status_override == 404 ? Result<json::value>(value) : std::move(param);
  const json::value* secure = member(*param, "Secure");
  if (secure == nullptr || !secure->is_bool() || !secure->get_bool()) return value;
  Result<json::value> key_text = call.session.get(client::get_object_pubkey(call.subject, call.argument(0)));
  if (!key_text) return key_text;
  if (!key_text->is_string()) return Error(ErrorCode::kInternal, "the server's public key is no text");
  return seal(std::string(key_text->get_string()), value);
}

/// Argument `index` as the value of parameter `key`.
Result<json::value> param_value(Invocation& call, const std::string& key, size_t index) {
  Result<json::value> value = read_value(call, call.argument(index));
  return value ? sealed_for(call, key, *value) : std::move(value);
}

Error already_present(const std::string& key) {
  return Error(ErrorCode::kConflict, "Key, " + key + ", already present");
}

/// Where the actions of an object are, when it is not below `actions`.
bool has_special_actions(const Invocation& call) {
  return call.type != nullptr && call.type->traits.actions_path == "plugin_actions";
}

client::Request actions_to_list(const Invocation& call) {
  if (call.subject == "system") return client::get_system_actions();
  return has_special_actions(call) ? client::get_object_plugin_actions(call.subject, call.argument(0))
                                   : client::get_object_actions(call.subject, call.argument(0));
}

client::Request action_to_show(const Invocation& call, const std::string& command) {
  if (call.subject == "system") return client::get_system_actions(command);
  return has_special_actions(call)
             ? client::get_object_plugin_actions(call.subject, call.argument(0), command)
             : client::get_object_actions(call.subject, call.argument(0), command);
}

client::Request action_to_run(const Invocation& call, const std::string& command) {
  if (call.subject == "system") return client::post_system_actions(command);
  return has_special_actions(call)
             ? client::post_object_plugin_actions(call.subject, call.argument(0), command)
             : client::post_object_actions(call.subject, call.argument(0), command);
}

client::Request with_plugin(const Invocation& call, const client::Request& request) {
  Query query;
  add_flag(call, "plugin", query);
  return request.with(query);
}

/// How many arguments name the object: none for the system itself.
size_t object_arguments(const Invocation& call) { return call.subject == "system" ? 0 : 1; }

Result<json::value> action_body(Invocation& call, size_t first) {
  json::object body;
  const size_t given = call.arguments.size() - first;
  if (given == 1) {
    Result<json::value> document = read_document(call, call.argument(first));
    if (document && !document->is_object())
      return usage_error("parameters are one object, or pairs of name and value");
    return document;
  }
  if (given % 2 != 0) return usage_error("parameters are one object, or pairs of name and value");
  for (size_t i = first; i < call.arguments.size(); i += 2)
    body[call.argument(i)] = scalar_argument(call.argument(i + 1));
  return json::value(std::move(body));
}

/// The list field `name` of the object that the first argument names.
Result<json::array> read_list(Invocation& call, std::string_view name, bool& present) {
  Result<json::value> object = read_object(call);
  if (!object) return object.error();
  const json::value* found = object->is_object() ? object->get_object().if_contains(name) : nullptr;
  present = found != nullptr && found->is_array();
  return present ? found->get_array() : json::array();
}

using ListChange = std::function<Result<void>(json::array& list)>;

Result<void> change_list(Invocation& call, std::string_view name, const ListChange& change) {
  bool present = false;
  Result<json::array> before = read_list(call, name, present);
  if (!before) return before.error();
  json::array after = *before;
  Result<void> changed = change(after);
  if (!changed) return changed;
  const std::string path = "/" + std::string(name);
  json::array patch;
  if (after != *before && present) patch.push_back(patch_operation("test", path, json::value(*before)));
  if (after != *before)
    patch.push_back(patch_operation(present ? "replace" : "add", path, json::value(after)));
  return send_patch(call, patch, true);
}

Result<void> append_all(Invocation& call, std::string_view name, bool unique) {
  return change_list(call, name, [&call, unique](json::array& list) {
    for (size_t i = 1; i < call.arguments.size(); ++i) {
      const json::value item(json::string_view(call.argument(i)));
      if (unique && std::find(list.begin(), list.end(), item) != list.end()) continue;
      list.push_back(item);
    }
    return Result<void>();
  });
}

Result<void> remove_all(Invocation& call, std::string_view name) {
  return change_list(call, name, [&call](json::array& list) {
    for (size_t i = 1; i < call.arguments.size(); ++i) {
      const json::value item(json::string_view(call.argument(i)));
      const auto found = std::find(list.begin(), list.end(), item);
      if (found != list.end()) list.erase(found);
    }
    return Result<void>();
  });
}

}  // namespace

Result<void> meta_show(Invocation& call) { return print_answer(call, call.session.get(get_meta(call))); }

Result<void> meta_get(Invocation& call) {
  Result<json::value> meta = call.session.get(get_meta(call));
  if (!meta) return meta.error();
  const json::value* found = meta->is_object() ? meta->get_object().if_contains(call.argument(1)) : nullptr;
  if (found == nullptr) return Error(ErrorCode::kNotFound, "no meta value " + call.argument(1));
  return print_answer(call, *found);
}

Result<void> meta_add(Invocation& call) {
  Result<json::value> meta = call.session.get(get_meta(call));
  if (!meta) return meta.error();
  if (member(*meta, call.argument(2)) != nullptr) return already_present(call.argument(2));
  const json::value value(json::string_view(call.argument(4)));
  const std::string path = "/" + model::pointer_part(call.argument(2));
  return patch_map(call, patch_meta(call),
                   {patch_operation("test", "", *meta), patch_operation("add", path, value)});
}

Result<void> meta_set(Invocation& call) {
  Result<json::value> meta = call.session.get(get_meta(call));
  if (!meta) return meta.error();
  const std::string path = "/" + model::pointer_part(call.argument(2));
  const json::value* old = meta->is_object() ? meta->get_object().if_contains(call.argument(2)) : nullptr;
  const json::value value(json::string_view(call.argument(4)));
  json::array patch;
  patch.push_back(old != nullptr ? patch_operation("test", path, *old) : patch_operation("test", "", *meta));
  patch.push_back(patch_operation("add", path, value));
  return patch_map(call, patch_meta(call), patch);
}

Result<void> meta_remove(Invocation& call) {
  const std::string path = "/" + model::pointer_part(call.argument(2));
  return patch_map(call, patch_meta(call), {patch_operation("remove", path, nullptr)});
}

Result<void> params_show(Invocation& call) {
  const bool guarded = !call.options.reference.empty();
  if (call.arguments.size() == 1) {
    if (guarded) return usage_error("--ref is for changes: say which parameters there shall be");
    return print_answer(call, call.session.get(get_params(call).with(read_query(call))));
  }
  Result<json::value> values = read_document(call, call.argument(1));
  if (!values) return values.error();
  if (!values->is_object()) return usage_error("parameters are one object of names and values");
  for (auto& entry : values->get_object()) {
    Result<json::value> sealed = sealed_for(call, std::string(entry.key()), entry.value());
    if (!sealed) return sealed.error();
    entry.value() = std::move(*sealed);
  }
  if (!guarded)
    return print_answer(
        call, call.session.send_value(client::post_object_params(call.subject, call.argument(0)), *values));
  Result<json::value> before = read_document(call, call.options.reference);
  if (!before) return before.error();
  return patch_map(call, patch_params(call), make_paranoid_patch(*before, *values));
}

Result<void> param_get(Invocation& call) {
  const client::Request request = client::get_object_params(call.subject, call.argument(0), call.argument(2));
  return print_answer(call, call.session.get(request.with(read_query(call))));
}

Result<void> param_set(Invocation& call) {
  Result<json::value> value = param_value(call, call.argument(2), 4);
  if (!value) return value.error();
  if (call.options.reference.empty()) {
    Result<json::value> set = call.session.send_value(
        client::post_object_params(call.subject, call.argument(0), call.argument(2)), *value);
    return print_answer(call, set ? Result<json::value>(*value) : std::move(set));
  }
  Result<json::value> before = read_document(call, call.options.reference);
  if (!before) return before.error();
  const std::string path = "/" + model::pointer_part(call.argument(2));
  return patch_map(call, patch_params(call),
                   {patch_operation("test", path, *before), patch_operation("replace", path, *value)});
}

Result<void> param_add(Invocation& call) {
  Result<json::value> value = param_value(call, call.argument(2), 4);
  if (!value) return value.error();
  Result<json::value> params = call.session.get(get_params(call));
  if (!params) return params.error();
  if (member(*params, call.argument(2)) != nullptr) return already_present(call.argument(2));
  const std::string path = "/" + model::pointer_part(call.argument(2));
  // Tested as it was seen: of two who add the same at once only one may.
  const json::array patch = {patch_operation("test", "", *params), patch_operation("add", path, *value)};
  Result<json::value> added = call.session.send_value(patch_params(call), json::value(patch));
  return print_answer(call, added ? Result<json::value>(*value) : std::move(added));
}

Result<void> param_remove(Invocation& call) {
  if (call.options.reference.empty()) {
    return print_answer(call, call.session.send_json({client::delete_object_params(
                                  call.subject, call.argument(0), call.argument(2))}));
  }
  Result<json::value> before = read_document(call, call.options.reference);
  if (!before) return before.error();
  const std::string path = "/" + model::pointer_part(call.argument(2));
  return patch_map(call, patch_params(call),
                   {patch_operation("test", path, *before), patch_operation("remove", path, nullptr)});
}

Result<void> actions_list(Invocation& call) {
  return print_answer(call, call.session.get(with_plugin(call, actions_to_list(call))));
}

Result<void> action_show(Invocation& call) {
  const client::Request request = action_to_show(call, call.argument(object_arguments(call)));
  return print_answer(call, call.session.get(with_plugin(call, request)));
}

Result<void> action_run(Invocation& call) {
  const size_t command = object_arguments(call);
  Result<json::value> body = action_body(call, command + 1);
  if (!body) return body.error();
  return print_answer(
      call, call.session.send_value(with_plugin(call, action_to_run(call, call.argument(command))), *body));
}

Result<void> add_profile(Invocation& call) { return append_all(call, "Profiles", true); }
Result<void> remove_profile(Invocation& call) { return remove_all(call, "Profiles"); }
Result<void> add_task(Invocation& call) { return append_all(call, "Tasks", false); }
Result<void> remove_task(Invocation& call) { return remove_all(call, "Tasks"); }

Result<void> insert_task(Invocation& call) {
  Result<uint64_t> offset =
      call.arguments.size() > 2 ? number_argument(call.argument(2)) : Result<uint64_t>(0);
  if (!offset) return offset.error();
  Result<json::value> machine = read_object(call);
  if (!machine) return machine.error();
  const json::value* current =
      machine->is_object() ? machine->get_object().if_contains("CurrentTask") : nullptr;
  // Tasks up to the current one have run or are running: the first place that may change is behind it.
  const int64_t behind = current != nullptr && current->is_int64() ? current->get_int64() + 1 : 0;
  return change_list(call, "Tasks", [&call, &offset, behind](json::array& list) {
    const size_t place = std::min(list.size(), static_cast<size_t>(std::max<int64_t>(0, behind)) + *offset);
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(place),
                json::value(json::string_view(call.argument(1))));
    return Result<void>();
  });
}

Result<void> set_field(Invocation& call) {
  struct FieldCommand {
    std::string_view command, field, fixed;
  };
  static constexpr FieldCommand kFields[] = {{"bootenv", "BootEnv", ""},
                                             {"workflow", "Workflow", ""},
                                             {"stage", "Stage", ""},
                                             {"run", "Runnable", "true"},
                                             {"pause", "Runnable", "false"}};
  for (const FieldCommand& entry : kFields) {
    if (entry.command != call.command.name) continue;
    json::value value(json::string_view(call.optional_argument(1)));
    if (!entry.fixed.empty()) value = entry.fixed == "true";
    json::object changes;
    changes[entry.field] = value;
    return send_changes(call, json::value(std::move(changes)));
  }
  return usage_error("no such field");
}

Result<void> machine_token(Invocation& call) {
  Query query;
  add_flag(call, "ttl", query);
  return print_answer(call, call.session.get(client::get_machines_token(call.argument(0)).with(query)));
}

}  // namespace mullion::cli
