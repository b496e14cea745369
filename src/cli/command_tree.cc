// The tables that make the tree of commands: what every collection has, and what is special.
#include <algorithm>

#include "cli/command.h"
#include "cli/handlers.h"

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
                                          {"decode", 0, "", "Show secure parameters in clear"}};
const std::vector<FlagSpec> kShowFlags = {{"slim", 0, "Meta,Params", "Leave these fields empty"},
                                          {"params", 0, "A,B", "Only these parameters"},
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
const std::vector<FlagSpec> kActionFlags = {{"plugin", 0, "NAME", "Only of this plugin"}};

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

/// A command that a collection has when its traits say so.
struct RegularCommand {
  bool (*applies)(const Traits&);
  Command command;
};

const std::vector<RegularCommand>& regular_commands() {
  static const std::vector<RegularCommand> commands = {
      {always,
       {"list", "[FILTER]...", "List objects: NAME OP value ..., or NAME=OP(value) ...", list_objects,
        kListFlags}},
      {always, {"count", "[FILTER]...", "How many there are", count_objects}},
      {always, {"indexes", "", "What can be filtered and sorted by", list_indexes}},
      {always, {"show", "ID", "One object", show_object, kShowFlags}},
      {always, {"exists", "ID", "Exit 0 when it exists, 1 when not", object_exists, kWaitFlags}},
      {always, {"etag", "ID", "The state an object is in, as one word", object_etag}},
      {always, {"wait", "ID FIELD VALUE [SECONDS]", "Wait until a field has a value", wait_for_object}},
      {can_create,
       {"create", "JSON", "Create an object (JSON, YAML, a file, - for stdin, or a name)", create_object}},
      {can_update, {"update", "ID JSON", "Merge changes into an object", update_object}},
      {can_update, {"patch", "ID PATCH", "Apply a JSON patch (RFC 6902)", patch_object}},
      {can_delete, {"destroy", "ID", "Delete an object", destroy_object}},
      {has_meta,
       {"meta",
        "ID",
        "Meta of an object",
        meta_show,
        {},
        "",
        {},
        {{"get", "ID KEY", "One value", meta_get},
         {"add", "ID key KEY val VALUE", "Add a value", meta_add},
         {"set", "ID key KEY to VALUE", "Set a value", meta_set},
         {"remove", "ID key KEY", "Remove a value", meta_remove}}}},
      {has_params, {"params", "ID [JSON]", "Show parameters, or replace them all", params_show, kParamFlags}},
      {has_params, {"get", "ID param KEY", "One parameter", param_get, kParamFlags}},
      {has_params, {"set", "ID param KEY to VALUE", "Set a parameter", param_set}},
      {has_params, {"add", "ID param KEY to VALUE", "Add a parameter", param_add}},
      {has_params, {"remove", "ID param KEY", "Remove a parameter", param_remove}},
      {has_plain_actions, {"actions", "ID", "Actions an object offers", actions_list, kActionFlags}},
      {has_plain_actions, {"action", "ID COMMAND", "One action", action_show, kActionFlags}},
      {has_plain_actions,
       {"runaction", "ID COMMAND [PARAMETER]...", "Run an action with k v ... or JSON", action_run,
        kActionFlags}},
      {has_plugin_actions, {"plugin_actions", "ID", "Actions an object offers", actions_list, kActionFlags}},
      {has_plugin_actions, {"plugin_action", "ID COMMAND", "One action", action_show, kActionFlags}},
      {has_plugin_actions,
       {"runplugin_action", "ID COMMAND [PARAMETER]...", "Run an action with k v ... or JSON", action_run,
        kActionFlags}},
      {has_profiles, {"addprofile", "ID PROFILE...", "Add profiles", add_profile}},
      {has_profiles, {"removeprofile", "ID PROFILE...", "Remove profiles", remove_profile}},
      {has_tasks, {"addtask", "ID TASK...", "Add tasks at the end", add_task}},
      {has_tasks, {"removetask", "ID TASK...", "Remove tasks", remove_task}},
      {has_boot_env, {"bootenv", "ID BOOTENV", "Set the boot environment", set_field}},
  };
  return commands;
}

/// Commands that one collection has besides the regular ones.
struct SpecialCommand {
  std::string_view subject;
  Command command;
};

const std::vector<SpecialCommand>& special_commands() {
  static const std::vector<SpecialCommand> commands = {
      {"machines", {"workflow", "ID WORKFLOW", "Set the workflow", set_field}},
      {"machines", {"stage", "ID STAGE", "Set the stage", set_field}},
      {"machines", {"run", "ID", "Make it runnable", set_field}},
      {"machines", {"pause", "ID", "Make it not runnable", set_field}},
      {"machines", {"inserttask", "ID TASK [OFFSET]", "Insert a task behind the current one", insert_task}},
      {"machines",
       {"token",
        "ID",
        "A token with the machine's rights",
        machine_token,
        {{"ttl", 0, "TIME", "How long it lives"}}}},
      {"users", {"password", "NAME PASSWORD", "Set a password (- reads it from stdin)", user_password}},
      {"users",
       {"token", "NAME [OPTION VALUE]...", "A token: ttl, scope, action, specific, roles", user_token}},
      {"endpoints",
       {"add",
        "URL [USERNAME] [PASSWORD] [WORD]...",
        "Attach an endpoint: URL USERNAME PASSWORD; or add a parameter: ID param KEY to VALUE",
        endpoint_add,
        {{"username", 0, "NAME", "Account at the endpoint"},
         {"password", 0, "PASSWORD", "Its password (- reads stdin)"}}}},
      {"endpoints",
       {"tree", "", "The hierarchy below this manager with state, age and counts", endpoint_tree}},
  };
  return commands;
}

void set_subject(Command& command, const std::string& subject) {
  command.subject = subject;
  for (Command& child : command.children) set_subject(child, subject);
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

Command collection(const ObjectType& type) {
  Command group{std::string(type.prefix), "", std::string(type.documentation)};
  for (const RegularCommand& regular : regular_commands()) {
    if (regular.applies(type.traits)) group.children.push_back(regular.command);
  }
  for (const SpecialCommand& special : special_commands()) {
    if (special.subject == type.prefix) keep_command(group, special.command);
  }
  set_subject(group, group.name);
  return group;
}

Command extended() {
  Command group{"extended", "", "Work with types that plugins define: extended -l TYPE COMMAND"};
  for (const RegularCommand& regular : regular_commands()) {
    if (regular.applies == has_plugin_actions || regular.applies == has_profiles ||
        regular.applies == has_tasks || regular.applies == has_boot_env) {
      continue;
    }
    Command command = regular.command;
    command.flags.push_back({"ldata", 'l', "TYPE", "The type"});
    for (Command& child : command.children) child.flags.push_back({"ldata", 'l', "TYPE", "The type"});
    group.children.push_back(std::move(command));
  }
  return group;
}

Command blobs(const std::string& name) {
  Command group{name, "", "Upload, download and list " + name};
  group.children = {{"list", "[PATH]", "Names below a path", blobs_list, {{"recurse", 0, "", "All levels"}}},
                    {"download",
                     "NAME [to] [FILE]",
                     "Download to a file or stdout",
                     blobs_download,
                     {},
                     "",
                     {"show", "get"}},
                    {"upload",
                     "FILE [as] [NAME]",
                     "Upload a file",
                     blobs_upload,
                     {{"explode", 0, "", "Unpack the archive there"}}},
                    {"exists", "NAME", "Exit 0 when it exists, 1 when not", blobs_exists},
                    {"destroy", "NAME", "Delete", blobs_destroy}};
  set_subject(group, name);
  return group;
}

Command contents() {
  const std::vector<FlagSpec> flags = {{"replace-writable", 0, "", "Take over objects of the writable layer"},
                                       {"key", 0, "FILE", "Accepted for compatibility"}};
  Command group{"contents", "", "Work with content packs"};
  group.children = {{"list", "", "All layers", contents_list},
                    {"show", "NAME", "One content pack", contents_show, flags},
                    {"exists", "NAME", "Exit 0 when it is loaded, 1 when not", contents_exists},
                    {"create", "PACK", "Load a content pack", contents_create, flags},
                    {"update", "NAME PACK", "Replace a content pack", contents_update, flags},
                    {"upload", "PACK", "Load or replace a content pack", contents_upload, flags},
                    {"destroy", "NAME", "Remove a content pack", contents_destroy}};
  set_subject(group, "contents");
  return group;
}

Command system_commands() {
  Command group{"system", "", "Work with the server itself"};
  Command cluster{"ha", "", "High availability"};
  for (const auto& [name, path] :
       std::initializer_list<std::pair<const char*, const char*>>{{"id", "id"},
                                                                  {"leader", "leader"},
                                                                  {"active", "active"},
                                                                  {"peers", "peers"},
                                                                  {"state", "state"},
                                                                  {"dump", "fullstate"},
                                                                  {"introduction", "introduction"}}) {
    cluster.children.push_back(
        {name, "", std::string("Cluster: ") + name, system_get, {}, std::string("system/consensus/") + path});
  }
  cluster.children.push_back({"failOverSafe",
                              "",
                              "Whether a stand-by could take over",
                              system_post,
                              {},
                              "system/consensus/failOverSafe"});
  Command certificates{"certs", "", "Certificate of the API"};
  certificates.children = {{"get", "", "Show it", system_get, {}, "system/cert"}};
  group.children = {
      {"actions", "", "Actions of the system", actions_list, kActionFlags, "system"},
      {"action", "COMMAND", "One action", action_show, kActionFlags, "system"},
      {"runaction", "COMMAND [PARAMETER]...", "Run an action", action_run, kActionFlags, "system"},
      {"backup", "", "Copy the database while the server runs", system_post, {}, "system/backup"},
      {"active", "", "Become the active member", system_post, {}, "system/active"},
      {"passive", "", "Become a passive member", system_post, {}, "system/passive"}};
  group.children.push_back(std::move(cluster));
  group.children.push_back(std::move(certificates));
  return group;
}

std::vector<Command> other_groups() {
  return {
      {"prefs",
       "",
       "Preferences of the server",
       nullptr,
       {},
       "prefs",
       {},
       {{"list", "", "All preferences", prefs_list},
        {"set", "NAME|JSON [VALUE]...", "Set preferences", prefs_set}}},
      {"info",
       "",
       "What the server is",
       nullptr,
       {},
       "",
       {},
       {{"get", "", "Everything it tells", info_get},
        {"status", "", "A short status", info_status},
        {"check", "", "Exit 0 when it answers", info_check}}},
      {"events",
       "",
       "Events of the server",
       nullptr,
       {},
       "",
       {},
       {{"watch", "[TYPE.ACTION.KEY]", "Print events as they happen", events_watch},
        {"post", "JSON", "Publish an event", events_post}}},
      {"logs",
       "",
       "Log of the server",
       nullptr,
       {},
       "",
       {},
       {{"get", "", "The newest lines", logs_get}, {"watch", "", "Lines as they happen", logs_watch}}},
      {"objects",
       "",
       "Collections of the server",
       nullptr,
       {},
       "",
       {},
       {{"list", "", "Their names", objects_list}}},
      contents(),
      blobs("files"),
      blobs("isos"),
      system_commands(),
      extended(),
      {"version", "", "Version of this program", show_version},
      {"completion",
       "SHELL",
       "Completion script for bash, zsh or fish",
       print_completion,
       {},
       "",
       {"autocomplete"}},
      {"__complete", "[WORD]...", "Candidates for the last word", complete_words},
  };
}

Command make_tree() {
  Command root{
      "mullion", "",
      "Mullion: DRP endpoints and managers. `mullion serve` runs a server; everything else talks to one."};
  for (const ObjectType& type : model::object_types()) {
    if (type.prefix != "preferences") root.children.push_back(collection(type));
  }
  for (Command& group : other_groups()) root.children.push_back(std::move(group));
  std::sort(root.children.begin(), root.children.end(),
            [](const Command& left, const Command& right) { return left.name < right.name; });
  root.children.insert(root.children.begin(),
                       {"serve", "[ARGUMENT]...", "Run a server (mullion serve --help)", misplaced_serve});
  return root;
}

}  // namespace

const Command& command_tree() {
  static const Command root = make_tree();
  return root;
}

}  // namespace mullion::cli
