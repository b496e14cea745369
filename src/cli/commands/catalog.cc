// Catalogs: looking into one and installing from it (contract: manager.md section 5.2).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <set>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/connection/transfer.h"
#include "cli/documents/checksum.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

/// The catalog's items of one name, or all, sorted by id.
Result<json::array> items_named(Invocation& call, const std::string& name) {
  Result<CatalogDocument> document = read_catalog(call);
  if (!document) return document.error();
  json::array kept;
  for (const auto& item : document->items) {
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

std::string file_name_of_url(const std::string& url) {
  const std::string path = url.substr(0, url.find('?'));
  return path.substr(path.find_last_of('/') + 1);
}

/// Names in "a: >=1.0, b": what a content pack or a plugin provider requires.
std::vector<std::string> required_names(const catalog::Item& item) {
  std::vector<std::string> names;
  for (const std::string& part : split_list(text_member(item.meta, "Prerequisites"))) {
    const size_t begin = part.find_first_not_of(' ');
    if (begin == std::string::npos) continue;
    names.push_back(part.substr(begin, part.find_first_of(": ", begin) - begin));
  }
  return names;
}

/// Installs items with what they require, each once.
class Installer {
 public:
  Installer(Invocation& call, const catalog::Items& items, std::string platform)
      : call_(call), items_(items), platform_(std::move(platform)) {}

  Result<void> install(const std::string& id) {
    Result<const catalog::Item*> item = find_item(items_, id);
    if (!item) return item.error();
    if (!begun_.insert((*item)->name).second) return {};
    for (const std::string& required : required_names(**item)) {
      Result<void> ready = ensure(required);
      if (!ready) return ready;
    }
    Result<catalog::Artifact> artifact = artifact_for(**item, platform_);
    if (!artifact) return artifact.error();
    Result<json::value> installed = send(**item, *artifact);
    if (!installed) return installed.error();
    call_.terminal.out << fmt::format("Installed {} {}\n", escaped((*item)->name),
                                      escaped((*item)->actual_version));
    return {};
  }

 private:
  /// What the server has already stays as it is. Providers bring content of their own name.
  Result<void> ensure(const std::string& name) {
    Result<json::value> present = call_.session.get(client::get_contents(name));
    if (present) return {};
    return present.error().status_override == 404 ? install(name) : Result<void>(present.error());
  }

  Result<json::value> send(const catalog::Item& item, const catalog::Artifact& artifact) {
    const std::string& kind = item.content_type;
    if (kind == "ContentPackage") {
      const ScratchFile file;
      Result<void> fetched = fetch_to_file(call_, artifact, file.path());
      if (!fetched) return fetched.error();
      Result<json::value> pack = read_pack(call_, file.path());
      return pack ? upload_pack(call_, *pack, false) : std::move(pack);
    }
    if (kind == "PluginProvider") {
      return upload_artifact(call_, client::post_plugin_providers(item.name), artifact);
    }
    if (kind == "DRP") return upload_artifact(call_, client::post_system_upgrade(), artifact);
    if (kind == "DRPUX") {
      return upload_artifact(call_, client::post_files("ux/drp-ux.zip").with("explode", "true"), artifact);
    }
    return Error(ErrorCode::kBadRequest,
                 fmt::format("items of type {} cannot be installed on a server", kind));
  }

  Invocation& call_;
  const catalog::Items& items_;
  const std::string platform_;
  std::set<std::string> begun_;
};

}  // namespace

Result<void> catalog_show(Invocation& call) {
  Result<CatalogDocument> document = read_catalog(call);
  if (!document) return document.error();
  return print_answer(call, json::value(std::move(document->items)));
}

Result<void> catalog_items(Invocation& call) {
  Result<json::array> items = items_named(call, "");
  if (!items) return items.error();
  print_value(call.terminal, call.options, "catalog_items", json::value(std::move(*items)));
  return {};
}

Result<void> catalog_item_show(Invocation& call) {
  Result<CatalogDocument> document = read_catalog(call);
  if (!document) return document.error();
  if (const json::value* found = document->items.if_contains(item_id(call)))
    return print_answer(call, *found);
  json::array versions;
  for (const auto& item : document->items) {
    if (text_member(item.value(), "Name") == call.argument(0)) versions.push_back(item.value());
  }
  if (versions.empty() || call.flags.has("version")) {
    return Error(ErrorCode::kNotFound, "the catalog has no item " + item_id(call));
  }
  print_value(call.terminal, call.options, "catalog_items", json::value(std::move(versions)));
  return {};
}

Result<void> catalog_item_download(Invocation& call) {
  Result<catalog::Artifact> artifact = catalog_artifact(call, item_id(call));
  if (!artifact) return artifact.error();
  const bool worded = call.arguments.size() > 2 && call.argument(1) == "to";
  std::string destination = call.optional_argument(worded ? 2 : 1);
  if (destination.empty()) destination = file_name_of_url(artifact->source);
  return fetch_to_file(call, *artifact, destination);
}

Result<void> catalog_item_install(Invocation& call) {
  Result<catalog::Items> items = read_items(call);
  if (!items) return items.error();
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  const std::string platform = text_member(*info, "arch") + "/" + text_member(*info, "os");
  return Installer(call, *items, platform).install(item_id(call));
}

Result<void> catalog_create(Invocation& call) {
  const std::string word = call.flags.has("pkg-version") ? call.flags.get("pkg-version") : "stable";
  if (word != catalog::kStable && word != catalog::kTip) {
    return usage_error("--pkg-version must be tip or stable, not `" + word + "`");
  }
  Result<CatalogDocument> document = read_catalog(call);
  if (!document) return document.error();
  json::object kept;
  for (auto& item : document->items) {
    if (text_member(item.value(), "Version") == word) kept[item.key()] = std::move(item.value());
  }
  document->meta["Name"] = "rackn-catalog";
  document->meta["Type"] = "catalog";
  return print_answer(call, json::value(json::object{{"meta", std::move(document->meta)},
                                                     {"sections", {{"catalog_items", std::move(kept)}}}}));
}

}  // namespace mullion::cli
