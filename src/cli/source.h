// What a word on the command line stands for when a document or a body is expected.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "cli/command.h"

namespace mullion::cli {

/// "-" is stdin, "@FILE" and the name of a file are its content, an http(s) URL what is behind it,
/// "catalog:ITEM" the item of the catalog (--catalog); anything else is the text itself.
Result<std::string> read_text(Invocation& call, const std::string& argument);
/// That as JSON or YAML. kBadRequest says what is wrong, and names a file that is not there.
Result<json::value> read_document(Invocation& call, const std::string& argument);
/// Same, but plain text that is no document is the value itself: parameters.
Result<json::value> read_value(Invocation& call, const std::string& argument);
/// "-" is a line of stdin, anything else the text itself: passwords.
std::string read_secret(Invocation& call, const std::string& argument);

/// Items of the catalog that --catalog or RS_CATALOG names, by id.
Result<json::object> read_catalog(Invocation& call);
/// Where an item's bytes are, for this architecture and system when it has several. kNotFound names the item.
Result<std::string> catalog_url(Invocation& call, const std::string& item);

/// Architecture and system of this computer in the catalog's words: "amd64/linux".
std::string own_platform();

bool is_url(std::string_view text);

}  // namespace mullion::cli
