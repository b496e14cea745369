// What a word on the command line stands for when a document or a body is expected.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "catalog/items.h"
#include "cli/tree/command.h"
#include "model/object_type.h"
#include "yaml/typed_texts.h"

namespace mullion::cli {

/// "-" is stdin, "@FILE" and the name of a file are its content, an http(s) URL what is behind it,
/// "catalog:ITEM" the item of the catalog (--catalog); anything else is the text itself.
Result<std::string> read_text(Invocation& call, const std::string& argument);
/// That as JSON or YAML. kBadRequest says what is wrong, and names a file that is not there.
Result<json::value> read_document(Invocation& call, const std::string& argument);
/// Same, of an object: numbers and booleans become texts where its type wants texts. `type` may be nullptr.
Result<json::value> read_object_of(Invocation& call, const std::string& argument,
                                   const model::ObjectType* type,
                                   yaml::Nulls nulls = yaml::Nulls::kEmptyText);
/// Same, but plain text that is no document is the value itself: parameters.
Result<json::value> read_value(Invocation& call, const std::string& argument);
/// "-" is a line of stdin, anything else the text itself: passwords.
std::string read_secret(Invocation& call, const std::string& argument);

/// The catalogs that --catalog or RS_CATALOG name, joined; without one, all that the server knows. Items by
/// id.
struct CatalogDocument {
  json::object meta;   // of the first one
  json::object items;  // of two with one id the first one counts
};
Result<CatalogDocument> read_catalog(Invocation& call);
/// The same as items; those that make no sense are left out, which is said on stderr.
Result<catalog::Items> read_items(Invocation& call);
/// `faults`: what is left out, and why.
catalog::Items items_of(const json::object& section, std::vector<std::string>* faults = nullptr);
/// The item of this id, or of this name and `stable`. kNotFound says what there is.
Result<const catalog::Item*> find_item(const catalog::Items& items, const std::string& id);
/// The artifact for a platform, "ARCH/OS".
Result<catalog::Artifact> artifact_for(const catalog::Item& item, const std::string& platform);
/// The bytes of an artifact: of this server for self://files/... and what is installed there, else of its
/// URL.
Result<net::BodySourcePtr> open_artifact(Invocation& call, const catalog::Artifact& artifact);
/// Where an item's bytes are for this architecture and system, with their checksum. kNotFound names the item.
Result<catalog::Artifact> catalog_artifact(Invocation& call, const std::string& item);

bool is_url(std::string_view text);

}  // namespace mullion::cli
