// Plans of endpoints, baselines, and version sets from files.
#include <fmt/format.h>

#include <iostream>

#include "base/json.h"
#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/documents/version_set_files.h"
#include "cli/output/output.h"
#include "env/file.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

constexpr int kChanged = 2;
constexpr std::string_view kSets = "version_sets";

bool wants_data(const Invocation& call) {
  const bool as_data = call.options.format == Format::kJson || call.options.format == Format::kYaml;
  return as_data && call.options.format_given;
}

bool is_set(const json::value& value, std::string_view name) {
  const json::value* found = member(value, name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

std::string bytes_text(uint64_t bytes) {
  if (bytes == 0) return "";
  if (bytes < 10'000) return fmt::format("{} B", bytes);
  if (bytes < 10'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{} MB", bytes / 1'000'000);
}

bool holds_value(const json::value& line) {
  const std::string kind = text_member(line, "Type");
  return kind == "Pref" || kind == "Global";
}

/// What is there is told as text, lists and maps as JSON. They are written as the wanted ones beside them.
std::string now_text(const json::value& line) {
  const std::string text = text_member(line, "Current");
  if (!holds_value(line) || !(text.starts_with('[') || text.starts_with('{'))) return text;
  const Result<json::value> value = parse_json(text);
  return value ? cell_text(*value) : text;
}

std::string wanted_text(const json::value& line) {
  const std::string kind = text_member(line, "Type");
  const json::value* value = member(line, "Value");
  if (holds_value(line)) return value == nullptr ? "" : cell_text(*value);
  if (kind == "File") return text_member(line, "ActualVersion");
  if (kind == "Plugin") return value == nullptr ? "" : text_member(*value, "Provider");
  const std::string word = text_member(line, "Version"), version = text_member(line, "ActualVersion");
  return word == version || word.empty() ? version : fmt::format("{} ({})", version, word);
}

std::string comma_list(const json::value& value, std::string_view name) {
  return fmt::format("{}", fmt::join(texts_member(value, name), ", "));
}

json::value row_of(const json::value& line) {
  json::object row;
  row["number"] = count_member(line, "Number");
  row["what"] = text_member(line, "Type");
  row["name"] = text_member(line, "Name");
  row["now"] = now_text(line);
  row["wanted"] = wanted_text(line);
  row["set"] = text_member(line, "Set");
  row["shadows"] = comma_list(line, "Shadows");
  row["bytes"] = bytes_text(count_member(line, "Bytes"));
  row["note"] = is_set(line, "Restarts") ? "restarts" : "";
  return row;
}

const json::array& lines_of(const json::value& plan, std::string_view name) {
  static const json::array kNone;
  const json::value* list = member(plan, name);
  return list != nullptr && list->is_array() ? list->get_array() : kNone;
}

std::string lines_table(const Invocation& call, const json::array& lines,
                        const std::vector<Column>& columns) {
  std::vector<json::value> rows;
  for (const json::value& line : lines) rows.push_back(row_of(line));
  TableStyle style;
  style.width = call.terminal.width;
  return table_text(columns, rows, style);
}

void print_plan(Invocation& call, const json::value& plan) {
  std::ostream& out = call.terminal.out;
  const json::array& actions = lines_of(plan, "Actions");
  const json::array& deletions = lines_of(plan, "Deletions");
  out << escaped(fmt::format("{}: {} ({} apply)", text_member(plan, "Endpoint"), text_member(plan, "State"),
                             is_set(plan, "Apply") ? "with" : "without"));
  if (const std::string by = text_member(plan, "ConfiguredBy"); !by.empty())
    out << escaped(", configured by " + by);
  if (const uint64_t total = count_member(plan, "Total"); total > 0)
    out << fmt::format(", {} of {} done", count_member(plan, "Done"), total);
  if (const std::string next = text_member(plan, "NextAttempt"); !next.empty())
    out << escaped(", next attempt " + next);
  out << "\n" << escaped("version sets: " + comma_list(plan, "VersionSets")) << "\n";
  if (!actions.empty()) {
    out << "\n"
        << lines_table(call, actions,
                       {{"#", "number"},
                        {"WHAT", "what"},
                        {"NAME", "name"},
                        {"NOW", "now"},
                        {"WANTED", "wanted"},
                        {"SET", "set"},
                        {"SHADOWS", "shadows"},
                        {"BYTES", "bytes"},
                        {"", "note"}});
  }
  if (!deletions.empty()) {
    out << "\nremoved, because no set declares them:\n"
        << lines_table(call, deletions,
                       {{"#", "number"}, {"WHAT", "what"}, {"NAME", "name"}, {"NOW", "now"}});
  }
  const std::vector<std::string> problems = texts_member(plan, "Problems");
  if (!problems.empty()) out << "\nproblems; nothing is removed while there are any:\n";
  for (const std::string& problem : problems) out << escaped("  " + problem) << "\n";
  const std::string bytes = bytes_text(count_member(plan, "Bytes"));
  out << fmt::format("\n{} to do, {} to remove{}{}\n", actions.size(), deletions.size(),
                     bytes.empty() ? "" : fmt::format(", {} to move", bytes),
                     is_set(plan, "Restarts") ? ", with a restart" : "");
}

Result<std::vector<json::object>> sets_of_server(Invocation& call) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  Result<json::value> list = call.session.get(client::get_collection(kSets));
  if (!list) return list.error();
  if (!list->is_array()) return Error(ErrorCode::kInternal, "the server's list of version sets is no list");
  const std::string id = text_member(*info, "ha_id");
  std::vector<json::object> out;
  for (const json::value& set : list->get_array()) {
    const std::string owner = text_member(set, "Endpoint");
    if (set.is_object() && (owner.empty() || owner == id)) out.push_back(set.get_object());
  }
  return out;
}

Result<SetMap> read_sets(Invocation& call, const std::string& path) {
  SetMap sets;
  if (path == "-") {
    Result<std::string> text = read_text(call, path);
    if (!text) return text.error();
    Result<void> added = add_sets(sets, "stdin", *text);
    if (!added) return added.error();
    return sets;
  }
  Result<std::vector<std::string>> files = set_files(path);
  if (!files) return files.error();
  std::vector<std::string> faults;
  for (const std::string& file : *files) {
    Result<std::string> text = env::read_file(file);
    if (!text) {
      faults.push_back(fmt::format("{}: cannot be read: {}", file, text.error().messages.front()));
      continue;
    }
    const Result<void> added = add_sets(sets, file, *text);
    if (!added) faults.insert(faults.end(), added.error().messages.begin(), added.error().messages.end());
  }
  if (!faults.empty()) return Error(ErrorCode::kInvalid, "", "", "", std::move(faults));
  return sets;
}

/// New and changed ones before anything is removed.
std::vector<Call> calls_of(const SetChanges& changes) {
  std::vector<Call> calls;
  calls.reserve(changes.created.size() + changes.changed.size() + changes.removed.size());
  for (const SetChanges::Change& change : changes.created)
    calls.push_back({client::post_collection(kSets), json::serialize(change.after)});
  for (const SetChanges::Change& change : changes.changed)
    calls.push_back(
        {client::patch_object(kSets, change.id), json::serialize(make_patch(change.before, change.after))});
  for (const std::string& id : changes.removed) calls.push_back({client::delete_object(kSets, id)});
  return calls;
}

/// A set that somebody else changed in between is refused. What was told before is then true of a part only,
/// and the error says of how much.
Result<void> carry_out(Invocation& call, const SetChanges& changes) {
  const std::vector<Call> calls = calls_of(changes);
  for (size_t done = 0; done < calls.size(); ++done) {
    Result<json::value> made = call.session.send_json(calls[done]);
    if (made) continue;
    Error error = made.error();
    error.messages.push_back(fmt::format("of {} changes, only the first {} were made", calls.size(), done));
    return error;
  }
  return {};
}

}  // namespace

Result<void> endpoint_plan(Invocation& call) {
  std::vector<std::pair<std::string, std::string>> query;
  add_flag(call, "sets", query);
  Result<json::value> plan = call.session.get(client::get_endpoints_plan(call.argument(0)).with(query));
  if (!plan) return plan.error();
  if (wants_data(call)) {
    print_value(call.terminal, call.options, "", *plan);
  } else {
    print_plan(call, *plan);
  }
  return {};
}

Result<void> version_set_baseline(Invocation& call) {
  if (!call.flags.has("from")) return usage_error("--from ENDPOINT is needed");
  json::object wish;
  wish["Name"] = call.argument(0);
  Result<json::value> answer = call.session.send_value(
      client::post_endpoints_baseline(call.flags.get("from")), json::value(std::move(wish)));
  if (!answer) return answer.error();
  for (const std::string& line : texts_member(*answer, "LeftOut"))
    call.terminal.err << escaped("left out: " + line) << "\n";
  const json::value* set = member(*answer, "VersionSet");
  if (set == nullptr) return Error(ErrorCode::kInternal, "the server answered no version set");
  if (!call.flags.on("create")) {
    print_value(call.terminal, call.options, "version_sets", *set);
    return {};
  }
  Result<json::value> made = call.session.send_value(client::post_collection(kSets), *set);
  if (!made) return made.error();
  return print_result(call, *made);
}

Result<void> version_set_apply(Invocation& call) {
  if (!call.flags.has("file")) return usage_error("-f DIR or FILE is needed");
  const std::string path = call.flags.get("file");
  Result<SetMap> wanted = read_sets(call, path);
  if (!wanted) return wanted.error();
  const bool prune = call.flags.on("prune");
  if (wanted->empty() && prune)
    return Error(ErrorCode::kInvalid,
                 fmt::format("{}: no version sets in it; --prune would remove all", path));
  Result<std::vector<json::object>> there = sets_of_server(call);
  if (!there) return there.error();
  const Result<SetChanges> changes = compare_sets(*wanted, *there, prune);
  if (!changes) return changes.error();
  if (wants_data(call)) {
    print_value(call.terminal, call.options, "", json::value(changes_json(*changes)));
  } else {
    call.terminal.out << changes_text(*changes);
  }
  if (!changes->refused.empty())
    return Error(ErrorCode::kConflict, "nothing was changed: " + changes->refused.front());
  if (!call.flags.on("dry-run")) {
    const Result<void> done = carry_out(call, *changes);
    if (!done) return done;
  }
  if (!changes->empty()) call.terminal.exit_status = kChanged;
  return {};
}

}  // namespace mullion::cli
