// What single collections have besides the commands of every collection.
#include "cli/commands/handlers.h"
#include "cli/tree/tree_parts.h"

namespace mullion::cli {
namespace {

const std::vector<FlagSpec> kPoolFlags = {
    {"count", 0, "N", "How many machines"},
    {"minimum", 0, "N", "Fewer than this are an error, and nothing changes"},
    {"all-machines", 0, "", "Every machine that fits"},
    {"machine-list", 0, "A,B", "These machines: ids, or Name:value"},
    {"wait-timeout", 0, "TIME", "Wait this long until they are ready"},
    {"new-workflow", 0, "WORKFLOW", "Workflow instead of the pool's own"},
    {"add-profiles", 0, "A,B", "Profiles to add"},
    {"remove-profiles", 0, "A,B", "Profiles to remove"},
    {"add-parameters", 0, "JSON", "Parameters to set"},
    {"remove-parameters", 0, "A,B", "Parameters to remove"}};

std::vector<FlagSpec> pool_add_flags() {
  std::vector<FlagSpec> flags = kPoolFlags;
  flags.push_back({"source-pool", 0, "POOL", "Take them from this pool (default: default)"});
  return flags;
}

const std::vector<FlagSpec> kInspectFlags = {{"all", 'A', "", "With log and scripts of each"}};
const std::vector<FlagSpec> kReplaceFlags = {
    {"replace-writable", 0, "", "Take over objects of the writable layer"}};

std::vector<Command> machine_commands() {
  return {
      guarded(leaf("workflow", "ID WORKFLOW", "Set the workflow", set_field)),
      guarded(leaf("stage", "ID STAGE", "Set the stage; '' is none", set_field)),
      guarded(leaf("run", "ID", "Make it runnable", set_field)),
      guarded(leaf("pause", "ID", "Make it not runnable", set_field)),
      leaf("inserttask", "ID TASK [OFFSET]", "Insert a task behind the current one", insert_task),
      leaf("token", "ID", "A token with the machine's rights", machine_token,
           {{"ttl", 0, "TIME", "How long it lives"}}),
      group("tasks", "Change what a machine has yet to do in its stage",
            {leaf("add", "ID [at] [NUMBER] TASK...", "Add tasks at the end, or NUMBER behind the current one",
                  tasks_add),
             leaf("del", "ID TASK...", "Remove tasks that have not begun", tasks_delete)}),
      group("jobs", "The job a machine works on",
            {leaf("create", "ID", "Make the next job", machine_job_create),
             leaf("current", "ID", "Show the current job", machine_job_current),
             leaf("state", "ID to STATE", "Set the state of the current job", machine_job_state)}),
      leaf("currentlog", "ID", "Log of the current job", machine_current_log),
      leaf("deletejobs", "ID", "Delete all jobs of a machine, the newest first", machine_delete_jobs),
      group("inspect", "What a machine did",
            {leaf("tasks", "ID TASK [NUMBER]", "Jobs that ran a task; NUMBER: only that one, 0 is the newest",
                  inspect_tasks, kInspectFlags),
             leaf("jobs", "ID [NUMBER]", "Jobs, the newest first; NUMBER: only that one", inspect_jobs,
                  kInspectFlags)}),
      leaf("releaseToPool", "ID", "Give an allocated machine back to its pool", machine_release),
      leaf("whoami", "", "Which machine this computer is", machine_whoami),
      absent("processjobs", "runs jobs on a machine; use drpcli there, which works against this server"),
  };
}

std::vector<Command> pool_commands() {
  return {leaf("active", "", "Pools that have machines", pools_active),
          leaf("status", "ID", "Machines of a pool by status", pool_status),
          group("manage", "Move machines in, out, and between states",
                {leaf("add", "ID [FILTER]...", "Add machines to a pool", pool_manage, pool_add_flags()),
                 leaf("remove", "ID [FILTER]...", "Remove machines from a pool", pool_manage, kPoolFlags),
                 leaf("allocate", "ID [FILTER]...", "Take free machines into use", pool_manage, kPoolFlags),
                 leaf("release", "ID [FILTER]...", "Give machines in use back", pool_manage, kPoolFlags)})};
}

std::vector<Command> subnet_commands() {
  return {leaf("range", "ID FIRST LAST", "Set the range of dynamic addresses", subnet_range),
          leaf("subnet", "ID CIDR", "Set the network", subnet_network),
          leaf("strategy", "ID STRATEGY", "Set how clients are told apart", subnet_strategy),
          leaf("pickers", "ID A,B", "Set how addresses are picked", subnet_pickers),
          leaf("nextserver", "ID ADDRESS", "Set the server to boot from", subnet_next_server),
          leaf("leasetimes", "ID ACTIVE RESERVED", "Set the lease times, in seconds", subnet_lease_times),
          leaf("set", "ID option NUMBER to VALUE", "Set a DHCP option; null removes it", subnet_set),
          leaf("get", "ID option NUMBER", "One DHCP option", subnet_get),
          leaf("allocate", "ID [ADDRESS|JSON]",
               "Reserve an address: any, this one, or one for the Token or Machine and Parameter of JSON",
               subnet_allocate),
          leaf("release", "ID ADDRESS", "Give an allocated address back", subnet_release)};
}

std::vector<Command> job_commands() {
  return {leaf("create", "JSON|MACHINE", "Make the next job of a machine", job_create),
          leaf("purge", "", "Delete old jobs by the server's rules, or by these", job_purge,
               {{"dry-run", 0, "", "Only say what would be deleted"},
                {"machine", 0, "ID", "Only of this machine; `missing`: of machines that are gone"},
                {"jobs-to-keep", 0, "N", "Keep this many of each machine"},
                {"failed-after", 0, "TIME", "Failed jobs older than this"},
                {"complete-after", 0, "TIME", "Finished jobs older than this"}}),
          leaf("actions", "ID", "Scripts and files of a job", job_actions,
               {{"for-os", 0, "NAME", "Only those for this system"}}),
          leaf("log", "ID [TEXT]", "Show the log, or append to it (- is stdin)", job_log)};
}

std::vector<Command> boot_env_commands() {
  return {
      leaf("install", "FILE [ISODIR]", "Create it from a file, with its templates and isos", boot_env_install,
           {{"skip-download", 0, "", "Upload only isos that are in ISODIR"}}),
      leaf("uploadiso", "ID", "Upload the isos it needs, from here or from their URLs", boot_env_upload_iso),
      leaf("purgeLocalInstall", "ID ARCH...", "Remove what was unpacked for these architectures",
           boot_env_purge, {{"reexplodeIsos", 0, "", "Unpack the isos again"}}),
      absent("fromAppleNBI",
             "makes boot environments of Apple NetBoot images, which nothing boots any more")};
}

std::vector<Command> user_commands() {
  return {
      leaf("password", "NAME PASSWORD", "Set a password (- reads it from stdin)", user_password),
      leaf("passwordhash", "PASSWORD", "The hash that a user object carries (- reads stdin)", password_hash),
      leaf("token", "NAME [OPTION VALUE]...", "A token: ttl, scope, action, specific, roles", user_token)};
}

std::vector<Command> provider_commands() {
  return {leaf("upload", "NAME [from] [FILE]", "Upload a plugin provider (file, URL or catalog:ITEM)",
               provider_upload, kReplaceFlags),
          leaf("download", "NAME [to] [FILE]", "Download its program", provider_download)};
}

std::vector<Command> endpoint_commands() {
  return {
      leaf("add", "URL [USERNAME] [PASSWORD] [WORD]...",
           "Attach an endpoint: URL USERNAME PASSWORD; or add a parameter: ID param KEY to VALUE",
           endpoint_add,
           {{"username", 0, "NAME", "Account at the endpoint"},
            {"password", 0, "PASSWORD", "Its password (- reads stdin)"}}),
      leaf("accept", "ID [FINGERPRINT]",
           "Trust the certificate that an endpoint shows now, or the one with this SHA-256", endpoint_accept),
      leaf("grant", "[NAME]",
           "At an endpoint: the role that a manager's account needs there (default name: manager)",
           endpoint_grant,
           {{"make", 0, "", "Make the role, and a user of this name with it"},
            {"password", 0, "PASSWORD", "Password of that user (- reads stdin)"}}),
      leaf("tree", "", "The hierarchy below this manager with state, age and counts", endpoint_tree),
      leaf("plan", "ID", "What would be done at an endpoint, which set asks for it, and what is removed",
           endpoint_plan,
           {{"sets", 0, "A,B", "The plan with these sets instead of its own; the first wins"}}),
      leaf("plans", "[FILTER]...",
           "What sets would do to many endpoints, grouped by what is the same; nothing is changed",
           endpoint_plans, {{"sets", 0, "A,B", "The version sets; the first wins"}})};
}

std::vector<Command> version_set_commands() {
  return {
      leaf("baseline", "NAME", "A set of what an endpoint runs; says what was left out", version_set_baseline,
           {{"from", 0, "ENDPOINT", "The endpoint"},
            {"create", 0, "", "Create it here; else it is only printed"}}),
      leaf("apply", "",
           "Make the sets here equal to files. Exit status: 0 equal already, 2 changed, 1 failed",
           version_set_apply,
           {{"file", 'f', "DIR|FILE|-", "YAML or JSON, any number of sets in each file"},
            {"prune", 0, "", "Remove sets that are in no file"},
            {"dry-run", 0, "", "Only show what would change"}})};
}

std::vector<Command> rollout_commands() {
  return {
      leaf("start", "ID", "Begin a planned rollout", rollout_command),
      leaf("pause", "ID", "Begin nothing more; endpoints under way finish", rollout_command),
      leaf("resume", "ID", "Go on; failed endpoints of the wave get another turn", rollout_command),
      leaf("abort", "ID", "Stop, and leave what is done", rollout_command),
      leaf("return", "ID", "Give every endpoint back what it had", rollout_command),
      leaf("dryrun", "ID", "What each wave would do", rollout_dry_run),
      leaf("watch", "ID", "Follow it until it is over: exit code 0 when it is done, else 1", rollout_watch)};
}

std::vector<Command> bulk_commands() {
  return {leaf("preview", "ID", "What it would do, by owner; and how many objects it is about", bulk_command),
          leaf("start", "ID", "Freeze the selection and begin, with your rights", bulk_command),
          leaf("pause", "ID", "Begin nothing more; what is under way finishes", bulk_command),
          leaf("resume", "ID", "Go on, with your rights", bulk_command),
          leaf("stop", "ID", "Begin nothing more, and be over", bulk_command),
          leaf("continue", "ID", "Go on after the first few", bulk_command),
          leaf("retry", "ID", "Do again what was refused, not allowed or unreachable", bulk_command),
          leaf("items", "ID", "What became of each object", bulk_items,
               {{"outcome", 0, "OUTCOME", "Only these: done, refused, conflict, unreachable, unknown ..."},
                {"limit", 0, "N", "At most this many"},
                {"offset", 0, "N", "Skip this many first"}}),
          leaf("watch", "ID", "Follow it until it rests: exit code 0 when everything is done, else 1",
               bulk_watch)};
}

std::vector<Command> template_commands() {
  return {leaf("upload", "FILE as ID", "Create or replace a template from a file", template_upload)};
}

}  // namespace

std::vector<SpecialCommand> special_commands() {
  const std::pair<std::string_view, std::vector<Command> (*)()> tables[] = {
      {"bootenvs", boot_env_commands},
      {"bulks", bulk_commands},
      {"endpoints", endpoint_commands},
      {"jobs", job_commands},
      {"machines", machine_commands},
      {"pools", pool_commands},
      {"plugin_providers", provider_commands},
      {"rollouts", rollout_commands},
      {"subnets", subnet_commands},
      {"templates", template_commands},
      {"users", user_commands},
      {"version_sets", version_set_commands}};
  std::vector<SpecialCommand> all;
  for (const auto& [collection, table] : tables) {
    for (Command& command : table()) all.push_back({collection, std::move(command)});
  }
  return all;
}

}  // namespace mullion::cli
