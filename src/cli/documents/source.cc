#include "cli/documents/source.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <istream>
#include <iterator>
#include <ostream>

#include "base/text.h"
#include "catalog/catalog_url.h"
#include "catalog/installed.h"
#include "cli/documents/checksum.h"
#include "cli/documents/document.h"
#include "env/file.h"
#include "yaml/yaml.h"

namespace mullion::cli {
namespace {

constexpr uint64_t kLargestDocument = 512ULL * 1024 * 1024;

bool is_file(const std::string& path) {
  std::error_code ignored;
  const bool may_be = path.size() < 4096 && path.find('\n') == std::string::npos;
  return may_be && std::filesystem::is_regular_file(path, ignored);
}

Result<std::string> read_file(const std::string& path) {
  Result<std::string> text = env::read_file(path);
  if (!text) return Error(ErrorCode::kBadRequest, fmt::format("cannot read {}", path));
  return text;
}

Result<std::string> read_whole(Invocation& call, Result<net::BodySourcePtr> body) {
  if (!body) return body.error();
  return call.session.read_body(**body, kLargestDocument);
}

/// A refused certificate, and what can be done about it.
Error explained(Error error, const std::string& source) {
  const bool refused = source.starts_with("https:") && !error.messages.empty() &&
                       error.messages.front().find("certificate") != std::string::npos;
  if (!refused) return error;
  const std::string url = source.substr(0, source.find('#'));
  error.messages.push_back(
      fmt::format("a catalog decides what is installed, so its server must be known: if it is the right one, "
                  "name the catalog as "
                  "{}#sha256=HEX with the SHA-256 of its certificate (openssl x509 -fingerprint -sha256)",
                  url));
  return error;
}

Result<std::string> read_catalog_url(Invocation& call, const std::string& source) {
  const catalog::CatalogUrl place = catalog::catalog_url(source);
  Result<std::string> text = read_whole(call, call.session.open_url(place.url, place.trust));
  return text ? std::move(text) : Result<std::string>(explained(text.error(), source));
}

}  // namespace

Result<net::BodySourcePtr> open_artifact(Invocation& call, const catalog::Artifact& artifact) {
  constexpr std::string_view kOwn = "self://files/";
  if (const auto installed = catalog::installed_name(artifact.source)) {
    const bool pack = installed->content_type == "ContentPackage";
    return call.session.open({pack ? client::get_contents(installed->name)
                                   : client::get_plugin_providers_binary(installed->name)});
  }
  if (!artifact.source.starts_with(kOwn)) return call.session.open_url(artifact.source);
  return call.session.open({client::get_files(artifact.source.substr(kOwn.size()))});
}

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

Result<std::string> read_text(Invocation& call, const std::string& argument) {
  if (argument == "-") return std::string(std::istreambuf_iterator<char>(call.terminal.in), {});
  if (argument.starts_with('@') && is_file(argument.substr(1))) return read_file(argument.substr(1));
  if (is_url(argument) && argument.find_first_of(" \n") == std::string::npos)
    return read_whole(call, call.session.open_url(argument));
  if (argument.starts_with("catalog:")) {
    Result<catalog::Artifact> artifact = catalog_artifact(call, argument.substr(8));
    if (!artifact) return artifact.error();
    Result<std::string> text = read_whole(call, open_artifact(call, *artifact));
    if (!text) return text;
    const Result<void> good = check_bytes(*artifact, *text);
    return good ? std::move(text) : Result<std::string>(good.error());
  }
  return is_file(argument) ? read_file(argument) : Result<std::string>(argument);
}

Result<json::value> read_document(Invocation& call, const std::string& argument) {
  if (argument.starts_with('@') && !is_file(argument.substr(1))) {
    return Error(ErrorCode::kBadRequest, "there is no file " + argument.substr(1));
  }
  Result<std::string> text = read_text(call, argument);
  if (!text) return text.error();
  Result<json::value> parsed = yaml::read(*text);
  if (parsed || *text == argument || parsed.error().messages.empty()) return parsed;
  Error error = parsed.error();
  error.messages[0].insert(0, (argument == "-" ? "stdin" : argument) + ": ");
  return error;
}

Result<json::value> read_object_of(Invocation& call, const std::string& argument,
                                   const model::ObjectType* type, yaml::Nulls nulls) {
  Result<json::value> document = read_document(call, argument);
  if (document && document->is_object() && type != nullptr)
    yaml::spell_texts(type->fields, document->get_object(), nulls);
  return document;
}

Result<json::value> read_value(Invocation& call, const std::string& argument) {
  if (is_url(argument)) return json::value(json::string_view(argument));  // parameters hold URLs
  Result<std::string> text = read_text(call, argument);
  if (!text) return text.error();
  Result<json::value> parsed = yaml::read(*text);
  if (parsed) return parsed;
  // What stands in a file and is YAML that cannot be kept whole is no text by mistake.
  const bool is_text = *text == argument || parsed.error().code == ErrorCode::kBadRequest;
  return is_text ? Result<json::value>(json::value(json::string_view(*text))) : parsed;
}

std::string read_secret(Invocation& call, const std::string& argument) {
  if (argument != "-") return argument;
  std::string line;
  std::getline(call.terminal.in, line);
  return line;
}

namespace {

constexpr std::string_view kItems = "catalog_items";

/// The section of a catalog document.
Result<CatalogDocument> document_of(const json::value& document, const std::string& source) {
  const json::value* sections = member(document, "sections");
  const json::value* items = sections == nullptr ? nullptr : member(*sections, kItems);
  if (items == nullptr || !items->is_object()) {
    return Error(ErrorCode::kBadRequest, source + " is no catalog: sections.catalog_items is missing");
  }
  const json::value* meta = member(document, "meta");
  return CatalogDocument{meta != nullptr && meta->is_object() ? meta->get_object() : json::object(),
                         items->get_object()};
}

Result<CatalogDocument> read_one(Invocation& call, const std::string& source) {
  Result<std::string> text = is_url(source) ? read_catalog_url(call, source) : read_file(source);
  if (!text) return text.error();
  Result<json::value> document = yaml::read(*text);
  return document ? document_of(*document, source) : Result<CatalogDocument>(document.error());
}

/// What the server resolves version sets with; of a server that cannot tell, its objects.
Result<CatalogDocument> read_of_server(Invocation& call) {
  Result<json::value> joined =
      call.session.send_value(client::post_plugins_manager_actions("showCatalog"), json::object());
  if (joined) return document_of(*joined, "the server's answer");
  if (joined.error().status_override != 404) return joined.error();
  Result<json::value> objects = call.session.get(client::get_collection(kItems));
  if (!objects) return objects.error();
  CatalogDocument out;
  if (!objects->is_array()) return out;
  for (json::value& item : objects->get_array()) {
    const std::string id = text_member(item, "Id");
    if (!out.items.contains(id)) out.items[id] = std::move(item);
  }
  return out;
}

}  // namespace

Result<CatalogDocument> read_catalog(Invocation& call) {
  if (call.options.catalogs.empty()) return read_of_server(call);
  CatalogDocument joined;
  for (const std::string& source : call.options.catalogs) {
    Result<CatalogDocument> one = read_one(call, source);
    if (!one) return one;
    if (joined.meta.empty()) joined.meta = std::move(one->meta);
    for (auto& entry : one->items) {
      if (!joined.items.contains(entry.key())) joined.items[entry.key()] = std::move(entry.value());
    }
  }
  return joined;
}

Result<catalog::Items> read_items(Invocation& call) {
  Result<CatalogDocument> document = read_catalog(call);
  if (!document) return document.error();
  std::vector<std::string> faults;
  catalog::Items items = items_of(document->items, &faults);
  for (const std::string& fault : faults)
    call.terminal.err << "warning: the catalog has an item that is none: " << escaped(fault) << "\n";
  return items;
}

catalog::Items items_of(const json::object& section, std::vector<std::string>* faults) {
  std::vector<catalog::Item> items;
  for (const auto& entry : section) {
    Result<catalog::Item> item = entry.value().is_object()
                                     ? catalog::Item::parse(entry.value().get_object())
                                     : Result<catalog::Item>(Error(ErrorCode::kInvalid, "no object"));
    if (item) {
      items.push_back(std::move(*item));
    } else if (faults != nullptr) {
      faults->push_back(fmt::format("{}: {}", std::string_view(entry.key()), item.error().messages.front()));
    }
  }
  return catalog::Items(std::move(items));
}

Result<const catalog::Item*> find_item(const catalog::Items& items, const std::string& id) {
  if (const catalog::Item* found = items.find(id)) return found;
  Result<const catalog::Item*> stable = items.resolve(id, "", catalog::kStable);
  if (stable) return stable;
  return Error(ErrorCode::kNotFound,
               fmt::format("the catalog has no item {} (such as task-library-stable): {}", id,
                           stable.error().messages.front()));
}

Result<catalog::Artifact> artifact_for(const catalog::Item& item, const std::string& platform) {
  const size_t slash = platform.find('/');
  return catalog::artifact_of(item, platform.substr(0, slash), platform.substr(slash + 1));
}

Result<catalog::Artifact> catalog_artifact(Invocation& call, const std::string& item) {
  Result<catalog::Items> items = read_items(call);
  if (!items) return items.error();
  Result<const catalog::Item*> found = find_item(*items, item);
  if (!found) return found.error();
  return artifact_for(**found, catalog::own_platform());
}

}  // namespace mullion::cli
