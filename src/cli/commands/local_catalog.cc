// The catalog of a server: building, filling, cleaning up; and a copy of a catalog in a directory.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <ostream>

#include "base/text.h"
#include "cli/commands/catalog_copy.h"
#include "cli/commands/catalog_plan.h"
#include "cli/commands/handlers.h"
#include "cli/connection/transfer.h"
#include "cli/documents/checksum.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kCatalogs = "rebar-catalog/rackn-catalog";

/// Rows for people, unless another format is asked for.
void print_table(Invocation& call, const json::value& answer, const std::vector<Column>& columns,
                 const json::array& rows) {
  const bool document = call.options.format_given && call.options.format != Format::kTable &&
                        call.options.format != Format::kText;
  if (document) return print_value(call.terminal, call.options, "", answer);
  TableStyle style;
  style.longest = 200;
  call.terminal.out << table_text(columns, rows, style);
}

/// Whatever is wrong with files below rebar-catalog.
void print_warnings(Invocation& call, const json::value& report) {
  for (const std::string& warning : texts_member(report, "Warnings")) {
    call.terminal.err << "warning: " << escaped(warning) << "\n";
  }
}

/// The elements of a version set and its server, as names with version words.
Result<std::vector<std::pair<std::string, std::string>>> items_of_set(Invocation& call,
                                                                      const std::string& id) {
  Result<json::value> set = call.session.get(client::get_object("version_sets", id));
  if (!set) return set.error();
  std::vector<std::pair<std::string, std::string>> out;
  const auto add = [&out](std::string name, std::string word) {
    if (!word.empty() && word != "ignore") out.emplace_back(std::move(name), std::move(word));
  };
  add("drp", text_member(*set, "DRPVersion"));
  add("drp-ux", text_member(*set, "DRPUXVersion"));
  const json::value* components = member(*set, "Components");
  if (components == nullptr || !components->is_array()) return out;
  for (const json::value& component : components->get_array()) {
    add(text_member(component, "Name"), text_member(component, "Version"));
  }
  return out;
}

/// Flags --version, --versions, --tip, --all, --version-set; without any of them: stable.
Result<CatalogFilter> filter_of(Invocation& call) {
  CatalogFilter filter;
  filter.all = call.flags.on("all");
  for (const std::string_view flag : {"version", "versions"}) {
    for (const std::string& given : call.flags.all(flag)) {
      for (std::string& word : split_list(given)) filter.words.push_back(std::move(word));
    }
  }
  if (call.flags.on("tip")) filter.words.emplace_back(catalog::kTip);
  for (const std::string& id : call.flags.all("version-set")) {
    auto single = items_of_set(call, id);
    if (!single) return single.error();
    filter.single.insert(filter.single.end(), single->begin(), single->end());
  }
  if (!filter.all && filter.words.empty() && filter.single.empty())
    filter.words.emplace_back(catalog::kStable);
  return filter;
}

Result<size_t> copies_at_once(Invocation& call) {
  if (!call.flags.has("concurrency")) return size_t{1};
  Result<uint64_t> number = number_argument(call.flags.get("concurrency"));
  if (!number) return number.error();
  if (*number == 0 || *number > kMostCopies) {
    return usage_error(fmt::format("--concurrency must be 1 to {}, not {}", kMostCopies, *number));
  }
  return static_cast<size_t>(*number);
}

/// Files of the server's own catalog; none when it has no catalog yet.
Result<std::map<std::string, std::string>> files_of_server(Invocation& call) {
  using Files = std::map<std::string, std::string>;
  Result<json::value> names = call.session.get(client::get_files().with("path", kCatalogs));
  if (!names && names.error().status_override != 404) return names.error();
  if (!names) return Files();
  const std::string newest = newest_catalog(texts_member(json::object{{"names", *names}}, "names"));
  if (newest.empty()) return Files();
  Result<json::value> document = call.session.get(client::get_files(std::string(kCatalogs) + "/" + newest));
  if (!document) return document.error();
  const json::value* sections = member(*document, "sections");
  const json::value* items = sections == nullptr ? nullptr : member(*sections, "catalog_items");
  if (items == nullptr || !items->is_object()) return Files();
  return files_of(items_of(items->get_object()));
}

/// Whether the server has this file although its catalog, which may not have been built since, does not say
/// so.
bool is_at_server(Invocation& call, const catalog::Artifact& artifact) {
  if (artifact.sha256.empty()) return false;
  const Result<net::TextResponse> answer = call.session.send({client::head_files(artifact.path)});
  return answer && answer->headers.get("X-DRP-SHA256SUM").value_or("") == artifact.sha256;
}

