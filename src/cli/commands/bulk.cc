// One operation on many objects, and what version sets would do to many endpoints.
#include <fmt/format.h>

#include <istream>
#include <ostream>
#include <thread>

#include "base/text.h"
#include "cli/commands/confirmation.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/bulk_view.h"
#include "cli/output/escaping_stream.h"
#include "cli/output/output.h"
#include "cli/tree/filters.h"
#include "env/random.h"
#include "net/target.h"

namespace mullion::cli {
namespace {

constexpr auto kBulkLook = std::chrono::seconds(1);
constexpr size_t kIdLength = 8;  // of the random part of a bulk's name

bool as_data(const Invocation& call) {
  return call.options.format_given &&
         (call.options.format == Format::kJson || call.options.format == Format::kYaml);
}

/// "NAME=VALUE" of a flag that may be given several times.
Result<json::object> pairs_of(const Invocation& call, std::string_view flag) {
  json::object out;
  for (const std::string& text : call.flags.all(flag)) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      return usage_error(fmt::format("--{} wants NAME=VALUE, not `{}`", flag, text));
    out[text.substr(0, equals)] = scalar_argument(std::string_view(text).substr(equals + 1));
  }
  return out;
}

json::array list_of_flag(const Invocation& call, std::string_view flag) {
  const std::vector<std::string> all = call.flags.all(flag);
  return json::array(all.begin(), all.end());
}

/// A flag that says what is done: the kind of operation, the member it fills, and how.
struct WhatFlag {
  std::string_view flag, kind, member;
  enum class Shape { kPairs, kList, kDocument, kWord, kNothing } shape;
};
constexpr WhatFlag kWhatFlags[] = {
    {"patch", "patch", "Patch", WhatFlag::Shape::kDocument},
    {"set", "set", "Fields", WhatFlag::Shape::kPairs},
    {"param", "set-params", "Params", WhatFlag::Shape::kPairs},
    {"remove-param", "remove-params", "Names", WhatFlag::Shape::kList},
    {"add-profile", "add-profiles", "Names", WhatFlag::Shape::kList},
    {"remove-profile", "remove-profiles", "Names", WhatFlag::Shape::kList},
    {"action", "action", "Action", WhatFlag::Shape::kWord},
    {"delete", "delete", "", WhatFlag::Shape::kNothing},
};

Result<json::value> operand_of(Invocation& call, const WhatFlag& flag) {
  switch (flag.shape) {
    case WhatFlag::Shape::kPairs: {
      Result<json::object> pairs = pairs_of(call, flag.flag);
      if (!pairs) return pairs.error();
      return json::value(std::move(*pairs));
    }
    case WhatFlag::Shape::kList:
      return json::value(list_of_flag(call, flag.flag));
    case WhatFlag::Shape::kDocument:
      return read_document(call, call.flags.get(flag.flag));
    default:
      return json::value(call.flags.get(flag.flag));
  }
}

Result<json::object> operation_of(Invocation& call) {
  json::object what;
  for (const WhatFlag& flag : kWhatFlags) {
    if (!call.flags.has(flag.flag)) continue;
    if (what.contains("Kind"))
      return usage_error("one of --patch, --set, --action ... says what is done, not two");
    what["Kind"] = flag.kind;
    if (flag.member.empty()) continue;
    Result<json::value> value = operand_of(call, flag);
    if (!value) return value.error();
    what[flag.member] = std::move(*value);
  }
  if (!what.contains("Kind"))
    return usage_error("what is to be done? --patch, --set, --param, --action, --delete ...");
  Result<json::object> arguments = pairs_of(call, "argument");
  if (!arguments) return arguments.error();
  if (!arguments->empty()) what["Arguments"] = std::move(*arguments);
  if (call.options.force) what["Force"] = true;
  return what;
}

std::string query_of_words(const QueryItems& items) {
  const std::string text = net::encode_query(items);
  return text.starts_with('?') ? text.substr(1) : text;
}

Result<json::object> bulk_of(Invocation& call) {
  Result<json::object> what = operation_of(call);
  if (!what) return what.error();
  const std::vector<std::string> words(call.arguments.begin() + 1, call.arguments.end());
  Result<QueryItems> items = parse_filters(words);
  if (!items) return items.error();
  json::object selection{{"Type", call.argument(0)}, {"Filter", query_of_words(*items)}};
  if (call.flags.has("except")) selection["Except"] = list_of_flag(call, "except");
  json::object bulk;
  const std::string id = call.flags.get("id");
  bulk["Id"] = id.empty() ? "bulk-" + env::random_uuid().substr(0, kIdLength) : id;
  bulk["What"] = std::move(*what);
  bulk["Selection"] = std::move(selection);
  for (const auto& [flag, member] : {std::pair("concurrency", "Concurrency"),
                                     std::pair("stop-after", "StopAfter"), std::pair("first", "First")}) {
    if (!call.flags.has(flag)) continue;
    Result<uint64_t> number = number_argument(call.flags.get(flag));
    if (!number) return number.error();
    bulk[member] = *number;
  }
  return bulk;
}

Result<json::value> steer(Invocation& call, const std::string& id, const std::string& command) {
  return call.session.send_value(client::post_object_actions("bulks", id, command), json::object());
}

Result<void> bulk_outcome(const Invocation& call, const json::value& bulk) {
  if (text_member(bulk, "State") == "done") return {};
  const std::string id = text_member(bulk, "Id");
  std::string text = bulk_line(bulk);
  if (text_member(bulk, "State") == "asking")
    text += fmt::format("; go on with `{} bulks continue {}`", call.terminal.program, id);
  return Error(ErrorCode::kConflict, "", "bulks", id, {std::move(text)});
}

/// Shows it until it rests; answers how it is then.
Result<json::value> follow(Invocation& call, const std::string& id) {
  const client::Request look = client::get_object("bulks", id);
  Reconnection connection(call.terminal, call.session.url());
  Result<json::value> bulk = call.session.get(look);
  if (!bulk) return bulk;
  std::string last;
  while (true) {
    if (bulk) {
      connection.found();
      const std::string line = bulk_line(*bulk);
      if (line != last && !as_data(call)) call.terminal.out << line << std::endl;
      last = line;
      if (bulk_rests(*bulk)) return bulk;
    } else if (!may_come_back(bulk.error())) {
      return bulk;
    }
    std::this_thread::sleep_for(bulk ? env::Duration(kBulkLook) : connection.lost(bulk.error()));
    bulk = call.session.get(look);
  }
}

/// Follows it, and passes its question on to whoever sits there.
Result<void> follow_to_the_end(Invocation& call, const std::string& id) {
  while (true) {
    Result<json::value> bulk = follow(call, id);
    if (!bulk) return bulk.error();
    const bool asks = text_member(*bulk, "State") == "asking";
    if (asks && confirmed(call, "Go on with all of them? Type yes: ", "yes")) {
      Result<json::value> told = steer(call, id, "continue");
      if (!told) return told.error();
      continue;
    }
    if (as_data(call)) print_value(call.terminal, call.options, "bulks", *bulk);
    return bulk_outcome(call, *bulk);
  }
}

void print_shown(Invocation& call, const json::value& value, const std::string& text) {
  if (as_data(call)) {
    print_value(call.terminal, call.options, "", value);
  } else {
    call.terminal.out << text;
  }
}

}  // namespace

