// The functions behind the commands, by the file that holds them. Each reads an Invocation, talks to the
// server, prints what came of it.
#pragma once

#include <string>

#include "cli/tree/command.h"

namespace mullion::cli {

// objects.cc: every collection
Result<void> list_objects(Invocation& call);
Result<void> count_objects(Invocation& call);
Result<void> list_indexes(Invocation& call);
Result<void> show_object(Invocation& call);
Result<void> object_exists(Invocation& call);
Result<void> object_etag(Invocation& call);
Result<void> create_object(Invocation& call);
Result<void> update_object(Invocation& call);
Result<void> patch_object(Invocation& call);
Result<void> destroy_object(Invocation& call);
Result<void> wait_for_object(Invocation& call);

// parts.cc: meta, parameters, actions, lists inside objects
Result<void> meta_show(Invocation& call);
Result<void> meta_get(Invocation& call);
Result<void> meta_add(Invocation& call);
Result<void> meta_set(Invocation& call);
Result<void> meta_remove(Invocation& call);
Result<void> params_show(Invocation& call);
Result<void> param_get(Invocation& call);
Result<void> param_set(Invocation& call);
Result<void> param_add(Invocation& call);
Result<void> param_remove(Invocation& call);
Result<void> actions_list(Invocation& call);
Result<void> action_show(Invocation& call);
Result<void> action_run(Invocation& call);
Result<void> add_profile(Invocation& call);
Result<void> remove_profile(Invocation& call);
Result<void> add_task(Invocation& call);
Result<void> insert_task(Invocation& call);
Result<void> remove_task(Invocation& call);
Result<void> set_field(Invocation& call);  // bootenv, workflow, stage, run, pause
Result<void> machine_token(Invocation& call);

// system.cc
Result<void> prefs_list(Invocation& call);
Result<void> prefs_set(Invocation& call);
Result<void> info_get(Invocation& call);
Result<void> info_check(Invocation& call);
Result<void> info_status(Invocation& call);
Result<void> events_post(Invocation& call);
Result<void> events_watch(Invocation& call);
Result<void> logs_get(Invocation& call);
Result<void> logs_watch(Invocation& call);
Result<void> objects_list(Invocation& call);
Result<void> system_metrics(Invocation& call);
Result<void> system_get(Invocation& call);   // GET of the path in Command::subject
Result<void> system_post(Invocation& call);  // POST of nothing to it
Result<void> user_password(Invocation& call);
Result<void> user_token(Invocation& call);
Result<void> show_version(Invocation& call);
Result<void> print_completion(Invocation& call);
Result<void> write_completion(Invocation& call);
Result<void> complete_words(Invocation& call);
Result<void> serve_proxy(Invocation& call);
Result<void> misplaced_serve(Invocation& call);

// contents.cc
Result<void> contents_list(Invocation& call);
Result<void> contents_show(Invocation& call);
Result<void> contents_create(Invocation& call);
Result<void> contents_update(Invocation& call);
Result<void> contents_upload(Invocation& call);
Result<void> contents_destroy(Invocation& call);
Result<void> contents_exists(Invocation& call);

// packs.cc
Result<void> pack_bundle(Invocation& call);
Result<void> pack_unbundle(Invocation& call);
Result<void> pack_document_command(Invocation& call);
Result<void> pack_bundlize(Invocation& call);
Result<void> pack_convert(Invocation& call);

// blobs.cc
Result<void> blobs_list(Invocation& call);
Result<void> blobs_download(Invocation& call);
Result<void> blobs_upload(Invocation& call);
Result<void> blobs_destroy(Invocation& call);
Result<void> blobs_exists(Invocation& call);
Result<void> blobs_static(Invocation& call);
Result<void> certificate_set(Invocation& call);
Result<void> provider_upload(Invocation& call);
Result<void> provider_download(Invocation& call);
Result<void> system_upgrade(Invocation& call);
Result<void> debug_download(Invocation& call);

// jobs.cc
Result<void> job_create(Invocation& call);
Result<void> job_purge(Invocation& call);
Result<void> job_actions(Invocation& call);
Result<void> job_log(Invocation& call);
Result<void> machine_job_create(Invocation& call);
Result<void> machine_job_current(Invocation& call);
Result<void> machine_job_state(Invocation& call);
Result<void> machine_current_log(Invocation& call);
Result<void> machine_delete_jobs(Invocation& call);
Result<void> inspect_tasks(Invocation& call);
Result<void> inspect_jobs(Invocation& call);
Result<void> support_machine(Invocation& call);
Result<void> support_server(Invocation& call);

// machines.cc
Result<void> tasks_add(Invocation& call);
Result<void> tasks_delete(Invocation& call);
Result<void> machine_release(Invocation& call);
Result<void> machine_whoami(Invocation& call);
Result<void> show_fingerprint(Invocation& call);

// pools.cc
Result<void> pools_active(Invocation& call);
Result<void> pool_status(Invocation& call);
Result<void> pool_manage(Invocation& call);

// subnets.cc
Result<void> subnet_range(Invocation& call);
Result<void> subnet_network(Invocation& call);
Result<void> subnet_strategy(Invocation& call);
Result<void> subnet_pickers(Invocation& call);
Result<void> subnet_next_server(Invocation& call);
Result<void> subnet_lease_times(Invocation& call);
Result<void> subnet_set(Invocation& call);
Result<void> subnet_get(Invocation& call);
Result<void> subnet_allocate(Invocation& call);
Result<void> subnet_release(Invocation& call);

// boot.cc
Result<void> boot_env_install(Invocation& call);
Result<void> boot_env_upload_iso(Invocation& call);
Result<void> boot_env_purge(Invocation& call);
Result<void> customized_upload_iso(Invocation& call);
Result<void> template_upload(Invocation& call);

// catalog.cc
Result<void> catalog_show(Invocation& call);
Result<void> catalog_items(Invocation& call);
Result<void> catalog_item_show(Invocation& call);
Result<void> catalog_item_download(Invocation& call);
Result<void> catalog_item_install(Invocation& call);
Result<void> catalog_create(Invocation& call);

// local_catalog.cc
Result<void> catalog_build(Invocation& call);
Result<void> catalog_collect(Invocation& call);
Result<void> catalog_update_local(Invocation& call);
Result<void> catalog_copy_local(Invocation& call);

// trust.cc
Result<void> trust_server(Invocation& call);

// cluster.cc
Result<void> cluster_introduction(Invocation& call);
Result<void> cluster_fail_over_safe(Invocation& call);
Result<void> cluster_join(Invocation& call);
Result<void> cluster_enroll(Invocation& call);
Result<void> cluster_change(Invocation& call);
Result<void> cluster_rekey(Invocation& call);
Result<void> cluster_remove(Invocation& call);

// local.cc: no server is asked
Result<void> password_hash(Invocation& call);
Result<void> certificate_request(Invocation& call);
Result<void> system_compact(Invocation& call);
Result<void> write_reference(Invocation& call);
/// Says why a command of drpcli is not here: its summary is kNotHere and what it would do.
inline constexpr std::string_view kNotHere = "Not here: it ";
Result<void> not_served(Invocation& call);

// endpoints.cc
Result<void> endpoint_add(Invocation& call);  // also param_add, which the command shares its name with
Result<void> endpoint_tree(Invocation& call);

// grant.cc
Result<void> endpoint_grant(Invocation& call);
Result<void> endpoint_accept(Invocation& call);
Result<void> endpoint_plan(Invocation& call);

// version_sets.cc
Result<void> version_set_baseline(Invocation& call);
Result<void> version_set_apply(Invocation& call);

// rollouts.cc
Result<void> rollout_command(Invocation& call);  // the action that the command is called like
Result<void> rollout_dry_run(Invocation& call);
Result<void> rollout_watch(Invocation& call);

// bulk.cc
Result<void> bulk_run(Invocation& call);
Result<void> bulk_command(Invocation& call);  // the action that the command is called like
Result<void> bulk_watch(Invocation& call);
Result<void> bulk_items(Invocation& call);
Result<void> endpoint_plans(Invocation& call);

// helpers shared by them
/// Prints the value and, with --exit-early, fails when it carries Errors.
Result<void> print_result(Invocation& call, const json::value& value);
/// Prints an answer that is no object of a collection.
Result<void> print_answer(Invocation& call, const Result<json::value>& answer);
/// GET of the object that the first argument names.
Result<json::value> read_object(Invocation& call);
/// PATCH of the object that the first argument names; prints the answer. An empty patch is sent too.
Result<void> send_patch(Invocation& call, const json::array& patch, bool force_allowed);
/// Folds changes into the object that the first argument names, tested against --ref or against what is
/// there.
Result<void> send_changes(Invocation& call, const json::value& changes);
/// A content pack from whatever the argument stands for; it has a name.
Result<json::value> read_pack(Invocation& call, const std::string& argument);
/// PUT when the server has a pack of this name, else POST.
Result<json::value> upload_pack(Invocation& call, const json::value& pack, bool replace_writable);
/// "http://HOST:PORT" of the static file server beside the API. kUnavailable when there is none.
Result<std::string> static_origin(Invocation& call);
/// A usage error unless the text is a whole number.
Result<uint64_t> number_argument(const std::string& text);
/// Value of a flag as a query item, when given.
void add_flag(const Invocation& call, std::string_view flag,
              std::vector<std::pair<std::string, std::string>>& query);

}  // namespace mullion::cli
