// The groups of commands that are no collections.
#include "cli/commands/handlers.h"
#include "cli/commands/recovery.h"
#include "cli/tree/tree_parts.h"

namespace mullion::cli {
namespace {

Command certificates(const std::string& whose, const std::string& target) {
  return about(target, group("certs", "Certificate of " + whose,
                             {leaf("get", "", "Show it", system_get),
                              leaf("set", "CERTFILE KEYFILE", "Replace it; files in PEM", certificate_set)}));
}

Command blobs(const std::string& name) {
  Command download = leaf("download", "NAME [to] [FILE]",
                          "Download to a file or stdout; completes what was interrupted", blobs_download);
  download.aliases = {"show", "get"};
  Command made = about(
      name,
      group(name, "Upload, download and list " + name,
            {leaf("list", "[PATH]", "Names below a path", blobs_list, {{"recurse", 0, "", "All levels"}}),
             std::move(download),
             leaf("upload", "FILE [as] [NAME]", "Upload a file, stdin (-) or what is behind a URL",
                  blobs_upload, {{"explode", 0, "", "Unpack the archive there"}}),
             leaf("exists", "NAME", "Exit 0 when it exists, 1 when not", blobs_exists),
             leaf("static", "NAME", "Fetch it from the static file server", blobs_static),
             leaf("destroy", "NAME", "Delete", blobs_destroy)}));
  made.children.push_back(certificates("the static file server", "static/cert"));
  return made;
}

Command contents() {
  const FlagSpec directory = {"dir", 0, "DIR", "Directory instead of the present one"};
  const FlagSpec replace = {"replace-writable", 0, "", "Take over objects of the writable layer"};
  const FlagSpec seal = {"key", 0, "FILE", "Seal secure values with the key in FILE, made when it is absent"};
  const FlagSpec open = {"key", 0, "FILE", "Key that opens the secure values in the pack"};
  return about(
      "contents",
      group("contents", "Work with content packs",
            {leaf("list", "", "All layers", contents_list),
             leaf("show", "NAME", "One content pack", contents_show, {seal}),
             leaf("exists", "NAME", "Exit 0 when it is loaded, 1 when not", contents_exists),
             leaf("create", "PACK", "Load a content pack", contents_create, {replace, open}),
             leaf("update", "NAME PACK", "Replace a content pack", contents_update, {replace, open}),
             leaf("upload", "PACK", "Load or replace a content pack", contents_upload, {replace, open}),
             leaf("destroy", "NAME", "Remove a content pack", contents_destroy),
             leaf("bundle", "FILE [FIELD=VALUE]...", "Make a pack of a directory; fields go into its meta",
                  pack_bundle, {directory}),
             leaf("unbundle", "FILE", "Write a pack into a directory, one file an object", pack_unbundle,
                  {directory}),
             leaf("document", "FILE", "Print the documentation that is in a pack", pack_document_command),
             leaf("bundlize", "FILE [WORD]...",
                  "Make a pack of live objects: PREFIX:ID, PREFIX:INDEX=VALUE; FIELD=VALUE for its meta",
                  pack_bundlize,
                  {{"delete", 0, "", "Delete the objects once the pack is written"},
                   {"reload", 0, "", "Upload the pack, in place of the objects"}}),
             leaf("convert", "FILE", "Create the objects of a pack in the writable layer", pack_convert)}));
}

Command cluster() {
  Command cluster = group("ha", "High availability", {});
  for (const auto& [name, path] :
       std::initializer_list<std::pair<const char*, const char*>>{{"id", "id"},
                                                                  {"leader", "leader"},
                                                                  {"active", "active"},
                                                                  {"peers", "peers"},
                                                                  {"state", "state"},
                                                                  {"dump", "fullstate"}}) {
    cluster.children.push_back(about(std::string("system/consensus/") + path,
                                     leaf(name, "", std::string("Cluster: ") + name, system_get)));
  }
  for (Command& command : std::vector<Command>{
           leaf("introduction", "[FILE]", "What a server needs to join, kept in FILE", cluster_introduction),
           leaf("failOverSafe", "[TIME]", "Whether a stand-by could take over; waits 50ms to 5s",
                cluster_fail_over_safe),
           leaf("join", "FILE", "Let this server join the cluster of an introduction", cluster_join),
           leaf("enroll", "URL USERNAME PASSWORD [KEY VALUE]...",
                "Take another server into this cluster (PASSWORD - reads stdin)", cluster_enroll),
           leaf("change", "KEY VALUE [KEY VALUE]...",
                "Change the cluster's address (VirtAddr, LoadBalanced), and of this member how it goes there "
                "(VirtInterface, VirtInterfaceScript) or where it listens for the others (ConsensusAddr)",
                cluster_change),
           leaf("rekey", "ID", "Give a passive member another key, by id or address", cluster_rekey),
           leaf("remove", "ID", "Remove a passive member, by id or address", cluster_remove)}) {
    cluster.children.push_back(std::move(command));
  }
  return cluster;
}

/// What is done to the disks of stopped members.
Command cluster_offline() {
  return group(
      "cluster", "What is done to a cluster while its members are stopped",
      {leaf("recover", "",
            "Go on with one member when the majority is lost for good: shows what that loses, and asks",
            cluster_recover,
            {{"base-root", 0, "DIR", "Base root of the member that goes on (default: that of mullion serve)"},
             {"compare", 0, "DIR", "Base root of another member whose disk can be read; may be repeated"},
             {"yes", 0, "", "Do not ask"}})});
}

Command system_commands() {
  const auto posts = [](const char* name, const char* summary) {
    return about(std::string("system/") + name, leaf(name, "", summary, system_post));
  };
  return group(
      "system", "Work with the server itself",
      {about("system", leaf("actions", "", "Actions of the system", actions_list, action_flags())),
       about("system", leaf("action", "COMMAND", "One action", action_show, action_flags())),
       about("system", leaf("runaction", "COMMAND [PARAMETER]...", "Run an action with k v ... or JSON",
                            action_run, action_flags())),
       leaf("metrics", "[NAME]...", "What the server measures, or some of it, as the metrics port shows it",
            system_metrics),
       posts("backup", "Copy the database while the server runs"),
       leaf("compact", "[BASE-ROOT]",
            "Give space that the database of a stopped server does not use back to the disk", system_compact),
       about("system/active",
             leaf("active", "", "Become the active member", system_post,
                  {{"force", 0, "",
                    "of a cluster that is switched by hand: without the member that served; says what may be "
                    "missing"}})),
       posts("passive", "Become a passive member"),
       leaf("upgrade", "FILE|WORD [FILE]",
            "Replace the server's program with the one in a package; in two steps: `stage FILE`, then "
            "`start`, "
            "or `remove`; `status`",
            system_upgrade,
            {{"force", 0, "", "also for the same or an older version"},
             {"skip-offline", 0, "", "of a cluster: leave members out that are not there"},
             {"member", 0, "ID", "of a cluster: this member alone, by its ConsensusID"}}),
       about("system/upgrade",
             leaf("upgradestatus", "", "Whether an upgrade is under way, or how the last one ended",
                  system_get)),
       cluster(), certificates("the API", "system/cert"),
       absent("signurl", "asks a service of RackN to sign a URL, which Mullion does not use")});
}

/// Which items to copy, and how many at once.
std::vector<FlagSpec> copy_flags(std::initializer_list<FlagSpec> more) {
  std::vector<FlagSpec> flags{
      {"version", 0, "VERSION", "This version, or stable, of every item (default: stable)"},
      {"versions", 0, "A,B", "Several of them"},
      {"tip", 0, "", "The newest development builds"},
      {"all", 0, "", "Every version"},
      {"version-set", 0, "NAME", "What this version set of the server names"},
      {"concurrency", 0, "N", "Files at once, 1 to 20"}};
  flags.insert(flags.end(), more);
  return flags;
}

Command catalog() {
  const FlagSpec version = {"version", 0, "VERSION", "stable, tip, or a version"};
  return group(
      "catalog",
      "Catalogs (--catalog URL or RS_CATALOG, else that of the server): look, install, fill, build",
      {leaf("show", "", "All of it", catalog_show), leaf("items", "", "Its items", catalog_items),
       group("item", "One item",
             {leaf("show", "NAME", "An item, or the versions of a name", catalog_item_show, {version}),
              leaf("download", "NAME [to] [FILE]", "Download an item and check it", catalog_item_download,
                   {version}),
              leaf("install", "NAME", "Install an item and what it requires on the server",
                   catalog_item_install, {version})}),
       leaf("create", "", "Print a catalog with only the stable, or only the tip items", catalog_create,
            {{"pkg-version", 0, "WORD", "stable (default) or tip"}}),
       leaf("updateLocal", "", "Copy items that are new or changed to files/rebar-catalog of the server",
            catalog_update_local, copy_flags({})),
       leaf("copyLocal", "", "Copy items that are new or changed to a directory", catalog_copy_local,
            copy_flags({{"location", 0, "DIR", "Where they go"}})),
       leaf("build", "", "Build the server's catalog from its files/rebar-catalog", catalog_build),
       leaf("collect", "", "Delete versions that nobody needs from files/rebar-catalog of the server",
            catalog_collect, {{"dry-run", 0, "", "Only show what would go, and who needs the rest"}})});
}

const char* const kNetwork = "works on the network configuration of a machine; use drpcli there";

Command network() {
  return group("net", "Network configuration of machines (of drpcli only)",
               {absent("phys", kNetwork), absent("compile", kNetwork), absent("generate", kNetwork),
                absent("autogen", kNetwork)});
}

const char* const kAgent =
    "runs tasks on a machine; use the agent of drpcli, which works against this server";

Command agent() {
  return group("agent", "The agent of machines (of drpcli only)",
               {absent("install", kAgent), absent("remove", kAgent), absent("start", kAgent),
                absent("stop", kAgent), absent("restart", kAgent), absent("status", kAgent)});
}

Command bulk() {
  return group(
      "bulk", "One operation on many objects (see also: bulks)",
      {leaf("run", "TYPE [FILTER]...",
            "Do something to all objects that fit: shows what would change, asks, follows it to the end",
            bulk_run,
            {{"set", 0, "FIELD=VALUE", "Set a field; may be repeated"},
             {"patch", 0, "PATCH", "Apply a JSON patch (RFC 6902) to each"},
             {"param", 0, "NAME=VALUE", "Set a parameter; may be repeated"},
             {"remove-param", 0, "NAME", "Remove a parameter; may be repeated"},
             {"add-profile", 0, "NAME", "Add a profile; may be repeated"},
             {"remove-profile", 0, "NAME", "Remove a profile; may be repeated"},
             {"action", 0, "COMMAND", "Run an action of each"},
             {"argument", 0, "NAME=VALUE", "A parameter of the action; may be repeated"},
             {"delete", 0, "", "Delete them"},
             {"except", 0, "KEY", "Leave this one out; may be repeated"},
             {"id", 0, "NAME", "Name of the bulk"},
             {"concurrency", 0, "N", "Objects under way at once at each endpoint (default 8)"},
             {"stop-after", 0, "N", "Stop after so many failures"},
             {"first", 0, "N", "Ask after so many"},
             {"dry-run", 0, "", "Only show what would change"},
             {"yes", 0, "", "Do not ask before it begins"}})});
}

Command completion() {
  return leaf("completion", "SHELL", "Completion script for bash, zsh or fish", print_completion);
}

}  // namespace

std::vector<Command> other_groups() {
  return {
      about("prefs", group("prefs", "Preferences of the server",
                           {leaf("list", "", "All preferences", prefs_list),
                            leaf("set", "NAME|JSON [VALUE]...", "Set preferences", prefs_set)})),
      group("info", "What the server is",
            {leaf("get", "", "Everything it tells", info_get),
             leaf("status", "", "Which of its services answer", info_status),
             leaf("check", "", "Exit 0 when it answers", info_check)}),
      group("events", "Events of the server",
            {leaf("watch", "[TYPE.ACTION.KEY]", "Print events as they happen", events_watch),
             leaf("post", "JSON", "Publish an event", events_post)}),
      group("logs", "Log of the server",
            {leaf("get", "", "The newest lines", logs_get),
             leaf("watch", "", "Lines as they happen", logs_watch)}),
      group("objects", "Collections of the server", {leaf("list", "", "Their names", objects_list)}),
      bulk(),
      contents(),
      blobs("files"),
      blobs("isos"),
      system_commands(),
      cluster_offline(),
      catalog(),
      network(),
      agent(),
      group("certs", "Certificates",
            {leaf("csr", "ROOT NAME [HOST]...", "Make ROOT.key and a request for a certificate, ROOT.csr",
                  certificate_request)}),
      group("support", "Data for finding mistakes",
            {leaf("machine-bundle", "ID", "A machine, its jobs of the last day, and the log, in one file",
                  support_machine),
             leaf("bundle", "", "What the server is, has and does, without secrets, and the log, in one file",
                  support_server)}),
      leaf("debug", "TYPE FILE", "Measurements of the server into a file (- is stdout)", debug_download,
           {{"seconds", 0, "N", "Measure this long"}, {"prefix", 0, "PREFIX", "Collection, for TYPE index"}}),
      leaf("proxy", "SOCKET", "Serve a Unix socket that leads to the server (RS_LOCAL_PROXY)", serve_proxy),
      leaf("trust", "URL [FINGERPRINT]",
           "Accept the certificate of a server: the one named, or the one that it shows now", trust_server),
      leaf("fingerprint", "", "What identifies this computer", show_fingerprint),
      absent("gohai", "takes stock of a machine's hardware; use drpcli there"),
      leaf("version", "", "Version of this program", show_version),
      completion(),
      leaf("autocomplete", "[FILE]", "Completion script for bash into a file", write_completion),
      leaf("__complete", "[WORD]...", "Candidates for the last word", complete_words),
      leaf("__reference", "DIRECTORY", "Write the reference pages of all commands", write_reference),
  };
}

}  // namespace mullion::cli
