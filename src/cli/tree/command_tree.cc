// The tables that make the tree of commands: what every collection has, and what is special.
#include <algorithm>

#include "cli/commands/handlers.h"
#include "cli/tree/command.h"
#include "cli/tree/tree_parts.h"

namespace mullion::cli {
namespace {

using model::ObjectType;
using model::Traits;

const std::vector<FlagSpec> kListFlags = {{"limit", 0, "N", "At most this many"},
                                          {"offset", 0, "N", "Skip this many first"},
                                          {"sort", 0, "INDEX", "Order by an index"},
                                          {"reverse", 0, "", "Order backwards"},
                                          {"slim", 0, "Meta,Params", "Leave these fields empty"},
                                          {"params", 0, "A,B", "Only these parameters"},
                                          {"fields", 0, "A,B.C", "Only these members"},
                                          {"search", 0, "WORDS", "Only what has these words in it"},
                                          {"decode", 0, "", "Show secure parameters in clear"}};
const std::vector<FlagSpec> kCountFlags = {{"search", 0, "WORDS", "Only what has these words in it"},
                                           {"by", 0, "INDEX,INDEX", "How many for each value, most first"},
                                           {"limit", 0, "N", "At most this many values, 50 unless given"}};
const std::vector<FlagSpec> kShowFlags = {{"slim", 0, "Meta,Params", "Leave these fields empty"},
                                          {"params", 0, "A,B", "Only these parameters"},
                                          {"fields", 0, "A,B.C", "Only these members"},
                                          {"decode", 0, "", "Show secure parameters in clear"},
                                          {"aggregate", 0, "", "Parameters of all levels"},
                                          {"etag", 0, "ETAG", "State that --wait compares with"},
                                          {"wait", 0, "TIME", "Wait this long for a change"}};
const std::vector<FlagSpec> kWaitFlags = {{"etag", 0, "ETAG", "State that --wait compares with"},
                                          {"wait", 0, "TIME", "Wait this long for a change"}};
const std::vector<FlagSpec> kParamFlags = {{"aggregate", 0, "", "Values of all levels"},
                                           {"compose", 0, "", "Merge maps and join lists of all levels"},
                                           {"decode", 0, "", "Show secure values in clear"},
                                           {"params", 0, "A,B", "Only these"}};
bool always(const Traits&) { return true; }
bool can_create(const Traits& traits) { return traits.client_create; }
bool can_update(const Traits& traits) { return traits.client_update; }
bool can_delete(const Traits& traits) { return traits.client_delete; }
bool has_meta(const Traits& traits) { return traits.meta_api; }
bool has_params(const Traits& traits) { return traits.has_params; }
bool has_profiles(const Traits& traits) { return traits.has_profiles; }
bool has_tasks(const Traits& traits) { return traits.has_tasks; }
bool has_boot_env(const Traits& traits) { return traits.has_boot_env; }
bool has_plain_actions(const Traits& traits) {
  return traits.can_have_actions && traits.actions_path == "actions";
}
bool has_plugin_actions(const Traits& traits) {
  return traits.can_have_actions && traits.actions_path == "plugin_actions";
}

Command meta_commands() {
  Command meta = leaf("meta", "ID", "Meta of an object", meta_show);
  meta.children = {
      leaf("get", "ID KEY", "One value", meta_get),
      leaf("add", "ID key KEY val VALUE", "Add a value; an error when it is there already", meta_add),
      leaf("set", "ID key KEY to VALUE", "Set a value", meta_set),
      leaf("remove", "ID key KEY", "Remove a value", meta_remove)};
  return meta;
}

/// A command that a collection has when its traits say so.
struct RegularCommand {
  bool (*applies)(const Traits&);
  Command command;
};

const std::vector<RegularCommand>& regular_commands() {
  static const std::vector<RegularCommand> commands = {
      {always, leaf("list", "[FILTER]...",
                    "List objects: NAME OP value ..., or NAME=OP(value) ...; sort NAME, reverse, limit N, "
                    "offset N too",
                    list_objects, kListFlags)},
      {always, leaf("count", "[FILTER]...", "How many there are", count_objects, kCountFlags)},
      {always, leaf("indexes", "", "What can be filtered and sorted by", list_indexes)},
      {always, leaf("show", "ID", "One object", show_object, kShowFlags)},
      {always, leaf("exists", "ID", "Exit 0 when it exists, 1 when not", object_exists, kWaitFlags)},
      {always, leaf("etag", "ID", "The state an object is in, as one word", object_etag)},
      {always, leaf("wait", "ID FIELD VALUE [SECONDS]", "Wait until a field has a value", wait_for_object)},
      {can_create, leaf("create", "JSON", "Create an object (JSON, YAML, a file, - for stdin, or a name)",
                        create_object)},
      {can_update, guarded(leaf("update", "ID JSON", "Merge changes into an object", update_object))},
      {can_update, leaf("patch", "ID PATCH", "Apply a JSON patch (RFC 6902)", patch_object)},
      {can_delete, leaf("destroy", "ID", "Delete an object", destroy_object)},
      {has_meta, meta_commands()},
      {has_params, guarded(leaf("params", "ID [JSON]", "Show parameters, or replace them all", params_show,
                                kParamFlags))},
      {has_params, leaf("get", "ID param KEY", "One parameter", param_get, kParamFlags)},
      {has_params, guarded(leaf("set", "ID param KEY to VALUE",
                                "Set a parameter; secure ones are sealed here", param_set))},
      {has_params,
       leaf("add", "ID param KEY to VALUE", "Add a parameter; an error when it is there already", param_add)},
      {has_params, guarded(leaf("remove", "ID param KEY", "Remove a parameter", param_remove))},
      {has_params, leaf("uploadiso", "ID", "Upload isos that the parameter bootenv-customize names",
                        customized_upload_iso)},
      {has_plain_actions, leaf("actions", "ID", "Actions an object offers", actions_list, action_flags())},
      {has_plain_actions, leaf("action", "ID COMMAND", "One action", action_show, action_flags())},
      {has_plain_actions, leaf("runaction", "ID COMMAND [PARAMETER]...", "Run an action with k v ... or JSON",
                               action_run, action_flags())},
      {has_plugin_actions,
       leaf("plugin_actions", "ID", "Actions an object offers", actions_list, action_flags())},
      {has_plugin_actions, leaf("plugin_action", "ID COMMAND", "One action", action_show, action_flags())},
      {has_plugin_actions, leaf("runplugin_action", "ID COMMAND [PARAMETER]...",
                                "Run an action with k v ... or JSON", action_run, action_flags())},
      {has_profiles, leaf("addprofile", "ID PROFILE...", "Add profiles", add_profile)},
      {has_profiles, leaf("removeprofile", "ID PROFILE...", "Remove profiles", remove_profile)},
      {has_tasks, leaf("addtask", "ID TASK...", "Add tasks at the end", add_task)},
      {has_tasks, leaf("removetask", "ID TASK...", "Remove tasks", remove_task)},
      {has_boot_env, guarded(leaf("bootenv", "ID BOOTENV", "Set the boot environment", set_field))},
  };
  return commands;
}

/// Flags that the objects of a collection have nothing for.
void drop_useless_flags(Command& command, const Traits& traits) {
  std::erase_if(command.flags, [&traits](const FlagSpec& flag) {
    if (flag.name == "slim") return !traits.meta_api && !traits.has_params;
    return !traits.has_params && (flag.name == "params" || flag.name == "decode" || flag.name == "aggregate");
  });
}

/// Adds a command, or puts it in place of the regular one of its name (which its handler then serves too).
void keep_command(Command& group, Command command) {
  const auto found = std::find_if(group.children.begin(), group.children.end(),
                                  [&](const Command& child) { return child.name == command.name; });
  if (found == group.children.end()) {
    group.children.push_back(std::move(command));
    return;
  }
  *found = std::move(command);
}

Command collection(const ObjectType& type, const std::vector<SpecialCommand>& special) {
  Command made = group(std::string(type.prefix), std::string(type.documentation), {});
  for (const RegularCommand& regular : regular_commands()) {
    if (!regular.applies(type.traits)) continue;
    made.children.push_back(regular.command);
    drop_useless_flags(made.children.back(), type.traits);
  }
  for (const SpecialCommand& entry : special) {
    if (entry.collection == type.prefix) keep_command(made, entry.command);
  }
  return about(std::string(type.prefix), std::move(made));
}

Command extended() {
  const FlagSpec of_type = {"ldata", 'l', "TYPE", "The type"};
  Command made = group("extended", "Work with types that plugins define: extended -l TYPE COMMAND", {});
  made.flags = {of_type};
  for (const RegularCommand& regular : regular_commands()) {
    if (regular.applies == has_plugin_actions || regular.applies == has_profiles ||
        regular.applies == has_tasks || regular.applies == has_boot_env) {
      continue;
    }
    Command command = regular.command;
    command.flags.push_back(of_type);
    for (Command& child : command.children) child.flags.push_back(of_type);
    made.children.push_back(std::move(command));
  }
  return made;
}

Command make_tree() {
  Command root = group(
      "mullion",
      "Mullion: DRP endpoints and managers. `mullion serve` runs a server; everything else talks to one.",
      other_groups());
  root.children.push_back(extended());
  const std::vector<SpecialCommand> special = special_commands();
  for (const ObjectType& type : model::object_types()) {
    if (type.prefix != "preferences") root.children.push_back(collection(type, special));
  }
  std::sort(root.children.begin(), root.children.end(),
            [](const Command& left, const Command& right) { return left.name < right.name; });
  root.children.insert(root.children.begin(), leaf("serve", "[ARGUMENT]...",
                                                   "Run a server (mullion serve --help)", misplaced_serve));
  return root;
}

}  // namespace

Command leaf(std::string name, std::string arguments, std::string summary, Handler handler,
             std::vector<FlagSpec> flags) {
  return {std::move(name), std::move(arguments), std::move(summary), handler, std::move(flags)};
}

Command group(std::string name, std::string summary, std::vector<Command> children) {
  Command made{std::move(name), "", std::move(summary)};
  made.children = std::move(children);
  return made;
}

Command absent(std::string name, const std::string& why) {
  return leaf(std::move(name), "[WORD]...", std::string(kNotHere) + why, not_served);
}

Command about(std::string subject, Command command) {
  for (Command& child : command.children) child = about(subject, std::move(child));
  command.subject = std::move(subject);
  return command;
}

Command guarded(Command command) {
  command.obeys_reference = true;
  return command;
}

std::vector<FlagSpec> action_flags() { return {{"plugin", 0, "NAME", "Only of this plugin"}}; }

const Command& command_tree() {
  static const Command root = make_tree();
  return root;
}

}  // namespace mullion::cli
