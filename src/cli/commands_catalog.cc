// Catalogs: looking into one, installing from it, copying it to a server (contract: manager.md section 5.2).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <set>

#include "base/text.h"
#include "cli/catalog_plan.h"
#include "cli/document.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/source.h"
#include "cli/transfer.h"

namespace mullion::cli {
namespace {

/// The catalog's items of one name, or all, sorted by id.
Result<json::array> items_named(Invocation& call, const std::string& name) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  json::array kept;
  for (const auto& item : *items) {
    if (name.empty() || text_member(item.value(), "Name") == name) kept.push_back(item.value());
  }
  std::sort(kept.begin(), kept.end(), [](const json::value& a, const json::value& b) {
    return text_member(a, "Id") < text_member(b, "Id");
  });
  return kept;
}

/// NAME and --version make an id; a whole id is taken as it is.
std::string item_id(const Invocation& call) {
  return call.flags.has("version") ? call.argument(0) + "-" + call.flags.get("version") : call.argument(0);
}

/// The item of this id, or of the id with "-stable" behind it.
Result<json::value> find_item(const json::object& items, const std::string& id) {
  const json::value* found = items.if_contains(id);
  if (found == nullptr) found = items.if_contains(id + "-stable");
  if (found != nullptr) return *found;
  return Error(ErrorCode::kNotFound, fmt::format("the catalog has no item {} and no {}-stable", id, id));
}

std::string file_name_of_url(const std::string& url) {
  const std::string path = url.substr(0, url.find('?'));
  return path.substr(path.find_last_of('/') + 1);
}

/// Names in "a: >=1.0, b": what a content pack requires.
std::vector<std::string> required_names(const json::value& item) {
  std::vector<std::string> names;
  const json::value* meta = member(item, "Meta");
  if (meta == nullptr) return names;
  for (const std::string& part : split_list(text_member(*meta, "Prerequisites"))) {
    const size_t begin = part.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    names.push_back(part.substr(begin, part.find_first_of(": ", begin) - begin));
  }
  return names;
}

/// Installs items with what they require, each once.
class Installer {
 public:
  Installer(Invocation& call, const json::object& items, std::string platform)
      : call_(call), items_(items), platform_(std::move(platform)) {}

  Result<void> install(const std::string& id) {
    Result<json::value> item = find_item(items_, id);
    if (!item) return item.error();
    const std::string name = text_member(*item, "Name");
    if (!begun_.insert(name).second) return {};
    for (const std::string& required : required_names(*item)) {
      Result<void> ready = ensure(required);
      if (!ready) return ready;
    }
    const std::string url = item_url(*item, platform_);
    Result<json::value> installed = send(text_member(*item, "ContentType"), name, url);
    if (!installed) return installed.error();
    call_.terminal.out << fmt::format("Installed {} {}\n", name, text_member(*item, "ActualVersion"));
    return {};
  }

 private:
  /// What the server has already stays as it is.
  Result<void> ensure(const std::string& name) {
    Result<json::value> present = call_.session.get(api_path({"contents", name}));
    if (present) return {};
    return present.error().status_override == 404 ? install(name) : Result<void>(present.error());
  }

  Result<json::value> send(const std::string& kind, const std::string& name, const std::string& url) {
    if (kind == "ContentPackage") {
      Result<json::value> pack = read_pack(call_, url);
      return pack ? upload_pack(call_, *pack, false) : std::move(pack);
    }
    if (kind == "PluginProvider")
      return upload_source(call_, "POST", api_path({"plugin_providers", name}), url);
    if (kind == "DRP") return upload_source(call_, "POST", "system/upgrade", url);
    if (kind == "DRPUX") return upload_source(call_, "POST", "files/ux/drp-ux.zip?explode=true", url);
    return Error(ErrorCode::kBadRequest,
                 fmt::format("items of type {} cannot be installed on a server", kind));
  }

  Invocation& call_;
  const json::object& items_;
  const std::string platform_;
  std::set<std::string> begun_;
};

/// The items of the server's own catalog; none when it has no catalog yet.
Result<json::object> local_items(Invocation& call) {
  Result<json::value> names =
      call.session.get("files" + query_text({{"path", "rebar-catalog/rackn-catalog"}}));
  if (!names && names.error().status_override != 404) return names.error();
  if (!names) return json::object();
  const std::string newest = newest_catalog(texts_member(json::object{{"names", *names}}, "names"));
  if (newest.empty()) return json::object();
  Result<json::value> catalog = call.session.get(api_path({"files/rebar-catalog/rackn-catalog", newest}));
  if (!catalog) return catalog.error();
  const json::value* sections = member(*catalog, "sections");
  const json::value* items = sections == nullptr ? nullptr : member(*sections, "catalog_items");
  return items != nullptr && items->is_object() ? items->get_object() : json::object();
}

}  // namespace

Result<void> catalog_show(Invocation& call) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  return print_answer(call, json::value(std::move(*items)));
}

Result<void> catalog_items(Invocation& call) {
  Result<json::array> items = items_named(call, "");
  if (!items) return items.error();
  print_value(call.terminal, call.options, "catalog_items", json::value(std::move(*items)));
  return {};
}

Result<void> catalog_item_show(Invocation& call) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  if (const json::value* found = items->if_contains(item_id(call))) return print_answer(call, *found);
  Result<json::array> versions = items_named(call, call.argument(0));
  if (!versions) return versions.error();
  if (versions->empty() || call.flags.has("version")) {
    return Error(ErrorCode::kNotFound, "the catalog has no item " + item_id(call));
  }
  print_value(call.terminal, call.options, "catalog_items", json::value(std::move(*versions)));
  return {};
}

Result<void> catalog_item_download(Invocation& call) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  Result<json::value> item = find_item(*items, item_id(call));
  if (!item) return item.error();
  const std::string url = item_url(*item, own_platform());
  const bool worded = call.arguments.size() > 2 && call.argument(1) == "to";
  std::string destination = call.optional_argument(worded ? 2 : 1);
  if (destination.empty()) destination = file_name_of_url(url);
  return fetch_to_file(call, url, destination);
}

Result<void> catalog_item_install(Invocation& call) {
  Result<json::object> items = read_catalog(call);
  if (!items) return items.error();
  Result<json::value> info = call.session.get("info");
  if (!info) return info.error();
  const std::string platform = text_member(*info, "arch") + "/" + text_member(*info, "os");
  return Installer(call, *items, platform).install(item_id(call));
}

Result<void> catalog_update_local(Invocation& call) {
  Result<json::object> source = read_catalog(call);
  if (!source) return source.error();
  Result<json::object> local = local_items(call);
  if (!local) return local.error();
  const CatalogFilter filter{call.flags.get("version"), call.flags.on("tip")};
  const std::vector<CatalogCopy> copies = plan_catalog_update(*source, *local, filter);
  for (const CatalogCopy& copy : copies) {
    Result<json::value> stored = upload_source(call, "POST", api_path({"files", copy.path}), copy.url);
    if (!stored) return stored.error();
    call.terminal.out << copy.path << "\n";
  }
  if (copies.empty()) call.terminal.err << "the server's catalog has everything already\n";
  return {};
}

}  // namespace mullion::cli