void tell_unchecked(Invocation& call, const std::vector<catalog::Artifact>& files) {
  for (const catalog::Artifact& file : files) {
    if (file.sha256.empty()) {
      call.terminal.err << "warning: the catalog has no checksum for " << escaped(file.source) << "\n";
    }
  }
}

/// The chosen items of the catalog that is copied from. It must be named: the server's own is where they go.
Result<catalog::Items> source_items(Invocation& call) {
  if (!call.options.catalogs.empty()) return read_items(call);
  return usage_error("name the catalog to copy from with --catalog URL or RS_CATALOG");
}

}  // namespace

Result<void> catalog_build(Invocation& call) {
  Result<json::value> report =
      call.session.send_value(client::post_plugins_manager_actions("buildCatalog"), json::object());
  if (!report) return report.error();
  print_warnings(call, *report);
  print_table(call, *report,
              {{"Version", "Version"},
               {"Changed", "Changed"},
               {"Items", "Items"},
               {"Files", "Files"},
               {"Read", "Read"}},
              json::array{*report});
  return {};
}

Result<void> catalog_collect(Invocation& call) {
  Result<json::value> answer = call.session.send_value(client::post_plugins_manager_actions("collectCatalog"),
                                                       json::object{{"dry_run", call.flags.on("dry-run")}});
  if (!answer) return answer.error();
  json::array rows;
  for (const auto& [list, word] : {std::pair{"Removed", call.flags.on("dry-run") ? "would go" : "removed"},
                                   std::pair{"Kept", "stays"}}) {
    const json::value* versions = member(*answer, list);
    if (versions == nullptr || !versions->is_array()) continue;
    for (const json::value& version : versions->get_array()) {
      if (!version.is_object()) continue;
      json::object row = version.get_object();
      row["What"] = word;
      rows.push_back(std::move(row));
    }
  }
  print_table(call, *answer, {{"What", "What"}, {"Id", "Id"}, {"Bytes", "Bytes"}, {"UsedBy", "UsedBy"}},
              rows);
  return {};
}

Result<void> catalog_update_local(Invocation& call) {
  Result<catalog::Items> source = source_items(call);
  if (!source) return source.error();
  Result<CatalogFilter> filter = filter_of(call);
  if (!filter) return filter.error();
  Result<size_t> at_once = copies_at_once(call);
  if (!at_once) return at_once.error();
  auto chosen = choose_items(*source, *filter);
  if (!chosen) return chosen.error();
  auto present = files_of_server(call);
  if (!present) return present.error();
  std::vector<catalog::Artifact> files = missing_files(*chosen, *present);
  std::erase_if(files, [&call](const catalog::Artifact& artifact) { return is_at_server(call, artifact); });
  tell_unchecked(call, files);
  if (files.empty()) call.terminal.err << "the server's catalog has everything already\n";
  return copy_files(
      call, files, *at_once, [](Invocation& own, const catalog::Artifact& artifact) -> Result<void> {
        Result<json::value> stored = upload_artifact(own, client::post_files(artifact.path), artifact);
        return stored ? Result<void>() : Result<void>(stored.error());
      });
}

Result<void> catalog_copy_local(Invocation& call) {
  const std::filesystem::path location = call.flags.get("location");
  if (location.empty()) return usage_error("name a directory with --location DIR");
  Result<catalog::Items> source = read_items(call);
  if (!source) return source.error();
  Result<CatalogFilter> filter = filter_of(call);
  if (!filter) return filter.error();
  Result<size_t> at_once = copies_at_once(call);
  if (!at_once) return at_once.error();
  auto chosen = choose_items(*source, *filter);
  if (!chosen) return chosen.error();
  std::map<std::string, std::string> present;
  std::error_code ignored;
  for (const catalog::Artifact& file : missing_files(*chosen, {})) {
    const std::filesystem::path path = location / file.path;
    if (std::filesystem::is_regular_file(path, ignored)) present[file.path] = checksum_of_file(path);
  }
  const std::vector<catalog::Artifact> files = missing_files(*chosen, present);
  tell_unchecked(call, files);
  if (files.empty()) call.terminal.err << "everything is there already\n";
  return copy_files(call, files, *at_once,
                    [location](Invocation& own, const catalog::Artifact& artifact) -> Result<void> {
                      const std::filesystem::path path = location / artifact.path;
                      std::error_code failure;
                      std::filesystem::create_directories(path.parent_path(), failure);
                      if (failure)
                        return Error(ErrorCode::kBadRequest, "cannot make " + path.parent_path().string());
                      return fetch_to_file(own, artifact, path);
                    });
}

}  // namespace mullion::cli
