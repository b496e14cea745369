// The functions behind the commands, by the file that holds them. Each reads an Invocation, talks to the
// server, prints what came of it.
#pragma once

#include <string>

#include "cli/command.h"

namespace mullion::cli {

// commands_objects.cc: every collection
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

// commands_parts.cc: meta, parameters, actions, lists inside objects
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

// commands_system.cc
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
Result<void> system_get(Invocation& call);   // GET of the path in Command::subject
Result<void> system_post(Invocation& call);  // POST of nothing to it
Result<void> user_password(Invocation& call);
Result<void> user_token(Invocation& call);
Result<void> show_version(Invocation& call);
Result<void> print_completion(Invocation& call);
Result<void> complete_words(Invocation& call);
Result<void> misplaced_serve(Invocation& call);

// commands_transfer.cc
Result<void> contents_list(Invocation& call);
Result<void> contents_show(Invocation& call);
Result<void> contents_create(Invocation& call);
Result<void> contents_update(Invocation& call);
Result<void> contents_upload(Invocation& call);
Result<void> contents_destroy(Invocation& call);
Result<void> contents_exists(Invocation& call);
Result<void> blobs_list(Invocation& call);
Result<void> blobs_download(Invocation& call);
Result<void> blobs_upload(Invocation& call);
Result<void> blobs_destroy(Invocation& call);
Result<void> blobs_exists(Invocation& call);

// commands_endpoints.cc
Result<void> endpoint_add(Invocation& call);  // also param_add, which the command shares its name with
Result<void> endpoint_tree(Invocation& call);

// helpers shared by them
/// Prints the value and, with --exit-early, fails when it carries Errors.
Result<void> print_result(Invocation& call, const json::value& value);
/// Prints an answer that is no object of a collection.
Result<void> print_answer(Invocation& call, const Result<json::value>& answer);
/// GET of the object that the first argument names.
Result<json::value> read_object(Invocation& call);
/// PATCH of the object that the first argument names; prints the answer. An empty patch is sent too.
Result<void> send_patch(Invocation& call, const json::array& patch, bool force_allowed);
/// Fails with a usage error unless argument `index` is `word`: the small words of `set ID param K to V`.
Result<void> expect_word(const Invocation& call, size_t index, std::string_view word);
/// Value of a flag as a query item, when given.
void add_flag(const Invocation& call, std::string_view flag,
              std::vector<std::pair<std::string, std::string>>& query);

}  // namespace mullion::cli
