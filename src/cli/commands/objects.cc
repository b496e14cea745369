// list, show, create, update, patch, destroy, exists, etag, count, wait, indexes: the same for every
// collection.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <chrono>
#include <ostream>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "cli/tree/filters.h"
#include "client/api.h"
#include "model/object.h"
#include "settings/settings.h"

namespace mullion::cli {
namespace {

/// A table of the usual columns needs neither Meta nor Params, which are most of what a list weighs.
bool may_be_slim(const Invocation& call) {
  const bool tabular = call.options.format == Format::kTable || call.options.format == Format::kText;
  const bool asks_for_more = call.flags.has("slim") || call.flags.has("params") || call.flags.has("fields") ||
                             call.flags.has("decode");
  return tabular && !asks_for_more && call.options.print_fields.empty() && call.type != nullptr &&
         call.type->traits.meta_api && !default_columns(call.subject).empty();
}

Result<QueryItems> list_query(const Invocation& call) {
  Result<QueryItems> items = parse_filters(call.arguments);
  if (!items) return items;
  for (const std::string_view flag : {"limit", "offset"}) {
    if (call.flags.has(flag) && call.flags.get(flag) != "-1") items->emplace_back(flag, call.flags.get(flag));
  }
  for (const std::string_view flag : {"slim", "params", "fields", "search", "sort"})
    add_flag(call, flag, *items);
  for (const std::string_view flag : {"reverse", "decode"}) {
    if (call.flags.on(flag)) items->emplace_back(flag, "true");
  }
  if (may_be_slim(call)) items->emplace_back("slim", "Meta,Params");
  return items;
}

/// Tells people at a table how old what they see is; scripts read the headers themselves.
void note_staleness(Invocation& call, const net::Headers& headers) {
  if (call.options.format != Format::kTable || call.options.no_header) return;
  const auto stale = headers.get("X-Mullion-Stale");
  if (stale) call.terminal.err << "not in touch, shown as last known: " << escaped(*stale) << "\n";
}

/// Headers of a long poll, when --wait is given. Without --etag the object's present state is the base;
/// --etag alone asks whether it is another one by now.
Result<void> add_long_poll(Invocation& call, Call& request) {
  std::string etag = call.flags.get("etag");
  if (!call.flags.has("wait")) {
    if (!etag.empty()) request.headers.emplace_back("If-None-Match", etag);
    return {};
  }
  if (etag.empty()) {
    Result<net::TextResponse> head = call.session.send({client::head_object(call.subject, call.argument(0))});
    if (!head) return head.error();
    etag = head->headers.get("ETag").value_or("");
  }
  uint64_t seconds = 0;
  if (!settings::parse_seconds(call.flags.get("wait"), seconds)) {
    return usage_error("--wait needs a time such as 30s or 5m, not `" + call.flags.get("wait") + "`");
  }
  request.headers.emplace_back("If-None-Match", etag);
  request.wait = std::chrono::seconds(seconds);
  return {};
}

/// Sends a request that may be a long poll, through restarts of the server until its time is over.
Result<net::TextResponse> send_long_poll(Invocation& call, const Call& request) {
  if (request.wait.count() == 0) return call.session.send(request);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto end = now() + request.wait;
  Reconnection connection(call.terminal, call.session.url());
  while (true) {
    Call next = request;
    const auto left = std::max(std::chrono::ceil<std::chrono::seconds>(end - now()), std::chrono::seconds(0));
    next.wait = left;
    next.headers.emplace_back("Prefer", fmt::format("wait={}", left.count()));
    Result<net::TextResponse> answer = call.session.send(std::move(next));
    if (answer) connection.found();
    const bool lost = !answer && may_come_back(answer.error());
    if (!lost || left.count() == 0) return answer;
    std::this_thread::sleep_for(std::min<env::Duration>(connection.lost(answer.error()), left));
  }
}

Error does_not_exist(const Invocation& call) {
  return Error(ErrorCode::kNotFound, fmt::format("{}:{} does not exist", call.subject, call.argument(0)));
}

/// HEAD answers carry no body: the words come in a header, and are made here when a server sends none.
Error head_error(const Invocation& call, const Error& error) {
  if (error.status_override == 404) return does_not_exist(call);
  if (error.status_override == 0 || error.type != client::kClientError) return error;
  return Error(ErrorCode::kInternal,
               fmt::format("{} {}: HTTP status {}", call.command.name, call.subject, error.status_override));
}

Result<json::value> creation_body(Invocation& call) {
  Result<json::value> document = read_object_of(call, call.argument(0), call.type);
  if (document && document->is_object()) {
    if (call.flags.has("ldata")) document->get_object()["Type"] = call.subject;
    return document;
  }
  const bool nameable = call.type != nullptr && call.type->traits.name_settable;
  if (document && !nameable) {
    return Error(ErrorCode::kBadRequest, fmt::format("Unable to create a new {} by name", call.subject));
  }
  if (!document) return document;
  if (document->is_array()) return Error(ErrorCode::kBadRequest, "expected one object, got a list");
  json::object named;
  const bool by_name = call.type->find_field("Name") != nullptr;
  named[by_name ? std::string_view("Name") : call.type->key_field] = call.argument(0);
  return json::value(std::move(named));
}

}  // namespace

void add_flag(const Invocation& call, std::string_view flag,
              std::vector<std::pair<std::string, std::string>>& query) {
  if (call.flags.has(flag)) query.emplace_back(flag, call.flags.get(flag));
}

Result<void> print_result(Invocation& call, const json::value& value) {
  print_value(call.terminal, call.options, call.subject, value);
  const json::object* object = value.if_object();
  const json::value* errors = object == nullptr ? nullptr : object->if_contains("Errors");
  const bool has_errors = errors != nullptr && errors->is_array() && !errors->get_array().empty();
  if (!call.options.exit_early || !has_errors) return {};
  return Error(ErrorCode::kInvalid, "the object has Errors: " + cell_text(*errors));
}

Result<void> print_answer(Invocation& call, const Result<json::value>& answer) {
  if (!answer) return answer.error();
  print_value(call.terminal, call.options, "", *answer);
  return {};
}

Result<json::value> read_object(Invocation& call) {
  return call.session.get(client::get_object(call.subject, call.argument(0)));
}

Result<void> send_patch(Invocation& call, const json::array& patch, bool force_allowed) {
  client::Request request = client::patch_object(call.subject, call.argument(0));
  if (force_allowed && call.options.force) request = request.with("force", "true");
  Result<json::value> changed = call.session.send_value(request, json::value(patch));
  if (!changed) return changed.error();
  return print_result(call, *changed);
}

Result<void> send_changes(Invocation& call, const json::value& changes) {
  const bool guarded = !call.options.reference.empty();
  Result<json::value> before =
      guarded ? read_object_of(call, call.options.reference, call.type) : read_object(call);
  if (!before) return before.error();
  const json::value after = merge(*before, changes);
  return send_patch(call, guarded ? make_paranoid_patch(*before, after) : make_patch(*before, after), true);
}

Result<void> list_objects(Invocation& call) {
  Result<QueryItems> query = list_query(call);
  if (!query) return query.error();
  Result<net::TextResponse> answer = call.session.send({client::get_collection(call.subject).with(*query)});
  if (!answer) return answer.error();
  Result<json::value> objects = parse_json(answer->body);
  if (!objects) return objects.error();
  print_value(call.terminal, call.options, call.subject, *objects);
  note_staleness(call, answer->headers);
  return {};
}

namespace {

Result<void> count_by_value(Invocation& call, QueryItems query) {
  query.emplace_back("group-by", call.flags.get("by"));
  return print_answer(call, call.session.get(client::get_collection(call.subject).with(query)));
}

}  // namespace

Result<void> count_objects(Invocation& call) {
  Result<QueryItems> query = list_query(call);
  if (!query) return query.error();
  if (call.flags.has("by")) return count_by_value(call, std::move(*query));
  Result<net::TextResponse> answer = call.session.send({client::head_collection(call.subject).with(*query)});
  if (!answer) return head_error(call, answer.error());
  const auto count = answer->headers.get("X-DRP-LIST-FILTER-COUNT");
  if (!count) return Error(ErrorCode::kInternal, "the server did not say how many there are");
  call.terminal.out << escaped(*count) << "\n";
  return {};
}

Result<void> list_indexes(Invocation& call) {
  Result<json::value> indexes = call.session.get(client::get_indexes(call.subject));
  if (!indexes) return indexes.error();
  return print_result(call, *indexes);
}

Result<void> show_object(Invocation& call) {
  QueryItems query;
  for (const std::string_view flag : {"slim", "params", "fields"}) add_flag(call, flag, query);
  for (const std::string_view flag : {"decode", "aggregate"}) {
    if (call.flags.on(flag)) query.emplace_back(flag, "true");
  }
  Call request{client::get_object(call.subject, call.argument(0)).with(query)};
  Result<void> prepared = add_long_poll(call, request);
  if (!prepared) return prepared;
  Result<net::TextResponse> answer = send_long_poll(call, request);
  if (!answer) return answer.error();
  if (answer->status == 304) {
    call.terminal.out << "Timeout: no change\n";
    return {};
  }
  Result<json::value> object = parse_json(answer->body);
  if (!object) return object.error();
  note_staleness(call, answer->headers);
  return print_result(call, *object);
}

Result<void> object_exists(Invocation& call) {
  Call request{client::head_object(call.subject, call.argument(0))};
  Result<void> prepared = add_long_poll(call, request);
  if (!prepared) return head_error(call, prepared.error());
  Result<net::TextResponse> answer = send_long_poll(call, request);
  if (!answer) return head_error(call, answer.error());
  if (answer->status == 304) call.terminal.out << "Timeout: no change\n";
  return {};
}

Result<void> object_etag(Invocation& call) {
  Result<net::TextResponse> answer = call.session.send({client::head_object(call.subject, call.argument(0))});
  if (!answer) return head_error(call, answer.error());
  call.terminal.out << escaped(answer->headers.get("ETag").value_or("")) << "\n";
  return {};
}

Result<void> create_object(Invocation& call) {
  Result<json::value> body = creation_body(call);
  if (!body) return body.error();
  client::Request request = client::post_collection(call.subject);
  if (call.options.force) request = request.with("force", "true");
  Result<json::value> created = call.session.send_value(request, *body);
  if (!created) return created.error();
  return print_result(call, *created);
}

Result<void> update_object(Invocation& call) {
  Result<json::value> changes = read_object_of(call, call.argument(1), call.type, yaml::Nulls::kKeep);
  if (!changes) return changes.error();
  if (!changes->is_object()) return Error(ErrorCode::kBadRequest, "the changes must be an object");
  return send_changes(call, *changes);
}

Result<void> patch_object(Invocation& call) {
  Result<json::value> patch = read_document(call, call.argument(1));
  if (!patch) return patch.error();
  if (!patch->is_array()) return Error(ErrorCode::kBadRequest, "a patch is a list of operations (RFC 6902)");
  return send_patch(call, patch->get_array(), true);
}

Result<void> destroy_object(Invocation& call) {
  Result<json::value> gone = call.session.send_json({client::delete_object(call.subject, call.argument(0))});
  if (!gone) return gone.error();
  const std::string_view noun = call.type != nullptr ? call.type->prefix : std::string_view(call.subject);
  std::string word(noun);
  if (word.ends_with('s')) word.pop_back();
  call.terminal.out << "Deleted " << word << " " << call.argument(0) << "\n";
  return {};
}

Result<void> wait_for_object(Invocation& call) {
  uint64_t seconds = 24 * 3600;
  if (call.arguments.size() > 3 && !settings::parse_seconds(call.argument(3), seconds)) {
    return usage_error("expected a number of seconds instead of `" + call.argument(3) + "`");
  }
  Result<json::value> first = read_object(call);
  if (!first) return first.error();
  const json::value wanted = scalar_argument(call.argument(2));
  const auto fits = [&](const json::value& object) {
    const json::value* found =
        object.is_object() ? object.get_object().if_contains(call.argument(1)) : nullptr;
    return found != nullptr && (*found == wanted || cell_text(*found) == call.argument(2));
  };
  std::string key = call.argument(0);
  if (call.type != nullptr && first->is_object()) {
    const json::value* shown = first->get_object().if_contains(call.type->key_field);
    if (shown != nullptr && shown->is_string()) key = shown->get_string();
  }
  const auto not_yet = [&]() -> Result<bool> {
    Result<json::value> now = read_object(call);
    if (!now) return now.error();
    return !fits(*now);
  };
  const auto on_event = [&](const json::value&) { return not_yet(); };
  Result<Session::WatchEnd> end = call.session.watch(
      {fmt::format("{}.update.{}", call.subject, key), fmt::format("{}.save.{}", call.subject, key)},
      std::chrono::seconds(seconds), not_yet, on_event);
  static constexpr std::string_view kWords[] = {"complete", "timeout", "interrupt"};
  // Scripts look at the word: there is one however the wait ends.
  if (!end) call.terminal.out << kWords[2] << "\n";
  if (!end) return end.error();
  call.terminal.out << kWords[static_cast<size_t>(*end)] << "\n";
  return {};
}

}  // namespace mullion::cli