bool confirmed(Invocation& call, const std::string& question, const std::string& wanted) {
  if (!call.terminal.err_is_terminal) return false;
  call.terminal.err << question << std::flush;
  std::string line;
  return std::getline(call.terminal.in, line) && line == wanted;
}

Result<void> bulk_run(Invocation& call) {
  Result<json::object> bulk = bulk_of(call);
  if (!bulk) return bulk.error();
  const std::string id((*bulk)["Id"].as_string());
  Result<json::value> created =
      call.session.send_value(client::post_collection("bulks"), json::value(std::move(*bulk)));
  if (!created) return created.error();
  Result<json::value> preview = steer(call, id, "preview");
  const bool dry = call.flags.on("dry-run");
  if (!preview || dry) {
    // It has done nothing, and nobody asked for one that stays.
    Result<net::TextResponse> removed = call.session.send({client::delete_object("bulks", id)});
    if (!preview) return preview.error();
    if (!removed) return removed.error();
    print_shown(call, *preview, bulk_preview_text(*preview));
    return {};
  }
  if (!call.flags.on("yes")) {
    const json::value* number = member(*preview, "Count");
    const std::string count = number == nullptr ? "" : pretty_json(*number);
    call.terminal.err << bulk_preview_text(*preview);
    if (!confirmed(call, fmt::format("Type {} to go on: ", count), count))
      return Error(
          ErrorCode::kConflict, "", "bulks", id,
          {fmt::format(
              "not confirmed, nothing was changed; `{} bulks start {}` begins it, --yes asks nothing",
              call.terminal.program, id)});
  }
  Result<json::value> started = steer(call, id, "start");
  if (!started) return started.error();
  return follow_to_the_end(call, id);
}

Result<void> bulk_command(Invocation& call) {
  Result<json::value> answer = steer(call, call.argument(0), call.command.name);
  if (!answer) return answer.error();
  if (call.command.name != "preview") return print_result(call, *answer);
  print_shown(call, *answer, bulk_preview_text(*answer));
  return {};
}

Result<void> bulk_watch(Invocation& call) { return follow_to_the_end(call, call.argument(0)); }

Result<void> bulk_items(Invocation& call) {
  std::vector<std::pair<std::string, std::string>> query;
  if (call.flags.has("outcome")) query.emplace_back("Outcome", call.flags.get("outcome"));
  for (const std::string_view flag : {"limit", "offset"}) add_flag(call, flag, query);
  Result<json::value> page = call.session.get(client::get_bulks_items(call.argument(0)).with(query));
  if (!page) return page.error();
  print_shown(call, *page, bulk_items_text(*page));
  return {};
}

Result<void> endpoint_plans(Invocation& call) {
  Result<QueryItems> items = parse_filters(call.arguments);
  if (!items) return items.error();
  const std::vector<std::string> sets = split_list(call.flags.get("sets"));
  if (sets.empty()) return usage_error("which sets? --sets A,B; the first wins");
  const json::object body{{"Sets", json::array(sets.begin(), sets.end())},
                          {"Targets", query_of_words(*items)}};
  Result<json::value> plan = call.session.send_value(client::post_plans(), json::value(body));
  if (!plan) return plan.error();
  if (as_data(call)) {
    print_value(call.terminal, call.options, "", *plan);
    return {};
  }
  const std::string text = fleet_plan_text(*plan, call.options.colors);
  if (call.options.colors) {
    write_styled(call.terminal.out, text);
  } else {
    call.terminal.out << text;
  }
  return {};
}

}  // namespace mullion::cli
